"""What a target computes on a case, quantity by quantity, and how far two such answers may lie apart.

A quantity is a part and a name: ``("gradient", "W1")``, ``("second", "loss")``, ``("step 2", "b1")``.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import NamedTuple, TypeAlias

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.cases.store import LoadedCase
from nn_conformance.judge.climb import Climb, over
from nn_conformance.judge.limits import gradient_limit, norm, update_limit, value_limit
from nn_conformance.judge.target import Answer, Target, TargetError, Unsupported
from nn_conformance.oracles import reference
from nn_reference.arithmetic import Array

Quantity: TypeAlias = tuple[str, str]


class Fault(NamedTuple):
    """What a part has instead of an answer: the class of failure, and what is the same wherever that mistake is made."""

    failure: str
    text: str


Values: TypeAlias = Mapping[Quantity, Array | Fault]
EVALUATION = ("layer", "loss", "gradient")
MEMORY = ("again", "second")


def observe(climb: Climb) -> Iterator[tuple[Quantity, Array | Fault]]:
    """Every quantity that the target shows, in the order of the calls; a part that it cannot do is left out.

    What the climb has asked already is not asked again.
    """
    parts: dict[str, Callable[[], Iterator[tuple[Quantity, Array]]]] = {
        "evaluation": lambda: _evaluation(climb),
        "again": lambda: _answer("again", climb.repeated),
    }
    if climb.case.second_call:
        parts["second"] = lambda: _answer("second", climb.second)
    for k in range(len(climb.case.steps)):
        parts[f"step {k + 1}"] = lambda k=k: _step(climb, k)  # type: ignore[misc]
    if climb.case.pruned:
        parts["pruning"] = lambda: _pruning(climb)
    for part, run in parts.items():
        try:
            yield from run()
        except TargetError as error:
            yield (part, "fault"), _fault(error)
        except Unsupported:
            continue


class Bench:
    """One case in one precision: what the reference computes, and the limit of any quantity."""

    def __init__(self, loaded: LoadedCase, dtype: fmt.Dtype) -> None:
        self.climb = Climb(loaded, reference, dtype)
        self.case, self.loaded, self.dtype = loaded.case, loaded, dtype
        self.uncertainty: Mapping[str, float] = {}

    @cached_property
    def right(self) -> Values:
        """All quantities, from the reference."""
        return dict(observe(self.climb))

    def look(self, climb: Climb) -> Values:
        """The quantities that somebody's target shows; its uncertainty, where it states one, is in the limits from now on."""
        values = dict(observe(climb))
        with suppress(TargetError, Unsupported):
            self.uncertainty = climb.answer.uncertainty
        return values

    def of(self, target: Target) -> Iterator[tuple[Quantity, Array | Fault]]:
        """The quantities that another target shows, one by one."""
        climb = Climb(self.loaded, target, self.dtype, trusted=True)
        climb.expected = self.climb.expected  # the same for every target
        if self.case.second_call:
            climb.second_expected = self.climb.second_expected
        return observe(climb)

    def ratio(
        self, quantity: Quantity, found: Array | Fault, expected: Array | Fault, dtype: fmt.Dtype | None = None
    ) -> float:
        """Error over limit; infinite where shapes, NaN or infinite entries differ."""
        if isinstance(found, Fault) or isinstance(expected, Fault):
            return 0.0 if found is expected or found == expected else np.inf
        if found.shape != expected.shape:
            return np.inf
        if np.array_equal(found, expected):
            return 0.0
        a, b = np.asarray(found, np.float64), np.asarray(expected, np.float64)
        finite = np.isfinite(b)
        if not np.array_equal(a[~finite], b[~finite], equal_nan=True) or not np.isfinite(a[finite]).all():
            return np.inf
        return over(norm(a[finite] - b[finite]), self.limit(quantity, b, dtype or self.dtype))

    def limit(self, quantity: Quantity, expected: Array, dtype: fmt.Dtype) -> float:
        """The ladder's own, for what is expected here: a mistaken value may be larger than the right one."""
        part, name = quantity
        expected = np.where(np.isfinite(expected), expected, 0)
        own = value_limit(expected, dtype, self.climb.longest).value
        if part in ("gradient", *MEMORY) and name != "loss":
            call = self.climb.second_expected if part == "second" else self.climb.expected
            certified = gradient_limit(call.gradients[name], call.magnitudes[name], dtype, self.climb.longest).value
            size = norm(call.gradients[name])
            stated = self.uncertainty.get(name, 0.0)
            return own + stated + certified * max(1.0, norm(expected) / size if size else 1.0)
        if part.startswith("step") or part == "after":
            move = norm(expected - self.before(quantity))
            return update_limit(move, norm(expected), self.case.optimizer, dtype, self.climb.longest).value
        return own

    def before(self, quantity: Quantity) -> Array:
        """The parameter that a step starts from."""
        part, name = quantity
        return (
            self.climb.before(int(part.split()[1]) - 1)[name] if part.startswith("step") else self.loaded.params[name]
        )

    @property
    def at_a_kink(self) -> bool:
        """Whether several gradients are right here, unit by unit."""
        return bool(self.case.evaluation.kinks)

    def compared(self, quantity: Quantity) -> bool:
        """Whether a quantity has one right value in this precision."""
        return quantity[1] not in self.climb.nan_gradients


def _evaluation(climb: Climb) -> Iterator[tuple[Quantity, Array]]:
    answer = climb.answer
    for k, layer in enumerate(answer.layers or (), 1):
        yield ("layer", f"z{k}"), layer.z
        yield ("layer", f"a{k}"), layer.a
    if answer.loss is not None:
        yield ("loss", "loss"), np.asarray(answer.loss)
    yield from ((("gradient", name), g) for name, g in answer.gradients.items())


def _answer(part: str, answer: Answer) -> Iterator[tuple[Quantity, Array]]:
    if answer.loss is not None:
        yield (part, "loss"), np.asarray(answer.loss)
    yield from (((part, name), g) for name, g in answer.gradients.items())


def _step(climb: Climb, k: int) -> Iterator[tuple[Quantity, Array]]:
    yield from (((f"step {k + 1}", name), p) for name, p in climb.step(k).params.items())


def _pruning(climb: Climb) -> Iterator[tuple[Quantity, Array]]:
    for part, params in zip(("left", "after"), climb.pruned, strict=True):
        yield from (((part, name), p) for name, p in params.items())


def _fault(error: TargetError) -> Fault:
    """Which parameters were changed is the case's business: a change of any is the same mistake."""
    if error.failure != "arguments":
        return Fault(error.failure, str(error))
    names = {name if name in ("x", "t") else "parameters" for name in error.subject}
    return Fault(error.failure, f"it changed {' and '.join(sorted(names))}")
