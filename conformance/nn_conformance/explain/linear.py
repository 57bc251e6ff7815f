"""Which rows of many, or sums of two, are a given array but for a factor."""

from fractions import Fraction
from math import isclose

import numpy as np

from nn_conformance.explain.factors import short
from nn_conformance.judge.limits import norm
from nn_reference.arithmetic import Array

NEAR = 4.0  # of the limit, in a search; a confirmation takes the limit itself


def of_pairs(first: Array, second: Array, g: Array) -> list[int]:
    """Rows whose combinations with those of the second are nearly g."""
    with np.errstate(all="ignore"):
        a = first / np.linalg.norm(first, axis=1, keepdims=True)
        b = second - (second * a).sum(axis=1, keepdims=True) * a
        b /= np.linalg.norm(b, axis=1, keepdims=True)
        rest = g - (a @ g)[:, None] * a
        rest -= (b * rest).sum(axis=1, keepdims=True) * b
        return [int(i) for i in np.flatnonzero(np.linalg.norm(rest, axis=1) <= 1e-4 * norm(g))]


def share(first: Array, second: Array, g: Array, cases: int) -> float | None:
    """The share of the second in g, where a combination of both makes it."""
    pair = np.stack([first, second], axis=1)
    scale = np.linalg.norm(pair, axis=0)
    if not np.isfinite(pair).all() or not scale.all():
        return None
    c = np.linalg.lstsq(pair / scale, g, rcond=None)[0] / scale
    if not c[0] or not norm(g - pair @ c) <= NEAR * cases:
        return None
    share = float(c[1] / c[0])
    fraction = float(Fraction(share).limit_denominator(12))
    return fraction if isclose(fraction, share, rel_tol=1e-6) else short(share, 1e-6)


def survivors(stacked: Array, g: Array, extra: Array | None, cases: int) -> list[int]:
    """Rows that make g, times a factor, with the regressor beside them."""
    p, rest = stacked, g
    if extra is not None:
        q = extra / norm(extra) if np.any(extra) else extra
        p, rest = stacked - np.outer(stacked @ q, q), g - (g @ q) * q
        if len(g) < 4 or norm(rest) <= 1e-9 * norm(g):
            return []
    size, own = np.einsum("ij,ij->i", p, p), float(rest @ rest)
    dot = p @ rest
    with np.errstate(all="ignore"):
        likely = np.flatnonzero(
            np.isfinite(size)
            & (size > 1e-20 * np.einsum("ij,ij->i", stacked, stacked))
            & (dot * dot > (1 - 1e-5) * size * own)
        )
    return [int(i) for i in likely if norm(rest - dot[i] / size[i] * p[i]) <= NEAR * cases][:40]
