"""Variants of the forward pass and of the loss: other data, pre-activations, activations, losses.

Each variant has a name, which is its slug where a text is kept under that name, the formula that it uses, and a rule.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from nn_reference.activations import (
    ELU,
    IDENTITY,
    RELU,
    SIGMOID,
    SILU,
    SOFTMAX,
    SOFTPLUS,
    TANH,
    Activation,
    Softmax,
    sigmoid,
)
from nn_reference.arithmetic import Array, Params
from nn_reference.losses import BinaryCrossEntropy, CrossEntropy, SquaredError, count
from nn_reference.network import Network


class Rule(NamedTuple):
    """A rule that may stand where another one belongs.

    Attributes:
        slug: of its text.
        formula: what it uses.
        of: what it does; its arguments are those of its slot.
        common: whether it is frequent; only these are tried three at a time.
        final: of the output error: no derivative of the outputs comes after it.
        answered: of a sum: it is given what was answered too.
    """

    slug: str
    formula: str
    of: Callable[..., Any]
    common: bool = True
    final: bool = False
    answered: bool = False


def _classes(rule: Callable[[Array], Array]) -> Callable[[Array], Array]:
    def of(t: Array) -> Array:
        if t.ndim < 2 or t.shape[1] == 1:
            raise ValueError("no classes")
        return np.asarray(rule(t))

    return of


def _standardized(x: Array) -> Array:
    deviation = x.std(axis=0)
    return np.asarray((x - x.mean(axis=0)) / np.where(deviation > 0, deviation, 1))


def _within(x: Array) -> Array:
    return np.asarray((x - x.min()) / max(x.max() - x.min(), 1e-300))


TARGETS: dict[str, Rule] = {
    "labels-shifted": Rule("labels-shifted", "class k+1 for k", _classes(lambda t: np.roll(t, 1, axis=-1))),
    "labels-shifted-down": Rule("labels-shifted", "class k-1 for k", _classes(lambda t: np.roll(t, -1, axis=-1)), common=False),
    "labels-reversed": Rule("labels-reversed", "class C-1-k for k", _classes(lambda t: t[:, ::-1]), common=False),
    "labels-complemented": Rule("labels-complemented", "1-t for t", lambda t: 1 - t, common=False),
    "targets-truncated": Rule("targets-truncated", "trunc(t)", np.trunc, common=False),
    "targets-misaligned": Rule("targets-misaligned", "t[i-1] for t[i]", lambda t: np.roll(t, 1, axis=0)),
    "targets-misaligned-up": Rule("targets-misaligned", "t[i+1] for t[i]", lambda t: np.roll(t, -1, axis=0), common=False),
    "targets-reversed": Rule("targets-misaligned", "t[N-1-i] for t[i]", lambda t: t[::-1], common=False),
    "target-of-first": Rule("target-of-first", "t[0] for every sample", lambda t: np.repeat(t[:1], len(t), axis=0), common=False),
}  # fmt: skip
INPUTS: dict[str, Rule] = {
    "inputs-truncated": Rule("inputs-truncated", "trunc(x)", np.trunc),
    "inputs-rounded": Rule("inputs-truncated", "round(x)", np.round),
    "inputs-standardized": Rule("inputs-standardized", "(x - mean)/deviation, by column", _standardized),
    "inputs-centred": Rule("inputs-standardized", "x - mean, by column", lambda x: x - x.mean(axis=0)),
    "inputs-scaled-down": Rule("inputs-scaled", "x/255", lambda x: x / 255),
    "inputs-reshaped": Rule("inputs-reshaped", "x.reshape(D, N).T", lambda x: x.reshape(x.shape[::-1]).T),
    "inputs-to-unit-range": Rule("inputs-scaled", "(x - min)/(max - min)", _within),
}
# Which samples count, of how many there are.
ROWS: dict[str, Rule] = {
    "without last": Rule("sample-dropped", "the last sample is left out", lambda n: slice(0, max(1, n - 1))),
    "without last, none of one": Rule("sample-dropped", "the last sample is left out", lambda n: slice(0, n - 1)),
    "without first, none of one": Rule("sample-dropped", "the first sample is left out", lambda n: slice(1, n)),
    "without first": Rule("sample-dropped", "the first sample is left out", lambda n: slice(min(1, n - 1), n), common=False),
    "first only": Rule("one-sample", "the first sample only", lambda n: slice(0, 1)),
    "last only": Rule("last-sample", "the last sample only", lambda n: slice(n - 1, n)),
    "every second": Rule("sample-dropped", "every second sample", lambda n: slice(0, n, 2), common=False),
}  # fmt: skip
PARAMETERS: dict[str, Rule] = {
    "weights-reshaped": Rule("weights-reshaped", "W.ravel('F').reshape(W.shape)", lambda p: p.ravel("F").reshape(p.shape)),
    "weights-single": Rule("single-precision", "W in float32", lambda p: p.astype(np.float32).astype(p.dtype)),
}  # fmt: skip
DATA = TARGETS | INPUTS | ROWS | PARAMETERS


def changed_data(name: str, params: Params, x: Array, t: Array) -> tuple[Params, Array, Array]:
    """Parameters, inputs and targets as a rule of the data has them."""
    of = DATA[name].of
    if name in PARAMETERS:
        return {n: np.asarray(of(p)) for n, p in params.items()}, x, t
    if name in ROWS:
        return params, x[of(len(x))], t[of(len(x))]
    return (params, np.asarray(of(x)), t) if name in INPUTS else (params, x, np.asarray(of(t)))


def leaky(slope: float) -> Activation:
    """z, and a multiple of it below 0."""
    return Activation(
        f"leaky ReLU of slope {slope:g}", lambda z: np.where(z > 0, z, slope * z), lambda z, a, da: da * np.where(z > 0, 1, slope)
    )  # fmt: skip


def twice(activation: Activation) -> Activation:
    """Applied again to its own output, and differentiated so."""
    f, back = activation.forward, activation.backward
    return replace(activation, forward=lambda z: f(f(z)), backward=lambda z, a, da: back(z, f(z), back(f(z), a, da)))


def _other_axis(right: Activation) -> Activation:
    """Softmax over the batch where outputs are meant, and the other way round."""
    rule = "diagonal" if right.derivative == "diagonal" else "exact"
    return Softmax(axis=-3 - (right.axis or -1), derivative=rule) if right.name == "softmax" else Softmax(axis=-2)  # type: ignore[arg-type]


def _over_all(z: Array) -> Array:
    e = np.exp(z - z.max())
    return e / e.sum(axis=(-1, -2), keepdims=True)


OVER_ALL = replace(
    SOFTMAX, forward=_over_all, backward=lambda z, a, da: a * (da - (a * da).sum(axis=(-1, -2), keepdims=True)), axis=-3
)
SHIFTED_ABOVE = replace(
    SOFTMAX,
    forward=lambda z: np.exp(z - z.max(axis=-1, keepdims=True)) / np.exp(z).sum(axis=-1, keepdims=True),
    backward=IDENTITY.backward,
    axis=-3,
)
NORMALIZED = replace(SOFTMAX, forward=lambda z: z / z.sum(axis=-1, keepdims=True), backward=IDENTITY.backward, axis=-3)
# Its derivative is taken as a(1-a), as that of σ is: nobody differentiates what is a slip in the forward pass.
NEGATED = replace(SIGMOID, forward=lambda z: sigmoid(-z))


def _beside(epsilon: float, *, shifted: bool) -> Callable[[Activation], Activation]:
    """Softmax with ε beside the sum in its denominator, differentiated as if there were none."""

    def f(z: Array) -> Array:
        e = np.exp(z - z.max(axis=-1, keepdims=True)) if shifted else np.exp(z)
        return np.asarray(e / (e.sum(axis=-1, keepdims=True) + epsilon))

    return lambda _: replace(SOFTMAX, name="softmax with ε", forward=f, axis=None)


def _swapped(formula: str, other: Activation) -> Rule:
    """Another activation; where it is the right one, that one twice."""
    return Rule("activation-swapped", formula, lambda right: other if right.name != other.name else twice(right))


def _elementwise(formula: str, f: Callable[[Array], Array], prime: Callable[[Array], Array]) -> Rule:
    return _swapped(formula, Activation(formula, f, lambda z, a, da: da * prime(z)))


SMALL = (1e-8, 1e-10, 1e-12, 1e-7, 1e-9, 1e-6, 1e-5, 1e-4, 1e-3)
ACTIVATIONS: dict[str, Rule] = {
    "identity": _swapped("a = z", IDENTITY)._replace(slug="activation-left-out"),
    "twice": Rule("output-activation-twice", "a = φ(φ(z))", twice),
    "sigmoid": _swapped("a = σ(z)", SIGMOID),
    "tanh": _swapped("a = tanh z", TANH),
    "relu": _swapped("a = max(z, 0)", RELU),
    **{f"leaky {s:g}": _swapped(f"a = max(z, {s:g}·z)", leaky(s)) for s in (0.01, 0.1, 0.2)},
    "softplus": _swapped("a = log(1+e^z)", SOFTPLUS),
    "silu": _swapped("a = z·σ(z)", SILU),
    "elu": _swapped("a = z or e^z-1", ELU()),
    "relu6": _elementwise("a = min(max(z, 0), 6)", lambda z: np.clip(z, 0, 6), lambda z: (z > 0) & (z < 6)),
    "hard sigmoid": _elementwise("a = clip(0.2z+0.5, 0, 1)", lambda z: np.clip(0.2 * z + 0.5, 0, 1), lambda z: 0.2 * (abs(z) < 2.5)),
    "scaled tanh": _elementwise("a = 1.7159·tanh(2z/3)", lambda z: 1.7159 * np.tanh(2 * z / 3), lambda z: 1.7159 * 2 / 3 * (1 - np.tanh(2 * z / 3) ** 2)),
    "sigmoid base 2": _elementwise("a = 1/(1+2^-z)", lambda z: 1 / (1 + 2.0**-z), lambda z: np.log(2) * 2.0**-z / (1 + 2.0**-z) ** 2),
    "sigmoid of minus z": Rule("exponent-sign", "a = 1/(1+e^z)", lambda _: NEGATED),
    "softmax": _swapped("a = softmax(z)", SOFTMAX)._replace(slug="softmax-twice"),
    "softmax batch": Rule("softmax-axis", "softmax over the samples of the batch", _other_axis),
    "softmax all": Rule("softmax-axis", "softmax over the whole array", lambda _: OVER_ALL),
    **{f"softmax, {e:g}, {shifted}": Rule("softmax-epsilon", f"a = e/(Σe + {e:g}), e = exp({'z - max' if shifted else 'z'})", _beside(e, shifted=shifted), common=False) for e in SMALL for shifted in (True, False)},
    "softmax, shifted above": Rule("softmax-shift-half", "a = e^(z - max)/Σe^z", lambda _: SHIFTED_ABOVE),
    "normalized": Rule("activation-swapped", "a = z/Σz", lambda _: NORMALIZED),
}  # fmt: skip


def _of_bias(times: Callable[[Array], Any]) -> Callable[[Array, Array | None], Array]:
    """z with something in the place of b, which is a function of it."""
    return lambda z, b: z if b is None else z - b + times(b)


PREACTIVATIONS: dict[str, Rule] = {
    "bias-left-out": Rule("bias-left-out", "z = aW", _of_bias(lambda b: 0)),
    "bias-subtracted": Rule("bias-subtracted", "z = aW - b", _of_bias(lambda b: -b)),
    "bias-twice": Rule("bias-twice", "z = aW + 2b", _of_bias(lambda b: 2 * b)),
    "bias-one": Rule("bias-shared", "z = aW + b[0]", _of_bias(lambda b: b[0])),
    "shifted": Rule("z-shifted", "z = aW + b - max of the row", lambda z, b: z - z.max(axis=-1, keepdims=True)),
    "bias-summed": Rule("bias-shared", "z = aW + Σb", _of_bias(np.sum)),
    "bias·σ(1)": Rule("bias-activated", "z = aW + σ(1)·b", _of_bias(lambda b: sigmoid(np.ones(1)) * b)),
    "bias·tanh 1": Rule("bias-activated", "z = aW + tanh(1)·b", _of_bias(lambda b: np.tanh(1.0) * b)),
    "cumulated": Rule("sum-not-reset", "z = aW + b, each unit's with those of the units before it", lambda z, b: z.cumsum(axis=-1)),
}  # fmt: skip


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


def probability(net: Network, y: Array) -> Array:
    """The outputs as probabilities, where they are logits."""
    if not getattr(net.loss, "from_logits", False):
        return y
    return SIGMOID.forward(y) if isinstance(net.loss, BinaryCrossEntropy) else SOFTMAX.forward(y)


def _printed(of: Callable[[Network, Array, Array], Any], *kinds: type) -> Callable[[Network], Any]:
    """Another number that is printed, for losses of some kinds; its slope is the right loss's."""

    def rule(net: Network) -> Any:
        if kinds and not isinstance(net.loss, kinds):
            raise ValueError("of another loss")
        return OtherLoss(lambda y, t: of(net, y, t), net.loss.gradient)

    return rule


def _of_p(rule: Callable[[Array, Array], Array]) -> Callable[[Network], Any]:
    """A sum over probabilities, divided as the right loss is."""
    return _printed(lambda net, y, t: np.sum(rule(probability(net, y), t)) / count(net.loss, t))  # type: ignore[arg-type]


# Those whose slope is their own; the others keep the right slope, as people change the number that they print.
OWN_SLOPE = (
    "squared-for-cross-entropy",
    "binary-for-categorical",
    "logits-reversed",
    "cross-entropy",
    "first-term-alone",
    "absolute",
    "pairs-broadcast",
)
LOSSES: dict[str, Rule] = {
    "squared-for-cross-entropy": Rule("squared-for-cross-entropy", "L = Σ(p-t)²/N", lambda _: SquaredError("samples")),
    "binary-for-categorical": Rule("binary-for-categorical", "-Σ t·log p + (1-t)·log(1-p)", lambda net: BinaryCrossEntropy(from_logits=bool(getattr(net.loss, "from_logits", False)))),
    "logits-reversed": Rule("logits-reversed", "σ applied twice, or not at all", _reversed),
    "cross-entropy": Rule("cross-entropy-for-other", "L = -Σ t·log p", lambda net: CrossEntropy()),
    "first-term-alone": Rule("second-term-missing", "L = -Σ t·log p", lambda net: CrossEntropy()),
    "absolute": Rule("absolute-error", "L = Σ|y-t|", lambda _: OtherLoss(lambda y, t: np.sum(abs(y - t)) / len(t), lambda y, t: np.sign(y - t) / len(t))),
    "pairs-broadcast": Rule("pairs-broadcast", "(N,) - (N,1) is (N,N)", _pairs),
    "second-term-missing": Rule("second-term-missing", "L = -Σ t·log p", _of_p(lambda p, t: -t * np.log(p))),
    "first-term-missing": Rule("second-term-missing", "L = -Σ (1-t)·log(1-p)", _of_p(lambda p, t: -(1 - t) * np.log(1 - p))),
    "second-term-sign": Rule("second-term-missing", "L = -Σ t·log p - (1-t)·log(1-p)", _of_p(lambda p, t: (1 - t) * np.log(1 - p) - t * np.log(p))),
    "without-log": Rule("without-log", "L = -Σ t·p", _of_p(lambda p, t: -t * p)),
    "cube": Rule("absolute-error", "L = Σ|y-t|³", _printed(lambda net, y, t: np.sum(abs(y - t) ** 3) / len(t))),
    "root-of-loss": Rule("root-of-loss", "L = √L*", _printed(lambda net, y, t: np.sqrt(net.loss.value(y, t)))),
    "root-of-each": Rule("root-of-loss", "L = Σ√Σ(y-t)²/N", _printed(lambda net, y, t: np.sum(np.sqrt(np.sum((y - t) ** 2, axis=-1))) / len(t))),
    "error-summed": Rule("error-summed", "L = Σ(y-t)", _printed(lambda net, y, t: np.sum(y - t) / len(t))),
    "square-of-sum": Rule("error-summed", "L = (Σ(y-t))²", _printed(lambda net, y, t: np.sum(y - t) ** 2)),
    "wrong-pairing": Rule("wrong-pairing", "L = -Σ p·log t", _of_p(lambda p, t: -p * np.log(np.clip(t, 1e-12, 1)))),
}  # fmt: skip


def _altered(sign: float, over: Callable[[Array], float]) -> Callable[[Network], Any]:
    return _printed(lambda net, y, t: net.loss.value(sign * (y - t) / over(t), t), SquaredError)


def _of_errors(rule: Callable[[Array], Any]) -> Callable[[Network], Any]:
    """In the place of Σ(y-t)², and divided as it is."""
    return _printed(lambda net, y, t: rule(y - t) / count(net.loss, t), SquaredError)  # type: ignore[arg-type]


def _of_classes(rule: Callable[[Array, Array], Any]) -> Callable[[Network], Any]:
    return _printed(lambda net, y, t: rule(probability(net, y), t), CrossEntropy)


OVER: dict[str, Callable[[Array], float]] = {"": lambda t: 1.0, "/N": len, "/(NC)": np.size, "/C": lambda t: t.shape[1]}
LOSSES |= {
    f"altered {sign:g}{over}": Rule("loss-of-altered-outputs", f"L of y = {'' if sign == 1 else f'{sign:g}·'}(y-t){over}", _altered(sign, of), common=False)
    for sign in (1.0, 2.0, -1.0, -2.0) for over, of in OVER.items()
} | {
    name: Rule(slug, formula, rule, common=False)
    for name, slug, formula, rule in (
        ("root-of-all", "root-of-loss", "√Σ(y-t)² for Σ(y-t)²", _of_errors(lambda e: np.sqrt(np.sum(e * e)))),
        ("square-of-loss", "loss-of-loss", "L = L*²", _printed(lambda net, y, t: net.loss.value(y, t) ** 2)),
        ("exponential", "loss-of-loss", "L = e^L*", _printed(lambda net, y, t: np.exp(net.loss.value(y, t)))),
        ("logarithm", "loss-of-loss", "L = log L*", _printed(lambda net, y, t: np.log(net.loss.value(y, t)))),
        ("square-of-each", "loss-of-loss", "Σ(Σ(y-t)²)² for Σ(y-t)²: squared for each sample", _of_errors(lambda e: np.sum(np.sum(e * e, axis=1) ** 2))),
        ("sum-of-each", "error-summed", "Σ(Σ(y-t))² for Σ(y-t)²: outputs are summed before the square", _of_errors(lambda e: np.sum(e.sum(axis=1) ** 2))),
        ("sum-over-batch", "error-summed", "Σ(Σ(y-t))² for Σ(y-t)²: samples are summed before the square", _of_errors(lambda e: np.sum(e.sum(axis=0) ** 2))),
        ("sum-of-magnitudes", "error-summed", "(Σ|y-t|)² for Σ(y-t)²", _of_errors(lambda e: np.sum(abs(e)) ** 2)),
        ("square-of-mean", "error-summed", "(mean(y-t))² for mean (y-t)²", _printed(lambda net, y, t: np.mean(y - t) ** 2, SquaredError)),
        ("root-over-batch", "root-of-loss", "Σ√Σ(y-t)² for Σ(y-t)²: the norm over the samples", _of_errors(lambda e: np.sum(np.sqrt(np.sum(e * e, axis=0))))),
        ("largest-of-each", "largest-error", "Σ max|y-t| for Σ(y-t)²: the largest of each sample", _of_errors(lambda e: np.sum(np.max(abs(e), axis=1)))),
        ("largest", "largest-error", "max|y-t| for Σ(y-t)²", _of_errors(lambda e: np.max(abs(e)))),
        ("first-output", "loss-of-one-output", "L of the first output only", _printed(lambda net, y, t: net.loss.value(y[:, :1], t[:, :1]), SquaredError, BinaryCrossEntropy)),
        ("last-output", "loss-of-one-output", "L of the last output only", _printed(lambda net, y, t: net.loss.value(y[:, -1:], t[:, -1:]), SquaredError, BinaryCrossEntropy)),
        ("huber", "loss-other", "Σ ½e² where |e| < 1, |e| - ½ elsewhere, for Σ e², e = y-t", _of_errors(lambda e: np.sum(np.where(abs(e) < 1, e * e / 2, abs(e) - 0.5)))),
        ("log-cosh", "loss-other", "Σ log cosh(y-t) for Σ(y-t)²", _of_errors(lambda e: np.sum(np.log(np.cosh(e))))),
        ("log-of-mean", "log-of-mean", "L = -log(Σ t·p/N)", _of_classes(lambda p, t: -np.log(np.sum(t * p) / len(t)))),
        ("log-of-sum", "log-of-mean", "L = -log Σ t·p", _of_classes(lambda p, t: -np.log(np.sum(t * p)))),
        ("largest-class", "loss-of-largest", "L = -Σ log max p", _of_classes(lambda p, t: -np.sum(np.log(p.max(axis=1))) / len(t))),
        ("every-class", "classes-indexed", "L = -Σ log p[i, k_j] over all i and j: p[:, k] for p[range(N), k]", _of_classes(lambda p, t: -np.sum(np.log(p) @ t.T) / len(t))),
        ("first-class", "classes-indexed", "L = -Σ log p[i, 0]", _of_classes(lambda p, t: -np.sum(np.log(p[:, 0])) / len(t))),
    )
}  # fmt: skip
