"""One climb: a case, a target and a precision, the target's calls, and the comparisons that all rungs share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import Any, Self, TypeVar

import numpy as np

from nn_conformance.fixtures import format as fmt
from nn_conformance.fixtures.encoding import values
from nn_conformance.fixtures.store import LoadedCase
from nn_conformance.targets import Answer, Run, Target, TargetError, Unsupported, changed_argument, same
from nn_conformance.tolerances import Limit, gradient_limit, longest_sum, magnitudes, norm
from nn_reference.arithmetic import Array, Params
from nn_reference.network import LayerOutput
from nn_reference.optimizers import State

T = TypeVar("T")
Part = TypeVar("Part")


class Problem(str):
    """A reason why an answer cannot be compared, with its class of failure."""

    __slots__ = ("failure",)
    failure: str

    def __new__(cls, text: str, failure: str) -> Self:
        """The text; `failure` is as in `TargetError`."""
        problem = super().__new__(cls, text)
        problem.failure = failure
        return problem


@dataclass(frozen=True)
class Finding:
    """What one check found; `at_least` is for a disagreement that must be there."""

    error: float
    limit: float
    reason: str
    unsupported: bool = False
    at_least: bool = False


@dataclass(frozen=True)
class Expected:
    """The certified values of one call, as arrays."""

    x: Array
    t: Array
    layers: list[LayerOutput]
    loss: float
    gradients: Params
    kinks: list[Params]
    magnitudes: Params


class Climb:
    """The calls of one target on one case, each made once.

    Attributes:
        loaded: the case, and its arrays.
        target: what is judged.
        dtype: the precision that it is asked for.
        updates: how much of a free run to judge; all of it if None.
        trusted: whether what the target says of its uncertainty counts.
    """

    def __init__(
        self, loaded: LoadedCase, target: Target, dtype: fmt.Dtype, updates: int | None = None, *, trusted: bool = False
    ) -> None:
        self.loaded, self.case, self.target, self.dtype, self.updates = loaded, loaded.case, target, dtype, updates
        self.trusted = trusted
        self.network = self.case.network
        self.params = self.cast(loaded.params)

    @cached_property
    def expected(self) -> Expected:
        """Of the first call."""
        rows = slice(None) if self.case.rows is None else np.array(self.case.rows)
        return self._expected(self.case.evaluation, self.loaded.x[rows], self.loaded.t[rows], "evaluation")

    @cached_property
    def second_expected(self) -> Expected:
        """Of the second call."""
        call = there(self.case.second_call)
        x, t = (self.loaded.array(getattr(call, name), f"second_call.{name}") for name in "xt")
        return self._expected(call.evaluation, x, t, "second_call.evaluation")

    @cached_property
    def answer(self) -> Answer:
        """The target's answer to the first call."""
        return self.evaluate(self.expected)

    def evaluate(self, expected: Expected, params: Params | None = None, *, gradients: bool = True) -> Answer:
        """The target's answer to a call of the case. Raises as `ask` does."""
        params = self.params if params is None else params
        return self.ask(self.network, params, self.cast(expected.x), self.cast(expected.t), gradients=gradients)

    def ask(self, network: fmt.Network, params: Params, x: Array, t: Array, *, gradients: bool = True) -> Answer:
        """The target's answer to any call, in arrays that no later call can change.

        Raises:
            TargetError: it raised, changed its arguments, or answered with something else.
            Unsupported: it says so.
        """
        given = dict(params)
        answer = self.call(
            lambda: self.target.evaluate(network, given, x, t, gradients=gradients), {**params, "x": x, "t": t}
        )
        _check_same("parameters", given, params)
        if not isinstance(answer, Answer):
            raise TargetError(f"expected an Answer, got {type(answer).__name__}")
        if not isinstance(answer.loss, float | np.floating | None):
            raise TargetError(f"loss: expected a finite float, got {type(answer.loss).__name__}")
        loss = None if answer.loss is None else float(answer.loss)
        uncertainty = answer.uncertainty if self.trusted else {}
        return Answer(loss, _own("gradients", answer.gradients), _layers(answer.layers), uncertainty)

    def train(self, params: Params, batches: Sequence[Sequence[int]], state: State | None = None) -> Run:
        """The target's updates. Raises as `ask` does."""
        x, t = self.cast(self.loaded.x), self.cast(self.loaded.t)
        given, memory, rows = dict(params), copied(state), [list(batch) for batch in batches]
        run = self.call(
            lambda: self.target.train(self.network, self.case.optimizer, given, x, t, rows, memory),
            {**params, **(_moments(memory)), "x": x, "t": t},
        )
        _check_same("parameters", given, params)
        self.check_state(memory, state)
        if rows != [list(batch) for batch in batches]:
            raise changed_argument("batches")
        if not isinstance(run, Run):
            raise TargetError(f"expected a Run, got {type(run).__name__}")
        try:
            losses = None if run.losses is None else [float(loss) for loss in run.losses]
        except (TypeError, ValueError):
            raise TargetError("losses: expected a float for each update") from None
        return Run(losses, _own("parameters", run.params), run.uncertainty if self.trusted else {})

    def check_state(self, after: State | None, before: State | None) -> None:
        """Nothing, if the optimiser's state has the steps and the names that it had.

        Raises:
            TargetError: it was changed.
        """
        if before is not None and after is not None:
            same = after.step == before.step and _names(after) == _names(before)
            if not same:
                raise changed_argument("state")

    def call(self, function: Callable[[], T], given: Mapping[str, Array]) -> T:
        """What the target returns; `given` are the arrays that it must leave alone, and that are put right if it does not."""
        before = {name: a.copy() for name, a in given.items()}
        try:
            with np.errstate(all="ignore"):
                result = function()
        except (Unsupported, TargetError):
            _put_right(given, before)
            raise
        except Exception as error:
            _put_right(given, before)
            raise TargetError(f"it raised {type(error).__name__}: {error}", "raised") from error
        if changed := _put_right(given, before):
            raise changed_argument(", ".join(changed))
        return result

    def cast(self, given: Any) -> Any:
        """An array, or a dict of arrays, in the precision of the climb, and not the case's own."""
        if isinstance(given, dict):
            return {name: a.astype(self.dtype) for name, a in given.items()}
        return given.astype(self.dtype)

    @cached_property
    def longest(self) -> int:
        """K of the case."""
        return longest_sum(self.network, max(len(self.loaded.x), *self._second_length()))

    def compare(self, name: str, found: Any, expected: Array, limit: Limit) -> Finding:
        """Shape, dtype, finite, values, in this order; the first that differs is the finding."""
        problem = self.problem(name, found, expected.shape)
        if problem:
            return Finding(inf, limit.value, problem)
        return Finding(norm(np.asarray(found, np.float64) - expected), limit.value, limit.reason)

    def problem(self, name: str, found: Any, shape: tuple[int, ...], *, finite: bool = True) -> Problem | None:
        """What is wrong with an array before its values are, or nothing."""
        if not isinstance(found, np.ndarray | np.generic):
            return Problem(f"{name}: expected an array, got {type(found).__name__}", "answer")
        if found.shape != shape:
            return Problem(f"{name}: expected shape {shape}, got {found.shape}", "wrong-shape")
        if found.dtype != self.dtype:
            return Problem(f"{name}: expected {self.dtype}, got {found.dtype}", "wrong-dtype")
        if finite and not np.all(np.isfinite(found)):
            wrong = int(np.sum(~np.isfinite(found)))
            return Problem(f"{name}: expected finite numbers, got {wrong} NaN or infinite", "not-finite")
        return None

    def gradient_limit(self, expected: Expected, name: str) -> Limit:
        """Of one gradient of a call."""
        return gradient_limit(expected.gradients[name], expected.magnitudes[name], self.dtype, self.longest)

    @property
    def nan_gradients(self) -> Sequence[str]:
        """Gradients that the document's own formula turns into NaN in this precision."""
        by_dtype = self.case.by_dtype.get(self.dtype)
        return by_dtype.nan_gradients if by_dtype else ()

    def _second_length(self) -> list[int]:
        return [self.case.second_call.x.shape[0]] if self.case.second_call else [0]

    def _expected(self, evaluation: fmt.Evaluation, x: Array, t: Array, field: str) -> Expected:
        array = self.loaded.array
        layers = [
            LayerOutput(array(out.z, f"{field}.layers[{k}].z"), array(out.a, f"{field}.layers[{k}].a"))
            for k, out in enumerate(evaluation.layers)
        ]
        return Expected(
            x,
            t,
            layers,
            float(values([evaluation.loss], "float64")[0]),
            self.loaded.arrays(evaluation.gradients, f"{field}.gradients"),
            [self.loaded.arrays(kink.change, f"{field}.kinks[{k}]") for k, kink in enumerate(evaluation.kinks)],
            magnitudes(self.network, self.loaded.params, layers, x, t),
        )


def copied(state: State | None) -> State | None:
    """A state of its own, with the same arrays."""
    return None if state is None else State(state.step, {m: dict(arrays) for m, arrays in state.moments.items()})


def _moments(state: State | None) -> Params:
    moments = {} if state is None else state.moments
    return {f"state.{m}.{name}": a for m, arrays in moments.items() for name, a in arrays.items()}


def _names(state: State) -> list[str]:
    return sorted(_moments(state))


def _put_right(given: Mapping[str, Array], before: Mapping[str, Array]) -> list[str]:
    """The arrays that were changed, after they have their numbers again: the next checks are judged on the same ones."""
    changed = [name for name, a in given.items() if not same(a, before[name])]
    for name in changed:
        given[name].shape = before[name].shape
        given[name][...] = before[name]
    return changed


def _check_same(what: str, given: Mapping[str, Array], before: Mapping[str, Array]) -> None:
    """No name may have been put in, taken out, or bound to another array."""
    if given.keys() != before.keys() or any(given[name] is not a for name, a in before.items()):
        raise changed_argument(what)


def _own(what: str, arrays: Any) -> Params:
    """Copies, since a target may fill the same arrays at each call; what is no array is judged as such."""
    if not isinstance(arrays, Mapping):
        raise TargetError(f"{what}: expected arrays by name, got {type(arrays).__name__}")
    return {name: np.array(a) if isinstance(a, np.ndarray | np.generic) else a for name, a in arrays.items()}


def _layers(layers: Any) -> list[LayerOutput] | None:
    if layers is None:
        return None
    try:
        return [LayerOutput(np.array(z), np.array(a)) for z, a in layers]
    except (TypeError, ValueError):
        raise TargetError("layers: expected a pair of arrays, z and a, for each layer") from None


def there(part: Part | None) -> Part:
    """A part of a case that its rung has found to be there."""
    if part is None:
        raise ValueError("expected this part of the case, got none: the rung has no such quantity")
    return part


def over(error: float, limit: float) -> float:
    """Error over limit; NaN, a limit that is no number, and any error where none is allowed, are infinite."""
    if error == 0 and np.isfinite(limit):
        return 0.0
    return error / limit if limit and np.isfinite(limit) and not np.isnan(error) else inf
