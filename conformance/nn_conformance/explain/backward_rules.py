"""Variants of the backward pass, slot by slot. Each rule works on stacks: δ and g are (…, N, units), leading axes are candidates.

Slots: `error` dL/da of the outputs, `derivative` of an activation (in `derivative_rules`), `samples` that count, `back`
through W, `input` of dW, `sum` over samples (in `sum_rules`).
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import cast

import numpy as np

from nn_conformance.explain.forward_rules import OVER_ALL, ROWS, SHIFTED_ABOVE, TARGETS, Rule, probability
from nn_conformance.explain.trace import Trace, described, matrix, shaped
from nn_reference.activations import SIGMOID, SOFTMAX
from nn_reference.arithmetic import Array
from nn_reference.losses import BinaryCrossEntropy, CrossEntropy, SquaredError, count


def error(tr: Trace) -> tuple[Array, bool]:
    """dL/da of the outputs by the right rule, or dL/dz where loss and softmax are one; whether it is dL/dz."""
    loss = cast("CrossEntropy", tr.case.net.loss)
    if tr.net.loss_takes_logits_of_softmax:
        return (tr.y * tr.t.sum(axis=-1, keepdims=True) - tr.t) / count(loss, tr.t), True
    if tr.net.layers[-1].activation in (OVER_ALL, SHIFTED_ABOVE) and tr.case.net.loss_takes_logits_of_softmax:
        return (tr.y - tr.t) / count(loss, tr.t), True  # nobody differentiates what is a slip in the forward pass
    return np.asarray(tr.net.loss.gradient(tr.y, tr.t)), False


def _again(change: Callable[[Array], Array]) -> Callable[[Trace], Array]:
    """The right error for other targets."""
    return lambda tr: error(replace(tr, t=np.asarray(change(tr.t))))[0]


def errors(tr: Trace) -> dict[str, Rule]:
    """Variants of the output error that make sense for the loss; their scale is free."""
    n, one, (_, fused) = len(tr.t), tr.t.shape[1] == 1, error(tr)
    loss, logits = tr.net.loss, bool(getattr(tr.net.loss, "from_logits", False))
    p = probability(tr.net, tr.y)
    rules = {
        name: Rule(rule.slug, rule.formula, _again(rule.of), rule.common, fused) for name, rule in TARGETS.items()
    } | {
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
        "of-tanh": Rule("error-other", "tanh(y-t) for y-t", lambda tr: np.tanh(tr.y - tr.t) / n, common=False, final=fused),
        "of-norm": Rule("error-other", "(y-t)/‖y-t‖ for y-t", lambda tr: error(tr)[0] / np.linalg.norm(error(tr)[0]), common=False, final=fused),
        "rounded": Rule("outputs-rounded", "round(y)-t for y-t", lambda tr: (np.round(p) - tr.t) / n, common=False, final=fused),
        "truncated": Rule("error-truncated", "trunc(y-t) for y-t", lambda tr: np.trunc(p - tr.t) / n, common=False, final=fused),
        "z-for-y": Rule("z-for-output", "z-t for y-t", lambda tr: (tr.z[-1] - tr.t) / n, final=fused),
        "a-below": Rule("output-missing", "y·t", lambda tr: tr.y * tr.t / n, common=False, final=fused),
    }  # fmt: skip
    if not one:
        rules |= {
            "right-class-only": Rule("right-class-only", "(p-1) at the right class, 0 elsewhere", lambda tr: (p - 1) * tr.t / n, final=True),
            "other-classes-only": Rule("right-class-only", "p of the other classes, 0 at the right one", lambda tr: p * (1 - tr.t) / n, common=False, final=True),
            "softmax-twice": Rule("softmax-twice", "softmax(p)-t", lambda tr: (SOFTMAX.forward(p) - tr.t) / n, final=True),
            "softmax-batch": Rule("softmax-axis", "p-t, p the softmax over the batch", lambda tr: (SOFTMAX.forward(tr.z[-1].T).T - tr.t) / n, final=True),
            "argmax": Rule("outputs-rounded", "one-hot(argmax p)-t for p-t", lambda tr: ((p == p.max(axis=1, keepdims=True)) - tr.t) / n, common=False, final=True),
        }  # fmt: skip
    if not isinstance(loss, SquaredError):
        q = np.clip(p, 1e-300, 1) + tr.epsilon
        rules |= {
            "p-t": Rule("delta-p-minus-t", "p-t, without the derivative that belongs to it", lambda tr: (p - tr.t) / n, final=True),
            "squared": Rule("squared-for-cross-entropy", "(p-t)·φ′, as for squared error", lambda tr: (p - tr.t) / n),
            "y-t": Rule("logits-reversed", "z-t for p-t", lambda tr: (tr.z[-1] - tr.t) / n, common=False, final=True),
            "slope-of-log": Rule("output-derivative-missing", "-t/p for p-t", lambda tr: -tr.t / q / n, final=True),
            "softmax-diagonal": Rule("softmax-diagonal", "δ = -t/p·p(1-p)", lambda tr: -tr.t / q * p * (1 - p) / n, final=True),
            "extra": Rule("output-derivative-extra", "(p-t)·p(1-p)", lambda tr: error(tr)[0] * p * (1 - p), final=fused or logits),
            "extra-jacobian": Rule("output-derivative-extra", "p-t through softmax's Jacobian once more", lambda tr: SOFTMAX.backward(tr.z[-1], SOFTMAX.forward(tr.z[-1]), (p - tr.t) / n), final=True),
            "probability-of-sigmoid": Rule("sigmoid-for-softmax", "σ(z)-t", lambda tr: (SIGMOID.forward(tr.z[-1]) - tr.t) / n, final=True),
            "probability-of-softmax": Rule("softmax-for-sigmoid", "softmax(z)-t", lambda tr: (SOFTMAX.forward(tr.z[-1]) - tr.t) / n, final=True),
            "binary": Rule("binary-for-categorical", "(p-t)/(p(1-p))", lambda tr: (p - tr.t) / np.maximum(p * (1 - p), 1e-300) / n),
            "log": Rule("loss-for-error", "-log p·t for the derivative", lambda tr: -np.log(q) * tr.t / n, common=False, final=True),
        }  # fmt: skip
        if fused and not isinstance(loss, BinaryCrossEntropy):
            rules["sum"] = Rule("sum-detached", "-t for p-t", lambda tr: -tr.t / n, final=True)
        if isinstance(loss, BinaryCrossEntropy) and not logits:
            rules["sign of 1-p"] = Rule(
                "second-term-sign",
                "-t/p - (1-t)/(1-p) for -t/p + (1-t)/(1-p)",
                lambda tr: -(tr.t / q + (1 - tr.t) / np.clip(1 - p, 1e-300, 1)) / count(loss, tr.t),
            )
        if isinstance(loss, BinaryCrossEntropy):
            rules["softmax-diagonal"] = rules["softmax-diagonal"]._replace(slug="second-term-missing")
            rules["sigmoid-again"] = Rule(
                "output-activation-twice", "σ(p)-t", lambda tr: (SIGMOID.forward(p) - tr.t) / n, final=True
            )
    if tr.epsilon:  # of two that differ by ε alone, the one that has it
        rules = {name: rules[name] for name in ("softmax-diagonal", "slope-of-log") if name in rules} | rules
    return rules


def _counted(times: Callable[[int], Array]) -> Callable[[Trace, Array], Array]:
    """Samples that count so many times, of n."""
    return lambda _, g: np.asarray(g * times(g.shape[-2])[:, None])


def _kept(rows: Callable[[int], slice], *, mean: bool) -> Callable[[Trace, Array], Array]:
    """Only some samples; `mean` over these, and not over all."""

    def times(n: int) -> Array:
        own = np.zeros(n)
        own[rows(n)] = n / max(1.0, len(range(n)[rows(n)])) if mean else 1.0
        return own

    return _counted(times)


SAMPLES: dict[str, Rule] = {
    **{name: Rule(rule.slug, rule.formula, _kept(rule.of, mean=True), rule.common) for name, rule in ROWS.items()},
    **{f"{name}/N": Rule(rule.slug, f"{rule.formula}, divided by N all the same", _kept(rule.of, mean=False), rule.common) for name, rule in ROWS.items()},
    "last twice": Rule("sample-twice", "the last sample counts twice", _counted(lambda n: 1.0 + (np.arange(n) == n - 1)), common=False),
    "cumulated": Rule("sum-not-reset", "each sample's δ with those of the samples before it", lambda tr, d: np.cumsum(d, axis=-2), common=False),
    "first twice": Rule("sample-twice", "the first sample counts twice", _counted(lambda n: 1.0 + (np.arange(n) == 0)), common=False),
}  # fmt: skip


def _early(tr: Trace, k: int) -> Array:
    if not tr.case.rate or f"W{k}" not in tr.answer:
        raise ValueError("no update")
    return tr.W[k] - tr.case.rate * (tr.answer[f"W{k}"] + tr.case.slope(f"W{k}") * tr.W[k])


def _described(tr: Trace, k: int, rule: Callable[[Array], Array]) -> Array:
    network = tr.case.network
    return matrix(network, f"W{k}", rule(described(network, f"W{k}", tr.W[k])))


@cache
def backs(k: int, last: int = 4) -> dict[str, Rule]:
    """Variants of the way back through W of layer k, of so many layers."""

    def by(weights: Callable[[Trace], Array]) -> Callable[[Trace, Array], Array]:
        return lambda tr, d: np.asarray(d @ shaped(weights(tr), tr.W[k].shape).T)

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
        "read by columns": Rule("weights-untransposed", "W read with a flat index of the other order", by(lambda tr: tr.W[k].reshape(tr.W[k].shape[::-1]).T)),
        "left out": Rule("weights-left-out", "δ summed, without W", by(lambda tr: np.ones_like(tr.W[k]))),
        "straight": Rule("weights-left-out", "δ as it is, without W", lambda tr, d: shaped(d, (*d.shape[:-1], tr.W[k].shape[0]))),
        "magnitude": Rule("weights-other", "|W| for W", by(lambda tr: np.abs(tr.W[k])), common=False),
        "magnitude of δ": Rule("error-magnitude", "|δWᵀ| for δWᵀ", lambda tr, d: np.abs(d @ tr.W[k].T), common=False),
        "sign of δ": Rule("error-sign", "sign(δWᵀ) for δWᵀ", lambda tr, d: np.sign(d @ tr.W[k].T), common=False),
        "square of δ": Rule("error-square", "(δWᵀ)² for δWᵀ", lambda tr, d: (d @ tr.W[k].T) ** 2, common=False),
        "centred δ": Rule("error-averaged", "δ less its mean over the batch", lambda tr, d: np.asarray((d - d.mean(axis=-2, keepdims=True)) @ tr.W[k].T), common=False),
        "centred": Rule("weights-other", "W less its mean over the inputs", by(lambda tr: tr.W[k] - tr.W[k].mean(axis=0)), common=False),
        "of length one": Rule("weights-other", "W/‖W‖ for W", by(lambda tr: tr.W[k] / np.linalg.norm(tr.W[k])), common=False),
        "with bias": Rule("weights-other", "δWᵀ + b of the layer below", lambda tr, d: np.asarray(d @ tr.W[k].T + (np.nan if tr.b[k - 1] is None else tr.b[k - 1])), common=False),
        "less sum": Rule("weights-other", "W less its row's mean", by(lambda tr: tr.W[k] - tr.W[k].mean(axis=1, keepdims=True)), common=False),
        "square": Rule("weights-other", "W² for W", by(lambda tr: tr.W[k] ** 2), common=False),
        "below": Rule("weights-of-other-layer", f"W{k - 1} for W{k}", by(through(k - 1)), common=False),
        "above": Rule("weights-of-other-layer", f"W{k + 1} for W{k}", by(through(k + 1)), common=False),
        **{f"W{j}": Rule("weights-of-other-layer", f"W{j} for W{k}", by(through(j)), common=False) for j in range(1, last + 1) if abs(j - k) > 1},
        "sum over batch": Rule("error-averaged", "δ summed over the batch, for every sample", lambda tr, d: np.asarray(d.sum(axis=-2, keepdims=True) @ tr.W[k].T + 0 * (d @ tr.W[k].T)), common=False),
        "last for all": Rule("error-of-last", "the last sample's δ for every sample", lambda tr, d: np.asarray(d[..., -1:, :] @ tr.W[k].T + 0 * (d @ tr.W[k].T)), common=False),
        "first unit": Rule("grad-overwritten", "only the first unit's error goes back", lambda tr, d: np.asarray(d[..., :1] @ tr.W[k].T[:1]), common=False),
        "last unit": Rule("grad-overwritten", "only the last unit's error goes back", lambda tr, d: np.asarray(d[..., -1:] @ tr.W[k].T[-1:]), common=False),
        "cumulated": Rule("sum-not-reset", "each unit's sum with those of the units before it", lambda tr, d: np.cumsum(d @ tr.W[k].T, axis=-1), common=False),
        "units reversed": Rule("weights-other", "units in the other order", lambda tr, d: np.asarray(d[..., ::-1] @ tr.W[k].T), common=False),
    }  # fmt: skip


# Of what comes back through the weights (g) and over the skip connection beside them (past).
SKIPS: dict[str, Rule] = {
    "left out": Rule("skip-left-out", "δWᵀ, without what comes over the skip connection", lambda tr, g, past: g),
    "only": Rule("skip-only", "what comes over the skip connection, without δWᵀ", lambda tr, g, past: past),
}


@cache
def inputs(k: int, last: int = 4) -> dict[str, Rule]:
    """Variants of what dW of layer k, of so many layers, multiplies δ by, for the input a of the layer."""
    below = k - 1

    def kept(j: int, *, pre: bool = False) -> Callable[[Trace], Array]:
        def of(tr: Trace) -> Array:
            if not 0 <= j <= tr.last or (j == below and not pre):
                raise ValueError("no such layer")
            return shaped((tr.z if pre and j else tr.a)[j], tr.a[below].shape)

        return of

    rules = {
        "z": Rule("preactivation-cached", "zᵀδ for aᵀδ", kept(below, pre=True)),
        "own a": Rule("input-of-other-layer", "the layer's own output for its input", kept(k)),
        "a below": Rule("input-of-other-layer", "the input of the layer below", kept(below - 1)),
        "x": Rule("input-of-other-layer", "x for the layer's input", kept(0)),
        **{f"a{j}": Rule("input-of-other-layer", f"a{j} for the layer's input", kept(j)) for j in range(1, last + 1) if j not in (k - 2, k - 1, k)},
        "ones": Rule("input-left-out", "1 for the layer's input", lambda tr: np.ones_like(tr.a[below])),
        "square": Rule("input-other", "a² for a", lambda tr: tr.a[below] ** 2, common=False),
        "magnitude": Rule("input-other", "|a| for a", lambda tr: np.abs(tr.a[below]), common=False),
        "mean": Rule("input-averaged", "the mean of the inputs over the batch", lambda tr: tr.a[below].mean(axis=0) + 0 * tr.a[below]),
        "first": Rule("input-of-one-sample", "the first sample's input for every sample", lambda tr: tr.a[below][:1] + 0 * tr.a[below]),
        "last": Rule("input-of-one-sample", "the last sample's input for every sample", lambda tr: tr.a[below][-1:] + 0 * tr.a[below]),
        "rolled": Rule("input-misaligned", "the input of the sample before", lambda tr: np.roll(tr.a[below], 1, axis=0), common=False),
        "rolled up": Rule("input-misaligned", "the input of the sample after", lambda tr: np.roll(tr.a[below], -1, axis=0), common=False),
        "centred": Rule("input-other", "a less its mean over the batch", lambda tr: tr.a[below] - tr.a[below].mean(axis=0), common=False),
        "sign": Rule("input-other", "sign(a) for a", lambda tr: np.sign(tr.a[below]), common=False),
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
