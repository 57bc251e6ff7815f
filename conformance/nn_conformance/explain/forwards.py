"""Variants of the forward pass and of the loss: other data, pre-activations, activations, losses.

Each variant has a name, which is its slug where a text is kept under that name, the formula that it uses, and a rule.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from nn_reference.activations import IDENTITY, RELU, SIGMOID, SOFTMAX, TANH, Activation, Softmax, sigmoid
from nn_reference.arithmetic import Array, Params
from nn_reference.losses import BinaryCrossEntropy, CrossEntropy, SquaredError, count
from nn_reference.network import Network


class Variant(NamedTuple):
    """A rule that may stand where another one belongs."""

    slug: str
    formula: str
    rule: Callable[..., Any]


def _of_x(rule: Callable[[Array], Array]) -> Callable[[Params, Array, Array], tuple[Params, Array, Array]]:
    return lambda params, x, t: (params, np.asarray(rule(x)), t)


def _of_t(rule: Callable[[Array], Array]) -> Callable[[Params, Array, Array], tuple[Params, Array, Array]]:
    return lambda params, x, t: (params, x, np.asarray(rule(t)))


def _of_classes(rule: Callable[[Array], Array]) -> Callable[[Params, Array, Array], tuple[Params, Array, Array]]:
    def of(params: Params, x: Array, t: Array) -> tuple[Params, Array, Array]:
        if t.ndim < 2 or t.shape[1] == 1:
            raise ValueError("no classes")
        return params, x, np.asarray(rule(t))

    return of


def _of_rows(rows: Callable[[int], slice]) -> Callable[[Params, Array, Array], tuple[Params, Array, Array]]:
    return lambda params, x, t: (params, x[rows(len(x))], t[rows(len(x))])


def _of_params(rule: Callable[[str, Array], Array]) -> Callable[[Params, Array, Array], tuple[Params, Array, Array]]:
    return lambda params, x, t: ({name: rule(name, p) for name, p in params.items()}, x, t)


def _standardized(x: Array) -> Array:
    deviation = x.std(axis=0)
    return np.asarray((x - x.mean(axis=0)) / np.where(deviation > 0, deviation, 1))


def _within(x: Array) -> Array:
    return np.asarray((x - x.min()) / max(x.max() - x.min(), 1e-300))


DATA: dict[str, Variant] = {
    "labels-shifted": Variant("labels-shifted", "class k+1 for k", _of_classes(lambda t: np.roll(t, 1, axis=-1))),
    "labels-shifted-down": Variant("labels-shifted", "class k-1 for k", _of_classes(lambda t: np.roll(t, -1, axis=-1))),
    "labels-reversed": Variant("labels-reversed", "class C-1-k for k", _of_classes(lambda t: t[:, ::-1])),
    "labels-complemented": Variant("labels-complemented", "1-t for t", _of_t(lambda t: 1 - t)),
    "targets-truncated": Variant("targets-truncated", "trunc(t)", _of_t(np.trunc)),
    "targets-misaligned": Variant("targets-misaligned", "t[i-1] for t[i]", _of_t(lambda t: np.roll(t, 1, axis=0))),
    "targets-misaligned-up": Variant("targets-misaligned", "t[i+1] for t[i]", _of_t(lambda t: np.roll(t, -1, axis=0))),
    "targets-reversed": Variant("targets-misaligned", "t[N-1-i] for t[i]", _of_t(lambda t: t[::-1])),
    "target-of-first": Variant("target-of-first", "t[0] for every sample", _of_t(lambda t: np.repeat(t[:1], len(t), axis=0))),
    "inputs-truncated": Variant("inputs-truncated", "trunc(x)", _of_x(np.trunc)),
    "inputs-rounded": Variant("inputs-truncated", "round(x)", _of_x(np.round)),
    "inputs-standardized": Variant("inputs-standardized", "(x - mean)/deviation, by column", _of_x(_standardized)),
    "inputs-centred": Variant("inputs-standardized", "x - mean, by column", _of_x(lambda x: x - x.mean(axis=0))),
    "inputs-scaled-down": Variant("inputs-scaled", "x/255", _of_x(lambda x: x / 255)),
    "inputs-to-unit-range": Variant("inputs-scaled", "(x - min)/(max - min)", _of_x(_within)),
    "sample-dropped": Variant("sample-dropped", "all samples but the last", _of_rows(lambda n: slice(0, max(1, n - 1)))),
    "sample-dropped, none of one": Variant("sample-dropped", "all samples but the last", _of_rows(lambda n: slice(0, n - 1))),
    "first-dropped": Variant("sample-dropped", "all samples but the first", _of_rows(lambda n: slice(min(1, n - 1), n))),
    "one-sample": Variant("one-sample", "the first sample only", _of_rows(lambda n: slice(0, 1))),
    "last-sample": Variant("last-sample", "the last sample only", _of_rows(lambda n: slice(n - 1, n))),
    "weights-reshaped": Variant("weights-reshaped", "W.ravel('F').reshape(W.shape)", _of_params(lambda _, p: p.ravel("F").reshape(p.shape))),
    "weights-single": Variant("single-precision", "W in float32", _of_params(lambda _, p: p.astype(np.float32).astype(p.dtype))),
}  # fmt: skip


def _leaky(slope: float) -> Activation:
    return Activation(
        f"leaky ReLU of slope {slope:g}", lambda z: np.where(z > 0, z, slope * z), lambda z, a, da: da * np.where(z > 0, 1, slope)
    )  # fmt: skip


def _elementwise(name: str, f: Callable[[Array], Array], prime: Callable[[Array], Array]) -> Activation:
    return Activation(name, f, lambda z, a, da: da * prime(z))


def twice(activation: Activation) -> Activation:
    """Applied again to its own output, and differentiated so."""
    f, back = activation.forward, activation.backward
    return replace(activation, forward=lambda z: f(f(z)), backward=lambda z, a, da: back(z, f(z), back(f(z), a, da)))


def other_axis(activation: Activation) -> Activation:
    """Softmax over the batch where outputs are meant, and the other way round."""
    rule = "diagonal" if activation.derivative == "diagonal" else "exact"
    return Softmax(axis=-3 - (activation.axis or -1), derivative=rule)  # type: ignore[arg-type]


def _softmax_over_all(z: Array) -> Array:
    e = np.exp(z - z.max())
    return e / e.sum(axis=(-1, -2), keepdims=True)


OVER_ALL = Activation(
    "softmax", _softmax_over_all, lambda z, a, da: a * (da - (a * da).sum(axis=(-1, -2), keepdims=True)), elementwise=False, axis=-3
)  # fmt: skip
NORMALIZED = Activation(
    "softmax", lambda z: z / z.sum(axis=-1, keepdims=True), lambda z, a, da: da, elementwise=False, axis=-3
)
SOFTPLUS = _elementwise("softplus", lambda z: np.logaddexp(0, z), sigmoid)
SWISH = _elementwise("SiLU", lambda z: z * sigmoid(z), lambda z: sigmoid(z) * (1 + z * (1 - sigmoid(z))))
SQUARE_OF_TWO = _elementwise(
    "sigmoid of base 2", lambda z: 1 / (1 + 2.0**-z), lambda z: np.log(2) * 2.0**-z / (1 + 2.0**-z) ** 2
)
CAPPED = _elementwise("ReLU6", lambda z: np.clip(z, 0, 6), lambda z: ((z > 0) & (z < 6)) * 1.0)
TANH_SCALED = _elementwise(
    "scaled tanh", lambda z: 1.7159 * np.tanh(2 * z / 3), lambda z: 1.7159 * 2 / 3 * (1 - np.tanh(2 * z / 3) ** 2)
)
HARD_SIGMOID = _elementwise("hard sigmoid", lambda z: np.clip(0.2 * z + 0.5, 0, 1), lambda z: 0.2 * (abs(z) < 2.5))
ELU = _elementwise("ELU", lambda z: np.where(z > 0, z, np.expm1(z)), lambda z: np.where(z > 0, 1, np.exp(z)))
# Its derivative is taken as a(1-a), as that of σ is: nobody differentiates what is a slip in the forward pass.
NEGATED = _elementwise("sigmoid", lambda z: sigmoid(-z), lambda z: sigmoid(z) * sigmoid(-z))


def _other(activation: Activation) -> Callable[[Activation], Activation]:
    return lambda right: activation if right.name != activation.name else twice(right)


ACTIVATIONS: dict[str, Variant] = {
    "identity": Variant("activation-left-out", "a = z", _other(IDENTITY)),
    "twice": Variant("output-activation-twice", "a = φ(φ(z))", twice),
    "sigmoid": Variant("activation-swapped", "a = σ(z)", _other(SIGMOID)),
    "tanh": Variant("activation-swapped", "a = tanh z", _other(TANH)),
    "relu": Variant("activation-swapped", "a = max(z, 0)", _other(RELU)),
    "leaky 0.01": Variant("activation-swapped", "a = max(z, 0.01·z)", lambda _: _leaky(0.01)),
    "leaky 0.1": Variant("activation-swapped", "a = max(z, 0.1·z)", lambda _: _leaky(0.1)),
    "leaky 0.2": Variant("activation-swapped", "a = max(z, 0.2·z)", lambda _: _leaky(0.2)),
    "softplus": Variant("activation-swapped", "a = log(1+e^z)", lambda _: SOFTPLUS),
    "silu": Variant("activation-swapped", "a = z·σ(z)", lambda _: SWISH),
    "elu": Variant("activation-swapped", "a = z or e^z-1", lambda _: ELU),
    "relu6": Variant("activation-swapped", "a = min(max(z, 0), 6)", lambda _: CAPPED),
    "hard sigmoid": Variant("activation-swapped", "a = clip(0.2z+0.5, 0, 1)", lambda _: HARD_SIGMOID),
    "scaled tanh": Variant("activation-swapped", "a = 1.7159·tanh(2z/3)", lambda _: TANH_SCALED),
    "sigmoid base 2": Variant("activation-swapped", "a = 1/(1+2^-z)", lambda _: SQUARE_OF_TWO),
    "sigmoid of minus z": Variant("exponent-sign", "a = 1/(1+e^z)", lambda _: NEGATED),
    "softmax": Variant("softmax-twice", "a = softmax(z)", _other(SOFTMAX)),
    "softmax batch": Variant("softmax-axis", "softmax over the samples of the batch", lambda right: other_axis(right) if right.name == "softmax" else Softmax(axis=-2)),
    "softmax all": Variant("softmax-axis", "softmax over the whole array", lambda _: OVER_ALL),
    "normalized": Variant("activation-swapped", "a = z/Σz", lambda _: NORMALIZED),
}  # fmt: skip

PREACTIVATIONS: dict[str, Variant] = {
    "bias-left-out": Variant("bias-left-out", "z = aW", lambda z, b: z if b is None else z - b),
    "bias-subtracted": Variant("bias-subtracted", "z = aW - b", lambda z, b: z if b is None else z - 2 * b),
    "bias-twice": Variant("bias-twice", "z = aW + 2b", lambda z, b: z if b is None else z + b),
    "bias-one": Variant("bias-shared", "z = aW + b[0]", lambda z, b: z if b is None else z - b + b[0]),
    "bias-summed": Variant("bias-shared", "z = aW + Σb", lambda z, b: z if b is None else z - b + b.sum()),
}


@dataclass(frozen=True)
class OtherLoss:
    """A loss by its value and its slope, both functions of (y, t) with y and t (N, C)."""

    of: Callable[[Array, Array], Any]
    slope: Callable[[Array, Array], Array]
    name: str = "another loss"

    def value(self, y: Array, t: Array) -> Any:
        """The loss."""
        return self.of(y, t)

    def gradient(self, y: Array, t: Array) -> Array:
        """dL/dy."""
        return np.asarray(self.slope(y, t))


def _categorical(kind: type[SquaredError] | type[BinaryCrossEntropy]) -> Callable[[Network], Any]:
    def rule(net: Network) -> Any:
        if kind is SquaredError:
            return SquaredError("samples")
        return BinaryCrossEntropy(from_logits=bool(getattr(net.loss, "from_logits", False)))

    return rule


def _reversed(net: Network) -> Any:
    if not isinstance(net.loss, CrossEntropy | BinaryCrossEntropy):
        return net.loss
    return replace(net.loss, from_logits=not net.loss.from_logits)


def _pairs(net: Network) -> Any:
    right = net.loss

    def of(y: Array, t: Array) -> Any:
        return np.mean([right.value(y, np.roll(t, k, axis=0)) for k in range(len(t))])

    def slope(y: Array, t: Array) -> Array:
        return np.mean([right.gradient(y, np.roll(t, k, axis=0)) for k in range(len(t))], axis=0)

    return OtherLoss(of, slope)


def _sum_of(net: Network, rule: Callable[[Array, Array], Array], slope: Callable[[Array, Array], Array]) -> Any:
    del net
    return OtherLoss(lambda y, t: np.sum(rule(y, t)) / len(t), lambda y, t: slope(y, t) / len(t))


def _probability(net: Network, y: Array) -> Array:
    if not getattr(net.loss, "from_logits", False):
        return y
    return SIGMOID.forward(y) if isinstance(net.loss, BinaryCrossEntropy) else SOFTMAX.forward(y)


def _of_p(rule: Callable[[Array, Array], Array]) -> Callable[[Network], Any]:
    """A loss of probabilities whose slope is the right loss's."""
    return lambda net: OtherLoss(
        lambda y, t: np.sum(rule(_probability(net, y), t)) / count(net.loss, t),  # type: ignore[arg-type]
        net.loss.gradient,
    )


# Those whose slope is their own; the others keep the right slope, as people change the number that they print.
LOSSES: dict[str, Variant] = {
    "squared-for-cross-entropy": Variant("squared-for-cross-entropy", "L = Σ(p-t)²/N", _categorical(SquaredError)),
    "binary-for-categorical": Variant("binary-for-categorical", "-Σ t·log p + (1-t)·log(1-p)", _categorical(BinaryCrossEntropy)),
    "logits-reversed": Variant("logits-reversed", "σ applied twice, or not at all", _reversed),
    "cross-entropy": Variant("cross-entropy-for-other", "L = -Σ t·log p", lambda net: CrossEntropy()),
    "absolute": Variant("absolute-error", "L = Σ|y-t|", lambda net: _sum_of(net, lambda y, t: abs(y - t), lambda y, t: np.sign(y - t))),
    "pairs-broadcast": Variant("pairs-broadcast", "(N,) - (N,1) is (N,N)", _pairs),
    "second-term-missing": Variant("second-term-missing", "L = -Σ t·log p", _of_p(lambda p, t: -t * np.log(p))),
    "first-term-missing": Variant("second-term-missing", "L = -Σ (1-t)·log(1-p)", _of_p(lambda p, t: -(1 - t) * np.log(1 - p))),
    "second-term-sign": Variant("second-term-missing", "L = -Σ t·log p - (1-t)·log(1-p)", _of_p(lambda p, t: (1 - t) * np.log(1 - p) - t * np.log(p))),
    "without-log": Variant("without-log", "L = -Σ t·p", _of_p(lambda p, t: -t * p)),
    "cube": Variant("absolute-error", "L = Σ|y-t|³", lambda net: OtherLoss(lambda y, t: np.sum(abs(y - t) ** 3) / len(t), net.loss.gradient)),
    "root-of-loss": Variant("root-of-loss", "L = √L*", lambda net: OtherLoss(lambda y, t: np.sqrt(net.loss.value(y, t)), net.loss.gradient)),
    "root-of-each": Variant("root-of-loss", "L = Σ√Σ(y-t)²/N", lambda net: OtherLoss(lambda y, t: np.sum(np.sqrt(np.sum((y - t) ** 2, axis=-1))) / len(t), net.loss.gradient)),
    "error-summed": Variant("error-summed", "L = Σ(y-t)", lambda net: OtherLoss(lambda y, t: np.sum(y - t) / len(t), net.loss.gradient)),
    "square-of-sum": Variant("error-summed", "L = (Σ(y-t))²", lambda net: OtherLoss(lambda y, t: np.sum(y - t) ** 2, net.loss.gradient)),
    "wrong-pairing": Variant("wrong-pairing", "L = -Σ p·log t", _of_p(lambda p, t: -p * np.log(np.clip(t, 1e-12, 1)))),
}  # fmt: skip
