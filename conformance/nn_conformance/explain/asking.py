"""Experiments: small cases drawn by a seeded generator, what a target answers to them, and how near that must be."""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from nn_conformance.adapt.arrays import Layers
from nn_conformance.cases import format as fmt
from nn_conformance.explain.backward_rules import error
from nn_conformance.explain.trace import Case, matrix, names
from nn_conformance.judge.limits import (
    FACTOR,
    ROUNDINGS,
    ROUNDOFF,
    gradient_limit,
    longest_sum,
    magnitudes,
    norm,
    value_limit,
)
from nn_conformance.judge.target import Answer, Run, Shown, Target, TargetError, Training, Unsupported
from nn_reference.arithmetic import Array, Params
from nn_reference.errors import NNReferenceError
from nn_reference.network import LayerOutput, backpropagate

KINK = 1e-3  # no pre-activation of a drawn case is nearer to 0, as there ReLU's derivative jumps


@dataclass(frozen=True)
class Budget:
    """How much may be asked.

    Attributes:
        exchanges: calls of the target.
        seconds: of wall-clock time, calls included.
    """

    exchanges: int = 150
    seconds: float = 3.0


@dataclass(eq=False)
class Asked:
    """One call and what came of it.

    Attributes:
        case: its arguments.
        loss: as answered; None where it is not shown.
        gradients: as matrices, of the right shapes.
        misshapen: gradients of other shapes that cannot be read as the right one, as they came.
        shapes: what was wrong with the shapes of those that can be.
        layers: z and a of every layer, if shown.
        error: what was raised instead.
        uncertainty: norms of errors that the target states, by array.
    """

    case: Case
    loss: float | None = None
    gradients: dict[str, Array] = field(default_factory=dict)
    misshapen: dict[str, Array] = field(default_factory=dict)
    shapes: dict[str, str] = field(default_factory=dict)
    layers: Sequence[LayerOutput | Shown] | None = None
    error: Exception | None = None
    uncertainty: Mapping[str, float] = field(default_factory=dict)

    @property
    def arrays(self) -> dict[str, Array]:
        """The loss, if it is shown, and the gradients as reports name them."""
        shown = {} if self.loss is None else {"loss": np.asarray(self.loss)}
        return shown | {f"d{name}": g for name, g in self.gradients.items()}

    @property
    def finite(self) -> bool:
        """Whether it has gradients and all numbers are finite."""
        return self.error is None and all(bool(np.isfinite(a).all()) for a in self.arrays.values())


class Limits:
    """The right values of a case, and limits for arrays on it."""

    def __init__(self, case: Case, dtype: fmt.Dtype) -> None:
        tr = case.right
        wide = {name: np.asarray(p, np.float64) for name, p in case.params.items()}
        x, t = np.asarray(case.x, np.float64), np.asarray(case.t, np.float64)
        self.case, self.dtype, self.longest = case, dtype, longest_sum(case.network, len(x))
        self.loss, gradients = backpropagate(tr.net, wide, x, t)
        self.gradients = {name: matrix(case.network, name, g) for name, g in gradients.items()}
        self._norms = {name: norm(g) for name, g in self.gradients.items()}
        self._unit = value_limit(np.ones(1), dtype, self.longest).value
        vector = case.network.layers[-1].vector
        outputs = [LayerOutput(z, a) for z, a in zip(tr.z[1:], tr.a[1:], strict=True)]
        if vector:
            outputs[-1] = LayerOutput(tr.z[-1][:, 0], tr.a[-1][:, 0])
        slope = np.abs(error(tr)[0]) * (np.abs(tr.z[-1]) + np.abs(tr.y) + np.abs(tr.t))
        self._spread = FACTOR * ROUNDOFF[dtype] * float(np.sqrt(self.longest) * np.sum(slope))
        sizes = magnitudes(case.network, wide, outputs, x, t)
        self._sizes = {
            name: gradient_limit(gradients[name], m, dtype, self.longest).value
            for name, m in sizes.items()
            if name in gradients
        }

    def of_loss(self, expected: float) -> float:
        """The largest error of a loss: its own rounding, and that of outputs which are near their targets."""
        sizes = (np.asarray(expected), np.asarray(self.case.penalty))
        return sum(value_limit(size, self.dtype, self.longest).value for size in sizes) + self._spread + 1e-300

    def of(self, array: str, expected: Array, uncertainty: float = 0.0) -> float:
        """The largest error of a gradient that should be this: a mistaken one may be larger than the right one."""
        size, own = self._norms[array], norm(expected)
        grown = max(1.0, own / size) if size > self._sizes[array] else 1.0  # a right one of zeros tells no size
        return self._sizes[array] * grown + self._unit * own + uncertainty + 1e-300


class Asker:
    """Asks a target, counts, and keeps every answer.

    Args:
        target: in our conventions.
        network: the description whose sizes are varied.
        dtype: of the arrays that it is given.
        budget: at most so much.
    """

    def __init__(self, target: Target, network: fmt.Network, dtype: fmt.Dtype, budget: Budget) -> None:
        self.target, self.network, self.dtype, self.budget = target, network, dtype, budget
        self.exchanges, self.started = 0, time.monotonic()
        self.share = 1.0  # of the gradient, that a step moves by
        self.renew: Callable[[], Target] | None = None  # makes the target anew before each call
        self.kept: list[Asked] = []
        self.accumulates = False  # whether gradients add up over calls

    @property
    def left(self) -> bool:
        """Whether anything may still be asked."""
        return self.exchanges < self.budget.exchanges and time.monotonic() - self.started < self.budget.seconds

    def left_of(self, share: float) -> bool:
        """Whether a share of the time is not yet over."""
        return self.left and time.monotonic() - self.started < share * self.budget.seconds

    def ask(self, case: Case, *, copied: bool = True) -> Asked:
        """Loss and gradients of a case; whatever the target does is an answer."""
        asked = self._once(case, copied=copied)
        if self.accumulates and asked.error is None:  # over calls: the same call again adds what it has itself
            asked = self._difference(asked, self._once(case, copied=copied))
        self.kept.append(asked)
        return asked

    def _once(self, case: Case, *, copied: bool) -> Asked:
        args = _copies(case) if copied else (case.params, case.x, case.t)
        self.exchanges += 1
        try:
            if self.renew:
                self.target = self.renew()
            return self._updated(case, *args) if case.rate else self._evaluated(case, *args)
        except Exception as error:  # noqa: BLE001 - a target may raise anything, and the experiment has its result
            return Asked(case, error=error)

    def _difference(self, first: Asked, second: Asked) -> Asked:
        """What the second call has added to the gradients of the first, which errs by the rounding of both."""
        names = [
            n for n, g in first.gradients.items() if n in second.gradients and second.gradients[n].shape == g.shape
        ]
        own = {n: second.gradients[n] - first.gradients[n] for n in names}
        unit = 4 * ROUNDOFF[self.dtype]
        spread = {n: unit * (norm(first.gradients[n]) + norm(second.gradients[n])) for n in names}
        return dataclasses.replace(first, gradients=own, uncertainty=spread)

    def train(self, case: Case, optimizer: fmt.Optimizer, batches: Sequence[Sequence[int]]) -> Params | None:
        """Parameters after updates, by name in the description's layout; None if it raises."""
        params, x, t = _copies(case)
        self.exchanges += 1
        try:
            run = self.target.train(Training(case.network, optimizer, params, x, t, batches))
            return {name: np.asarray(run.params[name], np.float64) for name in case.params}
        except Exception:  # noqa: BLE001 - as above
            return None

    def _evaluated(self, case: Case, params: Params, x: Array, t: Array) -> Asked:
        try:
            return self.read(case, self.target.evaluate(case.network, params, x, t))
        except TargetError as error:
            lenient = _lenient(self.target) if error.failure == "wrong-shape" else None
            if lenient is None:
                raise
            self.exchanges += 1
            return self.read(case, lenient(case.network, *_copies(case)))

    def _updated(self, case: Case, params: Params, x: Array, t: Array) -> Asked:
        sgd = fmt.Optimizer(kind="sgd", learning_rate=case.rate)
        run = self.target.train(Training(case.network, sgd, params, x, t, [list(range(len(x)))]))
        if not isinstance(run, Run):
            raise TargetError("no run")
        wide = {name: np.asarray(p, np.float64) for name, p in case.params.items()}
        rate = case.rate * self.share
        found = {name: (p - np.asarray(run.params[name], np.float64)) / rate for name, p in wide.items()}
        unit = ROUNDOFF[self.dtype]
        spread = {
            name: ROUNDINGS * unit * (norm(p) + norm(np.asarray(run.params[name]))) / rate for name, p in wide.items()
        }
        return self.read(case, Answer(run.losses[0] if run.losses else None, found, uncertainty=spread))

    def read(self, case: Case, answer: Answer) -> Asked:
        """An answer with its gradients as matrices, without the penalty that is described."""
        loss = None if answer.loss is None else float(answer.loss) - case.penalty
        asked = Asked(case, loss, layers=answer.layers, uncertainty=answer.uncertainty)
        for name in names(case.network):
            if name not in answer.gradients:
                continue
            g = np.asarray(answer.gradients[name])
            if g.shape == np.shape(case.params[name]):
                asked.gradients[name] = matrix(case.network, name, g)
            elif (read := _reshaped(name, g, np.shape(case.params[name]), len(case.x))) is not None:
                asked.gradients[name], asked.shapes[name] = matrix(case.network, name, read[0]), read[1]
            else:
                asked.misshapen[name] = g
            if name in asked.gradients and (slope := case.slope(name)):
                asked.gradients[name] = asked.gradients[name] - slope * matrix(case.network, name, case.params[name])
        return asked


def _reshaped(name: str, g: Array, shape: tuple[int, ...], samples: int) -> tuple[Array, str] | None:
    """A gradient of another shape as one of the right shape, and what is wrong with its shape; None if it cannot be read."""
    if name[0] == "W":
        return (g.T, "transposed") if len(shape) == 2 and g.shape == shape[::-1] else None
    if g.size == 1 and samples > 1:
        return np.full(shape, g.reshape(-1)[0]), "one-number" if shape not in ((), (1,)) else "axis"
    if g.shape in ((samples, *shape), (*shape, samples)) and shape:
        return g.sum(axis=g.shape.index(samples)), "unsummed"
    if shape and g.size == shape[0] and 1 in g.shape:
        return g.reshape(shape), "axis"
    return None


def _lenient(target: Any) -> Callable[..., Answer] | None:
    """The evaluation of a converted target without the check of shapes, for one that returns others."""
    inner, conventions = getattr(target, "inner", None), getattr(target, "conventions", None)
    if inner is None or conventions is None or conventions.batch != "many":
        return None

    class Lenient(Layers):
        def _ours(self, k: int, layer: fmt.Layer, ours: str, where: str, a: Array) -> Params:
            try:
                return super()._ours(k, layer, ours, where, a)
            except TargetError:
                return {ours: a}

    def evaluate(network: fmt.Network, params: Params, x: Array, t: Array) -> Answer:
        layers = Lenient(network, conventions)
        answer = inner.evaluate(network, layers.given(params), *layers.batch(x, t))
        size = len(x), network.layers[-1].units
        loss = None if answer.loss is None else answer.loss / conventions.loss_scale(network.loss, *size)
        return Answer(loss, layers.taken("gradient", answer.gradients, conventions.gradient_scale(network.loss, *size)))

    return evaluate


def _copies(case: Case) -> tuple[Params, Array, Array]:
    return {name: p.copy() for name, p in case.params.items()}, case.x.copy(), case.t.copy()


def sized(network: fmt.Network, sizes: Sequence[int]) -> fmt.Network:
    """The network with other widths, from inputs to outputs."""
    layers = [msgspec.structs.replace(layer, units=n) for layer, n in zip(network.layers, sizes[1:], strict=True)]
    return msgspec.structs.replace(network, inputs=sizes[0], layers=layers)


def widths(network: fmt.Network) -> list[int]:
    """From inputs to outputs."""
    return [network.inputs, *(layer.units for layer in network.layers)]


def one_output(network: fmt.Network) -> bool:
    """Whether it has a single output, which stays one in every experiment."""
    return network.layers[-1].units == 1


def draw(
    network: fmt.Network,
    samples: int,
    seed: int,
    dtype: fmt.Dtype,
    *,
    rate: float = 0.0,
    scale: float = 1.0,
) -> Case:
    """A case without pre-activations near 0: weights that neither saturate nor vanish, inputs that are no integers."""
    for trial in range(50):
        rng = np.random.default_rng([seed, trial])
        params: dict[str, Any] = {}
        below = network.inputs
        for k, layer in enumerate(network.layers, 1):
            shape = (layer.units, below) if layer.layout == "out,in" and not layer.vector else (below, layer.units)
            w = rng.normal(size=shape) * 1.2 / np.sqrt(below)
            params[f"W{k}"] = (w[:, 0] if layer.vector else w).astype(dtype)
            if layer.bias:
                b = np.asarray(rng.normal(0.2, 0.4, size=() if layer.vector else layer.units))
                params[f"b{k}"] = b.astype(dtype)
            below = layer.units
        if network.loss.kind == "binary_cross_entropy" and not network.loss.from_logits:
            _between(params, network)
        x = (scale * rng.normal(0.3, 1.0, size=(samples, network.inputs))).astype(dtype)
        case = Case(network, params, x, _targets(network, samples, rng).astype(dtype), rate)
        if min(float(np.abs(z).min()) for z in case.right.z[1:]) > KINK:
            break
    return case


def _between(params: dict[str, Any], network: fmt.Network) -> None:
    """Makes linear outputs that the loss takes as probabilities lie between 0 and 1."""
    last = len(network.layers)
    for name in (f"W{last}", f"b{last}") if network.layers[-1].activation.kind == "identity" else ():
        if name in params:
            params[name] = np.asarray(params[name] * 0.1 + (0.45 if name[0] == "b" else 0.0), params[name].dtype)


def _targets(network: fmt.Network, samples: int, rng: np.random.Generator) -> Array:
    last = network.layers[-1]
    if last.units > 1 and (network.loss.kind != "squared_error" or last.activation.kind in ("softmax", "sigmoid")):
        classes = rng.permuted(np.arange(max(samples, last.units)) % last.units)[:samples]
        return np.asarray(np.eye(last.units)[classes])
    if network.loss.kind == "binary_cross_entropy":
        size = samples * last.units
        t = rng.permuted(np.arange(max(size, 2)) % 2)[:size].reshape(samples, last.units)
    else:
        low, high = (-0.9, 0.9) if last.activation.kind == "tanh" else (0.05, 0.95)
        t = rng.uniform(low, high, (samples, last.units))
    return np.asarray(t[:, 0] if last.vector else t)


# Widths that differ from each other and from the numbers of samples, from inputs to outputs, for 1 to 4 layers and more.
DISTINCT = ([4, 3], [4, 5, 3], [4, 5, 6, 3], [4, 5, 7, 6, 3])
OTHER = ([5, 4], [6, 4, 5], [5, 3, 7, 4], [5, 6, 3, 7, 4])
SQUARE = 3


def some_widths(network: fmt.Network, table: Sequence[Sequence[int]]) -> list[int]:
    """Widths for experiments, with the single output of a network that has one, and equal ones around a skip connection."""
    n = len(network.layers)
    chosen = list(table[n - 1]) if n <= len(table) else [table[0][0], *(5 + k % 4 for k in range(n - 1)), table[0][-1]]
    if one_output(network):
        chosen[-1] = 1
    for k, layer in enumerate(network.layers):
        if layer.skip:  # adds its input, so it is as wide
            chosen[k + 1] = chosen[k]
    return chosen


def unwilling(asked: Asked) -> bool:
    """Whether a target has refused rather than answered wrongly."""
    return isinstance(asked.error, Unsupported | NNReferenceError) and not isinstance(asked.error, TargetError)
