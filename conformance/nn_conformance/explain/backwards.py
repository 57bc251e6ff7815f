"""Variants of the backward pass, slot by slot. Each rule works on stacks: δ and g are (…, N, units), leading axes are candidates.

Slots: `error` dL/da of the outputs, `derivative` of an activation, `samples` that count, `back` through W, `input` of dW, `sum` over samples.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import numpy as np

from nn_conformance.explain.forwards import OVER_ALL
from nn_conformance.explain.trace import Trace, described, matrix
from nn_reference.activations import SOFTMAX, sigmoid
from nn_reference.arithmetic import Array
from nn_reference.losses import BinaryCrossEntropy, CrossEntropy, SquaredError, count


class Rule(NamedTuple):
    """A rule of a slot: the name of its text, its formula, and what it does; `common` ones are tried three at a time."""

    slug: str
    formula: str
    of: Callable[..., Any]
    common: bool = True
    final: bool = False  # of the error: no derivative of the outputs comes after it
    answered: bool = False  # of the sum: it is given what was answered too


def error(tr: Trace) -> tuple[Array, bool]:
    """dL/da of the outputs by the right rule, or dL/dz where loss and softmax are one; whether it is dL/dz."""
    loss = cast("CrossEntropy", tr.case.net.loss)
    if tr.net.loss_takes_logits_of_softmax:
        return (tr.y * tr.t.sum(axis=-1, keepdims=True) - tr.t) / count(loss, tr.t), True
    if tr.net.layers[-1].activation is OVER_ALL and tr.case.net.loss_takes_logits_of_softmax:
        return (tr.y - tr.t) / count(loss, tr.t), True  # nobody differentiates what is a slip in the forward pass
    return np.asarray(tr.net.loss.gradient(tr.y, tr.t)), False


def _again(change: Callable[[Array], Array]) -> Callable[[Trace], Array]:
    """The right error for other targets."""

    def of(tr: Trace) -> Array:
        return error(Trace(tr.case, tr.net, tr.W, tr.b, tr.z, tr.a, np.asarray(change(tr.t))))[0]

    return of


def _probabilities(tr: Trace) -> Array:
    loss = tr.net.loss
    if isinstance(loss, CrossEntropy | BinaryCrossEntropy) and loss.from_logits:
        return SIGMOID_OF(tr.y) if isinstance(loss, BinaryCrossEntropy) else SOFTMAX.forward(tr.y)
    return tr.y


def SIGMOID_OF(z: Array) -> Array:  # noqa: N802 - beside SOFTMAX.forward
    """σ(z)."""
    return np.asarray(sigmoid(z))


def _squared(tr: Trace) -> bool:
    return isinstance(tr.net.loss, SquaredError)


def errors(tr: Trace) -> dict[str, Rule]:
    """Variants of the output error that make sense for the loss; their scale is free."""
    n, one, (_, fused) = len(tr.t), tr.t.shape[1] == 1, error(tr)
    loss, logits = tr.net.loss, bool(getattr(tr.net.loss, "from_logits", False))
    p = _probabilities(tr)
    rules: dict[str, Rule] = {
        "targets-misaligned": Rule("targets-misaligned", "t[i-1] for t[i]", _again(lambda t: np.roll(t, 1, axis=0)), final=fused),
        "targets-misaligned-up": Rule("targets-misaligned", "t[i+1] for t[i]", _again(lambda t: np.roll(t, -1, axis=0)), common=False, final=fused),
        "target-of-first": Rule("target-of-first", "t[0] for every sample", _again(lambda t: np.repeat(t[:1], len(t), axis=0)), common=False, final=fused),
        "complement": Rule("labels-complemented", "1-t for t", _again(lambda t: 1 - t), common=False, final=fused),
        "no-target": Rule("target-missing", "y for y-t", _again(lambda t: t * 0), common=False, final=fused),
        "only-target": Rule("output-missing", "t for y-t", lambda tr: tr.t / n, common=False, final=fused),
        "magnitude": Rule("error-magnitude", "|y-t| for y-t", lambda tr: np.abs(error(tr)[0]), common=False, final=fused),
        "sign": Rule("error-sign", "sign(y-t) for y-t", lambda tr: np.sign(error(tr)[0]), common=False, final=fused),
        "square": Rule("error-square", "(y-t)² for y-t", lambda tr: (tr.y - tr.t) ** 2 / n, common=False, final=fused),
        "mean-over-batch": Rule("error-averaged", "the mean of y-t over the batch, for every sample", lambda tr: error(tr)[0].mean(axis=0) + 0 * tr.y, common=False, final=fused),
        "mean-over-units": Rule("error-summed-over-units", "the sum of y-t over the outputs, for every output", lambda tr: error(tr)[0].sum(axis=1, keepdims=True) + 0 * tr.y, common=False, final=fused),
        "loss-for-error": Rule("loss-for-error", "the loss of each entry for its derivative", lambda tr: (tr.y - tr.t) ** 2 * np.sign(tr.y - tr.t) / n, common=False, final=fused),
        "last-for-all": Rule("error-of-last", "the last sample's error for every sample", lambda tr: error(tr)[0][-1:] + 0 * tr.y, common=False, final=fused),
        "first-for-all": Rule("error-of-last", "the first sample's error for every sample", lambda tr: error(tr)[0][:1] + 0 * tr.y, common=False, final=fused),
        "pairs": Rule("pairs-broadcast", "y against the mean of t", lambda tr: (tr.y - tr.t.mean(axis=0)) / n, final=fused),
        "rounded": Rule("outputs-rounded", "round(y)-t for y-t", lambda tr: (np.round(p) - tr.t) / n, common=False, final=fused),
        "z-for-y": Rule("z-for-output", "z-t for y-t", lambda tr: (tr.z[-1] - tr.t) / n, final=fused),
        "a-below": Rule("output-missing", "y·t", lambda tr: tr.y * tr.t / n, common=False, final=fused),
    }  # fmt: skip
    if not one:
        rules |= {
            "labels-shifted": Rule("labels-shifted", "class k+1 for k", _again(lambda t: np.roll(t, 1, axis=1)), final=fused),
            "labels-shifted-down": Rule("labels-shifted", "class k-1 for k", _again(lambda t: np.roll(t, -1, axis=1)), common=False, final=fused),
            "labels-reversed": Rule("labels-reversed", "class C-1-k for k", _again(lambda t: t[:, ::-1]), common=False, final=fused),
            "right-class-only": Rule("right-class-only", "(p-1) at the right class, 0 elsewhere", lambda tr: (p - 1) * tr.t / n, final=True),
            "other-classes-only": Rule("right-class-only", "p of the other classes, 0 at the right one", lambda tr: p * (1 - tr.t) / n, common=False, final=True),
            "softmax-twice": Rule("softmax-twice", "softmax(p)-t", lambda tr: (SOFTMAX.forward(p) - tr.t) / n, final=True),
            "softmax-batch": Rule("softmax-axis", "p-t, p the softmax over the batch", lambda tr: (SOFTMAX.forward(tr.z[-1].T).T - tr.t) / n, final=True),
            "argmax": Rule("outputs-rounded", "one-hot(argmax p)-t for p-t", lambda tr: ((p == p.max(axis=1, keepdims=True)) - tr.t) / n, common=False, final=True),
        }  # fmt: skip
    if not _squared(tr):
        q = np.clip(p, 1e-300, 1) + tr.epsilon
        rules |= {
            "p-t": Rule("delta-p-minus-t", "p-t, without the derivative that belongs to it", lambda tr: (p - tr.t) / n, final=True),
            "squared": Rule("squared-for-cross-entropy", "2(p-t)·φ′, of squared error", lambda tr: (p - tr.t) / n),
            "y-t": Rule("logits-reversed", "z-t for p-t", lambda tr: (tr.z[-1] - tr.t) / n, common=False, final=True),
            "slope-of-log": Rule("output-derivative-missing", "-t/p for p-t", lambda tr: -tr.t / q / n, final=True),
            "softmax-diagonal": Rule("softmax-diagonal", "δ = -t/p·p(1-p)", lambda tr: -tr.t / q * p * (1 - p) / n, final=True),
            "extra": Rule("output-derivative-extra", "(p-t)·p(1-p)", lambda tr: error(tr)[0] * p * (1 - p), final=fused or logits),
            "extra-jacobian": Rule("output-derivative-extra", "p-t through softmax's Jacobian once more", lambda tr: SOFTMAX.backward(tr.z[-1], SOFTMAX.forward(tr.z[-1]), (p - tr.t) / n), final=True),
            "probability-of-sigmoid": Rule("sigmoid-for-softmax", "σ(z)-t", lambda tr: (SIGMOID_OF(tr.z[-1]) - tr.t) / n, final=True),
            "probability-of-softmax": Rule("softmax-for-sigmoid", "softmax(z)-t", lambda tr: (SOFTMAX.forward(tr.z[-1]) - tr.t) / n, final=True),
            "binary": Rule("binary-for-categorical", "(p-t)/(p(1-p))", lambda tr: (p - tr.t) / np.maximum(p * (1 - p), 1e-300) / n),
            "log": Rule("loss-for-error", "-log p·t for the derivative", lambda tr: -np.log(q) * tr.t / n, common=False, final=True),
        }  # fmt: skip
        if isinstance(loss, BinaryCrossEntropy):
            rules["sigmoid-again"] = Rule(
                "output-activation-twice", "σ(p)-t", lambda tr: (SIGMOID_OF(p) - tr.t) / n, final=True
            )
    if tr.epsilon:  # of two that differ by ε alone, the one that has it
        rules = {name: rules[name] for name in ("softmax-diagonal", "slope-of-log") if name in rules} | rules
    return rules


# (z, a, g, tr, k) -> what g is multiplied by.
Derivative = Callable[[Array, Array, Array, Trace, int], Any]


def _mean(tr: Trace, k: int) -> Array:
    exact = tr.through(k, np.ones_like(tr.a[k]))
    return np.asarray(exact.mean(axis=0))


def _other_layer(tr: Trace, k: int, step: int) -> Array:
    other = k + step
    if not 1 <= other <= tr.last or tr.a[other].shape != tr.a[k].shape:
        raise ValueError("no layer of that width")
    kind = tr.net.layers[k - 1].activation
    return np.asarray(kind.backward(tr.z[other], tr.a[other], np.ones_like(tr.a[k])))


def _slug(kind: str, formula: str, *, last: bool) -> str:
    if formula == "1":
        return "output-derivative-missing" if last else "derivative-missing"
    table = {
        ("sigmoid", "σ′(a)"): "derivative-at-a",
        ("sigmoid", "z(1-z)"): "z-for-a",
        ("sigmoid", "a"): "sigmoid-first-power",
        ("sigmoid", "1-a²"): "tanh-rule-for-sigmoid",
        ("tanh", "1-a"): "tanh-first-power",
        ("tanh", "1-tanh²(a)"): "tanh-at-a",
        ("tanh", "1-z²"): "tanh-of-z",
        ("tanh", "a(1-a)"): "sigmoid-rule-for-tanh",
        ("relu", "(g > 0)"): "relu-mask-of-gradient",
        ("softmax", "a(1-a)"): "softmax-diagonal",
    }
    if formula in OF_ERROR and formula != "y":
        return "derivative-of-error"
    return table.get((kind, formula), "derivative-other")


FORMULAS: dict[str, tuple[bool, Derivative]] = {
    "1": (True, lambda z, a, g, tr, k: 1.0),
    "a(1-a)": (True, lambda z, a, g, tr, k: a * (1 - a)),
    "1-a²": (True, lambda z, a, g, tr, k: 1 - a * a),
    "(z > 0)": (True, lambda z, a, g, tr, k: z > 0),
    "a": (True, lambda z, a, g, tr, k: a),
    "1-a": (True, lambda z, a, g, tr, k: 1 - a),
    "σ′(a)": (True, lambda z, a, g, tr, k: sigmoid(a) * (1 - sigmoid(a))),
    "1-tanh²(a)": (True, lambda z, a, g, tr, k: 1 - np.tanh(a) ** 2),
    "z(1-z)": (True, lambda z, a, g, tr, k: z * (1 - z)),
    "1-z²": (True, lambda z, a, g, tr, k: 1 - z * z),
    "σ′(z)": (True, lambda z, a, g, tr, k: sigmoid(z) * (1 - sigmoid(z))),
    "1-tanh²(z)": (True, lambda z, a, g, tr, k: 1 - np.tanh(z) ** 2),
    "z": (False, lambda z, a, g, tr, k: z),
    "1-z": (False, lambda z, a, g, tr, k: 1 - z),
    "a²": (False, lambda z, a, g, tr, k: a * a),
    "a²(1-a)": (False, lambda z, a, g, tr, k: a * a * (1 - a)),
    "a(1-a)²": (False, lambda z, a, g, tr, k: a * (1 - a) ** 2),
    "(a(1-a))²": (True, lambda z, a, g, tr, k: (a * (1 - a)) ** 2),
    "(1-a²)²": (True, lambda z, a, g, tr, k: (1 - a * a) ** 2),
    "(1-a)²": (False, lambda z, a, g, tr, k: (1 - a) ** 2),
    "1-2a": (False, lambda z, a, g, tr, k: 1 - 2 * a),
    "a(1+a)": (False, lambda z, a, g, tr, k: a * (1 + a)),
    "1+a": (False, lambda z, a, g, tr, k: 1 + a),
    "1+a²": (False, lambda z, a, g, tr, k: 1 + a * a),
    "σ(z)": (False, lambda z, a, g, tr, k: sigmoid(z)),
    "tanh z": (False, lambda z, a, g, tr, k: np.tanh(z)),
    "σ(a)": (False, lambda z, a, g, tr, k: sigmoid(a)),
    "1-tanh z": (False, lambda z, a, g, tr, k: 1 - np.tanh(z)),
    "1-tanh²(tanh a)": (False, lambda z, a, g, tr, k: 1 - np.tanh(np.tanh(a)) ** 2),
    "√(a(1-a))": (False, lambda z, a, g, tr, k: np.sqrt(a * (1 - a))),
    "e^-z": (False, lambda z, a, g, tr, k: np.exp(-z)),
    "e^-z/(1+e^-z)": (False, lambda z, a, g, tr, k: np.exp(-z) / (1 + np.exp(-z))),
    "e^z/(1+e^z)": (False, lambda z, a, g, tr, k: np.exp(z) / (1 + np.exp(z))),
    "e^-z/(1+e^-z)³": (False, lambda z, a, g, tr, k: np.exp(-z) / (1 + np.exp(-z)) ** 3),
    "1/cosh z": (False, lambda z, a, g, tr, k: 1 / np.cosh(z)),
    "1/(1+z²)": (False, lambda z, a, g, tr, k: 1 / (1 + z * z)),
    "(z < 0)": (False, lambda z, a, g, tr, k: z < 0),
    "(z > 1)": (False, lambda z, a, g, tr, k: z > 1),
    "(a > 1)": (False, lambda z, a, g, tr, k: a > 1),
    "(a > ½)": (False, lambda z, a, g, tr, k: a > 0.5),
    "sign z": (False, lambda z, a, g, tr, k: np.sign(z)),
    "|z|": (False, lambda z, a, g, tr, k: np.abs(z)),
    "(g > 0)": (True, lambda z, a, g, tr, k: g > 0),
    "(g < 0)": (False, lambda z, a, g, tr, k: g < 0),
    "g(1-g)/g": (False, lambda z, a, g, tr, k: 1 - g),
    "φ′ averaged over the batch": (False, lambda z, a, g, tr, k: _mean(tr, k)),
    "φ′ of the first sample": (False, lambda z, a, g, tr, k: tr.through(k, np.ones_like(a))[:1]),
    "φ′ of the last sample": (False, lambda z, a, g, tr, k: tr.through(k, np.ones_like(a))[-1:]),
    "φ′ of the layer below": (True, lambda z, a, g, tr, k: _other_layer(tr, k, -1)),
    "φ′ of the layer above": (True, lambda z, a, g, tr, k: _other_layer(tr, k, 1)),
    "φ′ twice": (True, lambda z, a, g, tr, k: tr.through(k, np.ones_like(a)) ** 2),
    "φ″ for φ′": (False, lambda z, a, g, tr, k: tr.through(k, np.ones_like(a)) * (1 - 2 * a)),
}  # fmt: skip
OF_ERROR: dict[str, tuple[bool, Derivative]] = {
    "e(1-e), e = y-t": (True, lambda z, a, g, tr, k: (tr.y - tr.t) * (1 - tr.y + tr.t)),
    "1-e², e = y-t": (True, lambda z, a, g, tr, k: 1 - (tr.y - tr.t) ** 2),
    "e = t-y: e(1-e)": (False, lambda z, a, g, tr, k: (tr.t - tr.y) * (1 - tr.t + tr.y)),
    "(e > 0), e = y-t": (False, lambda z, a, g, tr, k: tr.y > tr.t),
    "φ′ of t": (False, lambda z, a, g, tr, k: tr.t * (1 - tr.t) if tr.kind(k) == "sigmoid" else 1 - tr.t**2),
    "y": (False, lambda z, a, g, tr, k: tr.y),
}  # fmt: skip


def derivatives(tr: Trace, k: int) -> dict[str, Rule]:
    """Variants of the derivative in layer k."""
    last, kind = k == tr.last, tr.kind(k)
    formulas = FORMULAS | (OF_ERROR if last else {})

    def rule(of: Derivative) -> Callable[[Trace, Array], Array]:
        return lambda tr, g: np.asarray(g * of(tr.z[k], tr.a[k], g, tr, k))

    found = {
        name: Rule(_slug(kind, name, last=last), name, rule(of), common) for name, (common, of) in formulas.items()
    }
    alone = Rule("bias-without-error", "φ′ alone, without the error", lambda tr, g: tr.through(k, np.ones_like(g)))
    return found if kind == "identity" else {**found, "alone": alone}


def _rows(keep: Callable[[int], Any], mean: Callable[[int], float]) -> Callable[[Trace, Array], Array]:
    def of(_: Trace, g: Array) -> Array:
        n = g.shape[-2]
        mask = np.zeros((n, 1))
        mask[keep(n)] = mean(n)
        return np.asarray(g * mask)

    return of


SAMPLES: dict[str, Rule] = {
    "sample-dropped": Rule("sample-dropped", "the last sample is left out", _rows(lambda n: slice(0, max(1, n - 1)), lambda n: n / max(1, n - 1))),
    "sample-dropped/N": Rule("sample-dropped", "the last sample is left out, divided by N all the same", _rows(lambda n: slice(0, max(1, n - 1)), lambda n: 1)),
    "sample-dropped/N, none of one": Rule("sample-dropped", "the last sample is left out, divided by N all the same", _rows(lambda n: slice(0, n - 1), lambda n: 1)),
    "first-dropped": Rule("sample-dropped", "the first sample is left out", _rows(lambda n: slice(1, n), lambda n: n / max(1, n - 1)), common=False),
    "first-dropped/N": Rule("sample-dropped", "the first sample is left out, divided by N all the same", _rows(lambda n: slice(1, n), lambda n: 1), common=False),
    "one-sample": Rule("one-sample", "the first sample only", _rows(lambda n: slice(0, 1), lambda n: n)),
    "one-sample/N": Rule("one-sample", "the first sample only, divided by N", _rows(lambda n: slice(0, 1), lambda n: 1)),
    "last-sample": Rule("last-sample", "the last sample only", _rows(lambda n: slice(n - 1, n), lambda n: n)),
    "last-sample/N": Rule("last-sample", "the last sample only, divided by N", _rows(lambda n: slice(n - 1, n), lambda n: 1)),
    "every-second": Rule("sample-dropped", "every second sample", _rows(lambda n: slice(0, n, 2), lambda n: 1), common=False),
    "once-more": Rule("sample-twice", "the last sample counts twice", lambda tr, g: np.concatenate([g[..., :-1, :], 2 * g[..., -1:, :]], axis=-2), common=False),
    "first-once-more": Rule("sample-twice", "the first sample counts twice", lambda tr, g: np.concatenate([2 * g[..., :1, :], g[..., 1:, :]], axis=-2), common=False),
}  # fmt: skip


def _early(tr: Trace, k: int) -> Array:
    if not tr.case.rate or f"W{k}" not in tr.answer:
        raise ValueError("no update")
    return tr.W[k] - tr.case.rate * (tr.answer[f"W{k}"] + tr.case.slope(f"W{k}") * tr.W[k])


def _described(tr: Trace, k: int, rule: Callable[[Array], Array]) -> Array:
    network = tr.case.network
    return matrix(network, f"W{k}", rule(described(network, f"W{k}", tr.W[k])))


def _shaped(a: Array, shape: tuple[int, ...]) -> Array:
    if a.shape != shape:
        raise ValueError("another shape")
    return a


def backs(k: int) -> dict[str, Rule]:
    """Variants of the way back through W of layer k."""

    def by(weights: Callable[[Trace], Array]) -> Callable[[Trace, Array], Array]:
        return lambda tr, d: np.asarray(d @ _shaped(weights(tr), tr.W[k].shape).T)

    def through(other: int) -> Callable[[Trace], Array]:
        def weights(tr: Trace) -> Array:
            if not 1 <= other <= tr.last:
                raise ValueError("no such layer")
            return tr.W[other]

        return weights

    return {
        "updated": Rule("weights-updated-early", "W - lr·dW for W", by(lambda tr: _early(tr, k))),
        "untransposed": Rule("weights-untransposed", "δW for δWᵀ", by(lambda tr: tr.W[k].T)),
        "reshaped": Rule("weights-untransposed", "δ·W.reshape for δWᵀ", by(lambda tr: tr.W[k].T.reshape(tr.W[k].shape))),
        "left out": Rule("weights-left-out", "δ summed, without W", by(lambda tr: np.ones_like(tr.W[k]))),
        "straight": Rule("weights-left-out", "δ as it is, without W", lambda tr, d: _shaped(d, (*d.shape[:-1], tr.W[k].shape[0]))),
        "magnitude": Rule("weights-other", "|W| for W", by(lambda tr: np.abs(tr.W[k])), common=False),
        "square": Rule("weights-other", "W² for W", by(lambda tr: tr.W[k] ** 2), common=False),
        "below": Rule("weights-of-other-layer", "W of the layer below", by(through(k - 1)), common=False),
        "above": Rule("weights-of-other-layer", "W of the layer above", by(through(k + 1)), common=False),
        "sum over batch": Rule("error-averaged", "δ summed over the batch, for every sample", lambda tr, d: np.asarray(d.sum(axis=-2, keepdims=True) @ tr.W[k].T + 0 * (d @ tr.W[k].T)), common=False),
        "last for all": Rule("error-of-last", "the last sample's δ for every sample", lambda tr, d: np.asarray(d[..., -1:, :] @ tr.W[k].T + 0 * (d @ tr.W[k].T)), common=False),
        "first unit": Rule("weights-other", "only the first unit's error goes back", lambda tr, d: np.asarray(d[..., :1] @ tr.W[k].T[:1]), common=False),
        "last unit": Rule("weights-other", "only the last unit's error goes back", lambda tr, d: np.asarray(d[..., -1:] @ tr.W[k].T[-1:]), common=False),
        "units reversed": Rule("weights-other", "units in the other order", lambda tr, d: np.asarray(d[..., ::-1] @ tr.W[k].T), common=False),
    }  # fmt: skip


def inputs(k: int) -> dict[str, Rule]:
    """Variants of what dW of layer k multiplies δ by, for the input a of the layer."""
    below = k - 1

    def kept(j: int, *, pre: bool = False) -> Callable[[Trace], Array]:
        def of(tr: Trace) -> Array:
            if not 0 <= j <= tr.last or (j == below and not pre):
                raise ValueError("no such layer")
            return _shaped((tr.z if pre and j else tr.a)[j], tr.a[below].shape)

        return of

    rules = {
        "z": Rule("preactivation-cached", "zᵀδ for aᵀδ", kept(below, pre=True)),
        "own a": Rule("input-of-other-layer", "the layer's own output for its input", kept(k)),
        "a below": Rule("input-of-other-layer", "the input of the layer below", kept(below - 1)),
        "x": Rule("input-of-other-layer", "x for the layer's input", kept(0)),
        "ones": Rule("input-left-out", "1 for the layer's input", lambda tr: np.ones_like(tr.a[below])),
        "square": Rule("input-other", "a² for a", lambda tr: tr.a[below] ** 2, common=False),
        "magnitude": Rule("input-other", "|a| for a", lambda tr: np.abs(tr.a[below]), common=False),
        "mean": Rule("input-averaged", "the mean of the inputs over the batch", lambda tr: tr.a[below].mean(axis=0) + 0 * tr.a[below]),
        "first": Rule("input-of-one-sample", "the first sample's input for every sample", lambda tr: tr.a[below][:1] + 0 * tr.a[below]),
        "last": Rule("input-of-one-sample", "the last sample's input for every sample", lambda tr: tr.a[below][-1:] + 0 * tr.a[below]),
        "rolled": Rule("input-misaligned", "the input of the sample before", lambda tr: np.roll(tr.a[below], 1, axis=0), common=False),
        "rolled up": Rule("input-misaligned", "the input of the sample after", lambda tr: np.roll(tr.a[below], -1, axis=0), common=False),
        "complement": Rule("input-other", "1-a for a", lambda tr: 1 - tr.a[below], common=False),
        "units reversed": Rule("input-other", "units in the other order", lambda tr: tr.a[below][:, ::-1], common=False),
    }  # fmt: skip
    if k > 1:
        rules |= {
            "activated again": Rule("input-activated-again", "φ(a) for a", lambda tr: tr.net.layers[below - 1].activation.forward(tr.a[below])),
            "derivative": Rule("input-other", "φ′(z) for a", lambda tr: tr.through(below, np.ones_like(tr.a[below])), common=False),
            "bias less": Rule("input-other", "φ(z-b) for a", lambda tr: tr.net.layers[below - 1].activation.forward(tr.z[below] - (tr.b[below] if tr.b[below] is not None else np.nan)), common=False),
        }  # fmt: skip
    return rules
