"""What a target computes on a case, quantity by quantity, and how far two such answers may lie apart.

A quantity is a part and a name: ``("gradient", "W1")``, ``("second", "loss")``, ``("step 2", "b1")``.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import TypeAlias

import numpy as np

from nn_conformance.fixtures import format as fmt
from nn_conformance.fixtures.store import LoadedCase
from nn_conformance.ladder.climb import Climb, copied, over, there
from nn_conformance.ladder.updates import state_of
from nn_conformance.oracles import reference
from nn_conformance.targets import Answer, Prunes, Pruning, Target, TargetError, Unsupported
from nn_conformance.tolerances import gradient_limit, norm, update_limit, value_limit
from nn_reference.arithmetic import Array, Params

Quantity: TypeAlias = tuple[str, str]
# Arrays; or a text, where a part has no answer.
Values: TypeAlias = Mapping[Quantity, Array | str]
EVALUATION = ("layer", "loss", "gradient")
MEMORY = ("again", "second")


def observe(climb: Climb) -> Iterator[tuple[Quantity, Array | str]]:
    """Every quantity that the target shows, in the order of the calls; a part that it cannot do is left out."""
    parts: dict[str, Callable[[], Iterator[tuple[Quantity, Array]]]] = {
        "evaluation": lambda: _evaluation(climb),
        "again": lambda: _answer("again", climb.evaluate(climb.expected)),
    }
    if climb.case.second_call:
        parts["second"] = lambda: _answer("second", climb.evaluate(climb.second_expected))
    for k in range(len(climb.case.steps)):
        parts[f"step {k + 1}"] = lambda k=k: _step(climb, k)  # type: ignore[misc]
    if climb.case.pruned and isinstance(climb.target, Prunes):
        parts["pruning"] = lambda: _pruning(climb, climb.target)  # type: ignore[arg-type]
    for part, run in parts.items():
        try:
            yield from run()
        except TargetError as fault:
            yield (part, "fault"), _shortened(str(fault))
        except Unsupported:
            continue


class Remembering(LoadedCase):
    """A case whose arrays are read and verified once, however many mistakes are tried on it."""

    def __init__(self, loaded: LoadedCase) -> None:
        super().__init__(loaded.store, loaded.case)
        self._read: dict[str, Array] = {}

    def array(self, array: fmt.Array, field: str) -> Array:
        """As of any case."""
        if field not in self._read:
            self._read[field] = super().array(array, field)
        return self._read[field]


class Bench:
    """One case in one precision: what the reference computes, and the limit of any quantity."""

    def __init__(self, loaded: LoadedCase, dtype: fmt.Dtype) -> None:
        loaded = Remembering(loaded)
        self.climb = Climb(loaded, reference, dtype)
        self.case, self.loaded, self.dtype = loaded.case, loaded, dtype
        self.uncertainty: Mapping[str, float] = {}

    @cached_property
    def right(self) -> Values:
        """All quantities, from the reference."""
        return dict(observe(self.climb))

    def look(self, target: Target) -> Values:
        """The quantities that somebody's target shows; its uncertainty, where it states one, is in the limits from now on."""
        climb = self._climb(target)
        values = dict(observe(climb))
        with suppress(TargetError, Unsupported):
            self.uncertainty = climb.answer.uncertainty
        return values

    def of(self, target: Target) -> Iterator[tuple[Quantity, Array | str]]:
        """The quantities that another target shows, one by one."""
        return observe(self._climb(target))

    def _climb(self, target: Target) -> Climb:
        climb = Climb(self.loaded, target, self.dtype, trusted=True)
        climb.expected = self.climb.expected  # the same for every target
        if self.case.second_call:
            climb.second_expected = self.climb.second_expected
        return climb

    def ratio(
        self, quantity: Quantity, found: Array | str, expected: Array | str, dtype: fmt.Dtype | None = None
    ) -> float:
        """Error over limit; infinite where shapes, NaN or infinite entries differ."""
        if isinstance(found, str) or isinstance(expected, str):
            return 0.0 if found is expected or str(found) == str(expected) else np.inf
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
        params = self.loaded.params
        if part.startswith("step"):
            k = int(part.split()[1]) - 1
            given = self.case.steps[k].params
            params = params if given is None else self.loaded.arrays(given, f"steps[{k}].params")
        return params[name]

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
    yield from ((("gradient", name), g) for name, g in _arrays(answer.gradients))


def _answer(part: str, answer: Answer) -> Iterator[tuple[Quantity, Array]]:
    if answer.loss is not None:
        yield (part, "loss"), np.asarray(answer.loss)
    yield from (((part, name), g) for name, g in _arrays(answer.gradients))


def _arrays(params: Params) -> Iterator[tuple[str, Array]]:
    return ((name, a) for name, a in params.items() if isinstance(a, np.ndarray | np.generic))


def _step(climb: Climb, k: int) -> Iterator[tuple[Quantity, Array]]:
    step, field = climb.case.steps[k], f"steps[{k}]"
    given = climb.loaded.params if step.params is None else climb.loaded.arrays(step.params, f"{field}.params")
    state = None if step.state is None else state_of(climb, step.state, f"{field}.state")
    run = climb.train(climb.cast(given), [step.rows], state)
    yield from (((f"step {k + 1}", name), p) for name, p in _arrays(run.params))


def _pruning(climb: Climb, target: Prunes) -> Iterator[tuple[Quantity, Array]]:
    pruned = there(climb.case.pruned)
    how = Pruning(pruned.threshold, pruned.names, pruned.keep_mask)
    memory = there(copied(state_of(climb, pruned.state, "pruned.state")))
    x, t = climb.cast(climb.loaded.x[pruned.rows]), climb.cast(climb.loaded.t[pruned.rows])
    left, after = climb.call(
        lambda: target.prune(climb.network, climb.case.optimizer, dict(climb.params), x, t, how, memory), climb.params
    )
    for part, params in (("left", left), ("after", after)):
        yield from (((part, name), p) for name, p in _arrays(params))


def _shortened(fault: str) -> str:
    """Which parameters were changed is the case's business: a change of any is the same mistake."""
    if "changed its argument" not in fault:
        return fault
    names = fault.split("changed its argument ")[1].split(":", 1)[0].split(", ")
    kinds = {"x": "x", "t": "t"}
    return "changed " + " and ".join(sorted({kinds.get(name, "parameters") for name in names}))
