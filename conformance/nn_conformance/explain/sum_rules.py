"""Variants of the sums over samples: dW of a layer's input a (N, inputs) and a stack of δ (…, N, units), and db."""

from collections.abc import Callable

import numpy as np

from nn_conformance.explain.forward_rules import Rule
from nn_conformance.judge.relations import transposed
from nn_reference.arithmetic import Array


def _each(part: Callable[[Array], Array]) -> Callable[[Array, Array], Array]:
    return lambda a, d: np.asarray(part(a[:, :, None] * d[..., :, None, :]))


def _nearest(a: Array, d: Array, answer: Array | None = None) -> Array:
    """In each entry that sample's product which is nearest to the answer."""
    if answer is None or len(d) != 1:
        raise ValueError("of a whole answer, and of several samples only")
    each = a[:, :, None] * d[0][:, None, :]
    which = np.abs(each - answer).argmin(axis=0)
    return np.asarray(np.take_along_axis(each, which[None], axis=0))


def _cut(each: Array) -> Array:
    """Sums (…, N) in arrays of integers, whose fractions are cut off after each sample."""
    total = np.zeros_like(each[..., 0])
    for i in range(each.shape[-1]):
        total = np.trunc(total + each[..., i])
    return total


INTEGERS = ("integers",)
NEAREST = "one sample in each entry"
WEIGHTS: dict[str, Rule] = {
    NEAREST: Rule("grad-overwritten", "each entry of dW is that of one sample alone", _nearest, common=False, answered=True),
    "first": Rule("weights-of-one-sample", "dW of the first sample", lambda a, d: a[:1].T @ d[..., :1, :]),
    "last": Rule("overwritten", "dW of the last sample", lambda a, d: a[-1:].T @ d[..., -1:, :]),
    "without last": Rule("sample-dropped", "dW without the last sample", lambda a, d: a[:-1].T @ d[..., :-1, :], common=False),
    "without first": Rule("sample-dropped", "dW without the first sample", lambda a, d: a[1:].T @ d[..., 1:, :], common=False),
    "product of sums": Rule("product-of-sums", "Σa · Σδ for Σ a·δ", lambda a, d: a.sum(axis=0)[:, None] * d.sum(axis=-2)[..., None, :]),
    "transposed": Rule("gradient-transposed", "(aᵀδ)ᵀ for aᵀδ", lambda a, d: transposed(a.T @ d)),
    "reshaped": Rule("gradient-reshaped", "the right numbers, reshaped where they should be transposed", lambda a, d: np.swapaxes(a.T @ d, -1, -2).reshape((*d.shape[:-2], a.shape[1], d.shape[-1]))),
    "grand total": Rule("grand-total", "one number for all weights", lambda a, d: (a.T @ d).sum(axis=(-1, -2), keepdims=True) + 0 * (a.T @ d), common=False),
    "over inputs": Rule("weights-summed", "summed over the inputs", lambda a, d: (a.T @ d).sum(axis=-2, keepdims=True) + 0 * (a.T @ d), common=False),
    "over units": Rule("weights-summed", "summed over the units", lambda a, d: (a.T @ d).sum(axis=-1, keepdims=True) + 0 * (a.T @ d), common=False),
    "magnitude": Rule("gradient-magnitude", "|dW| for dW", lambda a, d: np.abs(a.T @ d), common=False),
    "sign": Rule("gradient-sign-only", "sign(dW) for dW", lambda a, d: np.sign(a.T @ d), common=False),
    "square": Rule("gradient-magnitude", "dW² for dW", lambda a, d: (a.T @ d) ** 2, common=False),
    "largest": Rule("overwritten", "the largest of the samples", _each(lambda each: each.max(axis=-3)), common=False),
    "units reversed": Rule("gradient-reshaped", "units in the other order", lambda a, d: a.T @ d[..., ::-1], common=False),
    "first column": Rule("part-missing", "the first unit's only", lambda a, d: (a.T @ d) * (np.arange(d.shape[-1]) == 0), common=False),
    "without last column": Rule("part-missing", "all units but the last", lambda a, d: (a.T @ d) * (np.arange(d.shape[-1]) < d.shape[-1] - 1), common=False),
    "without last row": Rule("part-missing", "all inputs but the last", lambda a, d: (a.T @ d) * (np.arange(a.shape[1]) < a.shape[1] - 1)[:, None], common=False),
    "integers": Rule("integer-buffer", "fractions cut off in the sum over samples", lambda a, d: _cut(np.moveaxis(a[:, :, None] * d[..., :, None, :], -3, -1)), common=False),
    "without first row": Rule("part-missing", "all inputs but the first", lambda a, d: (a.T @ d) * (np.arange(a.shape[1]) > 0)[:, None], common=False),
    "diagonal": Rule("part-missing", "the diagonal only", lambda a, d: (a.T @ d) * np.eye(a.shape[1], d.shape[-1]), common=False),
}  # fmt: skip


def _of_samples(_: Array, d: Array) -> Array:
    if d.shape[-2] != d.shape[-1]:
        raise ValueError("no equal sizes")
    return np.asarray(d.sum(axis=-1))


BIASES: dict[str, Rule] = {
    "first": Rule("bias-of-one-sample", "db = δ[0]", lambda a, d: d[..., 0, :]),
    "last": Rule("bias-of-last-sample", "db = δ[-1]", lambda a, d: d[..., -1, :]),
    "grand total": Rule("bias-grand-total", "db = δ.sum(), one number for all units", lambda a, d: d.sum(axis=(-1, -2))[..., None] + 0 * d[..., 0, :]),
    "units": Rule("bias-over-units", "db = δ.sum(axis=1)", _of_samples),
    "without last": Rule("sample-dropped", "db without the last sample", lambda a, d: d[..., :-1, :].sum(axis=-2), common=False),
    "without first": Rule("sample-dropped", "db without the first sample", lambda a, d: d[..., 1:, :].sum(axis=-2), common=False),
    "first total": Rule("bias-grand-total", "db = δ[0].sum(), one number for all units", lambda a, d: d[..., 0, :].sum(axis=-1)[..., None] + 0 * d[..., 0, :], common=False),
    "inputs too": Rule("bias-from-weights", "db = Σ dW over the inputs", lambda a, d: (a.sum(axis=1)[:, None] * d).sum(axis=-2)),
    "magnitude": Rule("gradient-magnitude", "|db| for db", lambda a, d: np.abs(d.sum(axis=-2)), common=False),
    "magnitudes": Rule("gradient-magnitude", "Σ|δ| for Σδ", lambda a, d: np.abs(d).sum(axis=-2), common=False),
    "sign": Rule("gradient-sign-only", "sign(db) for db", lambda a, d: np.sign(d.sum(axis=-2)), common=False),
    "integers": Rule("integer-buffer", "fractions cut off in the sum over samples", lambda a, d: _cut(np.swapaxes(d, -1, -2)), common=False),
    "largest": Rule("bias-of-last-sample", "the largest of the samples", lambda a, d: d.max(axis=-2), common=False),
    "ones": Rule("bias-without-error", "db = N, as if δ were 1", lambda a, d: np.ones_like(d).sum(axis=-2), common=False),
    "units reversed": Rule("gradient-reshaped", "units in the other order", lambda a, d: d.sum(axis=-2)[..., ::-1], common=False),
    "first unit": Rule("part-missing", "the first unit's only", lambda a, d: d.sum(axis=-2) * (np.arange(d.shape[-1]) == 0), common=False),
    "without last unit": Rule("part-missing", "all units but the last", lambda a, d: d.sum(axis=-2) * (np.arange(d.shape[-1]) < d.shape[-1] - 1), common=False),
    "average over units": Rule("bias-grand-total", "db = the mean of δ over units, for every unit", lambda a, d: d.sum(axis=-2).mean(axis=-1, keepdims=True) + 0 * d[..., 0, :], common=False),
}  # fmt: skip
