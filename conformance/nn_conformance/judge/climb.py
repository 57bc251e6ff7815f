"""One climb: a case, a target and a precision, the target's calls, and the comparisons that all rungs share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf
from typing import Any, Self, TypeVar, cast

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.cases.encoding import values
from nn_conformance.cases.store import LoadedCase
from nn_conformance.judge.call import guarded
from nn_conformance.judge.limits import Limit, gradient_limit, longest_sum, magnitudes, norm
from nn_conformance.judge.target import Answer, Pruning, Run, Target, TargetError, Training, Unsupported, not_done
from nn_conformance.judge.verdict import CheckId
from nn_reference.arithmetic import Array, Params
from nn_reference.network import LayerOutput
from nn_reference.optimizers import State

T = TypeVar("T")
Part = TypeVar("Part")


@dataclass(frozen=True)
class Finding:
    """What one check found; `at_least` is for a disagreement that must be there, `summary` the reason without details."""

    error: float
    limit: float
    reason: str
    unsupported: bool = False
    at_least: bool = False
    failure: str = ""
    subject: tuple[str, ...] = ()
    summary: str = ""

    @classmethod
    def of(cls, problem: TargetError, limit: float = 0.0) -> Self:
        """What an answer that cannot be compared is; the limit is the one that a comparison would have had."""
        return cls(inf, limit, str(problem), failure=problem.failure, subject=problem.subject)


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
        params, x, t: of the first call, in that precision.
    """

    def __init__(
        self, loaded: LoadedCase, target: Target, dtype: fmt.Dtype, updates: int | None = None, *, trusted: bool = False
    ) -> None:
        self.loaded, self.case, self.dtype, self.updates = loaded, loaded.case, dtype, updates
        self.target, self.trusted = guarded(target), trusted
        self._kept: dict[str, object] = {}
        self.network = self.case.network
        self.params = self.cast(loaded.params)
        self.x, self.t = map(self.cast, loaded.first_call)

    @cached_property
    def expected(self) -> Expected:
        """Of the first call."""
        return self._expected(self.case.evaluation, *self.loaded.first_call, "evaluation")

    @cached_property
    def second_expected(self) -> Expected:
        """Of the second call."""
        call = there(self.case.second_call)
        x, t = (self.loaded.array(getattr(call, name), f"second_call.{name}") for name in "xt")
        return self._expected(call.evaluation, x, t, "second_call.evaluation")

    @property
    def answer(self) -> Answer:
        """The target's answer to the first call. Raises as `ask` does."""
        return self.once("first", lambda: self.evaluate(self.expected))

    @property
    def repeated(self) -> Answer:
        """Its answer to the same call again. Raises as `ask` does."""
        return self.once("again", lambda: self.evaluate(self.expected))

    @property
    def second(self) -> Answer:
        """Its answer to the case's second call. Raises as `ask` does."""
        return self.once("second", lambda: self.evaluate(self.second_expected))

    @property
    def reordered(self) -> Answer:
        """Its answer to the second call with the targets of the samples in reverse order. Raises as `ask` does."""
        expected = self.second_expected
        return self.once("reordered", lambda: self.evaluate(replace(expected, t=expected.t[::-1])))

    def compared(self, check: CheckId) -> tuple[Array, Array] | None:
        """What the target answered to a check of values or gradients, and what is right; None of other checks."""
        name = check.quantity
        if check.rung == "layer" and self.answer.layers is not None:
            k = int(name[1:]) - 1
            return getattr(self.answer.layers[k], name[0]), getattr(self.expected.layers[k], name[0])
        if check.rung == "gradient":
            return self.answer.gradients[name], self.expected.gradients[name]
        return None

    def step(self, k: int) -> Run:
        """What it makes of the case's update number k, from 0. Raises as `ask` does."""
        step, field = self.case.steps[k], f"steps[{k}]"
        state = None if step.state is None else self.state_of(step.state, f"{field}.state")
        start = self.cast(self.before(k))
        return self.once(f"step {k + 1}", lambda: self.train(start, [step.rows], state))

    def before(self, k: int) -> Params:
        """The parameters that update number k starts from."""
        given = self.case.steps[k].params
        return self.loaded.params if given is None else self.loaded.arrays(given, f"steps[{k}].params")

    @property
    def pruned(self) -> tuple[Params, Params]:
        """The parameters after pruning, and after one update from there. Raises as `ask` does."""
        return self.once("pruned", self._prune)

    def once(self, call: str, ask: Callable[[], T]) -> T:
        """What a call of the target came to, asked the first time and kept: an answer, or what it raised."""
        if call not in self._kept:
            try:
                self._kept[call] = ask()
            except (TargetError, Unsupported) as error:
                self._kept[call] = error
        kept = self._kept[call]
        if isinstance(kept, TargetError | Unsupported):
            raise kept
        return cast("T", kept)

    def evaluate(self, expected: Expected, params: Params | None = None, *, gradients: bool = True) -> Answer:
        """The target's answer to a call of the case. Raises as `ask` does."""
        params = self.params if params is None else params
        return self.ask(self.network, params, self.cast(expected.x), self.cast(expected.t), gradients=gradients)

    def ask(self, network: fmt.Network, params: Params, x: Array, t: Array, *, gradients: bool = True) -> Answer:
        """The target's answer to any call.

        Raises:
            TargetError: it raised, changed its arguments, or answered with something else.
            Unsupported: it says so.
        """
        answer = self.target.evaluate(network, params, x, t, gradients=gradients)
        return answer if self.trusted else replace(answer, uncertainty={})

    def train(self, params: Params, batches: Sequence[Sequence[int]], state: State | None = None) -> Run:
        """The target's updates. Raises as `ask` does."""
        x, t = self.cast(self.loaded.x), self.cast(self.loaded.t)
        run = self.target.train(Training(self.network, self.case.optimizer, params, x, t, batches, state))
        return run if self.trusted else replace(run, uncertainty={})

    def state_of(self, state: fmt.State, field: str) -> State:
        """The optimiser's state, with arrays in the climb's precision."""
        arrays = {m: self.loaded.arrays(of, f"{field}.moments.{m}") for m, of in state.moments.items()}
        return State(state.step, {m: self.cast(of) for m, of in arrays.items()})

    def _prune(self) -> tuple[Params, Params]:
        pruned = there(self.case.pruned)
        prune = getattr(self.target, "prune", None)
        if prune is None:
            raise not_done("prune")
        how = Pruning(pruned.threshold, pruned.names, pruned.keep_mask)
        x, t = self.cast(self.loaded.x[pruned.rows]), self.cast(self.loaded.t[pruned.rows])
        state = self.state_of(pruned.state, "pruned.state")
        left, after = prune(Training(self.network, self.case.optimizer, self.params, x, t, [range(len(x))], state), how)
        return left, after

    def cast(self, given: Any) -> Any:
        """An array, or a dict of arrays, in the precision of the climb, and not the case's own."""
        if isinstance(given, dict):
            return {name: a.astype(self.dtype) for name, a in given.items()}
        return given.astype(self.dtype)

    @cached_property
    def longest(self) -> int:
        """K of the case."""
        second = self.case.second_call
        return longest_sum(self.network, max(len(self.loaded.x), second.x.shape[0] if second else 0))

    def compare(self, name: str, found: Any, expected: Array, limit: Limit) -> Finding:
        """Shape, dtype, finite, values, in this order; the first that differs is the finding."""
        problem = self.problem(name, found, expected.shape)
        if problem:
            return Finding.of(problem, limit.value)
        return Finding(norm(np.asarray(found, np.float64) - expected), limit.value, limit.reason)

    def problem(self, name: str, found: Any, shape: tuple[int, ...], *, finite: bool = True) -> TargetError | None:
        """What is wrong with an array before its values are, or nothing."""
        if not isinstance(found, np.ndarray | np.generic):
            return TargetError(f"{name}: expected an array, got {type(found).__name__}", "answer", [name])
        if found.shape != shape:
            return TargetError(f"{name}: expected shape {shape}, got {found.shape}", "wrong-shape", [name])
        if found.dtype != self.dtype:
            return TargetError(f"{name}: expected {self.dtype}, got {found.dtype}", "wrong-dtype", [name])
        if finite and not np.all(np.isfinite(found)):
            wrong = int(np.sum(~np.isfinite(found)))
            return TargetError(f"{name}: expected finite numbers, got {wrong} NaN or infinite", "not-finite", [name])
        return None

    def gradient_limit(self, expected: Expected, name: str) -> Limit:
        """Of one gradient of a call."""
        return gradient_limit(expected.gradients[name], expected.magnitudes[name], self.dtype, self.longest)

    @property
    def nan_gradients(self) -> Sequence[str]:
        """Gradients that the document's own formula turns into NaN in this precision."""
        by_dtype = self.case.by_dtype.get(self.dtype)
        return by_dtype.nan_gradients if by_dtype else ()

    def _expected(self, evaluation: fmt.Evaluation, x: Array, t: Array, field: str) -> Expected:
        array = self.loaded.array
        layers = [
            LayerOutput(array(out.z, f"{field}.layers[{k}].z"), array(out.a, f"{field}.layers[{k}].a"))
            for k, out in enumerate(evaluation.layers)
        ]
        gradients = self.loaded.arrays(evaluation.gradients, f"{field}.gradients")
        if evaluation.gradient_x is not None:
            gradients["x"] = array(evaluation.gradient_x, f"{field}.gradient_x")
        return Expected(
            x,
            t,
            layers,
            float(values([evaluation.loss], "float64")[0]),
            gradients,
            [self.loaded.arrays(kink.change, f"{field}.kinks[{k}]") for k, kink in enumerate(evaluation.kinks)],
            magnitudes(self.network, self.loaded.params, layers, x, t),
        )


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
