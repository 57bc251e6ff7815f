"""Which rows of many are a given array but for a factor."""

import numpy as np

from nn_conformance.judge.limits import norm
from nn_reference.arithmetic import Array

NEAR = 4.0  # of the limit, in a search; a confirmation takes the limit itself


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
