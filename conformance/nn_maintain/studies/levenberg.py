"""Least squares with a dead zone, from many starts at once: Levenberg-Marquardt with geodesic acceleration.

How a training run depends on its start is sloppy: some directions of the weights move the losses 10⁸ times as much as
others, and good fits lie along narrow curved valleys. Each step is therefore bent by the second derivative along it
(Transtrum and Sethna, arXiv:1201.5885); without that it takes ten times as many.

Legend: S starts, P unknowns, M residuals.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from nn_reference.arithmetic import Array

# (..., P) to (..., M), analytic: the Jacobian is taken by complex step.
Residuals: TypeAlias = Callable[[Array], Array]

STEP = 1e-200  # of the complex step
PROBE = 0.1  # fraction of a step at which its curvature is probed
LONGEST = 1.0  # a step, in the unknowns
BENT = 0.75  # the most that a correction may have of its step's length, or the quadratic model is not to be trusted


def fit(f: Residuals, u: Array, slack: float | Array, iterations: int) -> Array:
    """Unknowns (S, P) that make Σ max(|f| - slack, 0)² small, from those in u (S, P).

    Args:
        f: the residuals.
        u: where to start; not changed.
        slack: half the width of the dead zone, for all residuals or each, (M,).
        iterations: how many steps are tried, from each start.
    """
    u = u.copy()
    r, jacobian = linearized(f, u)
    damping, growth = np.full(len(u), np.nan), np.full(len(u), 2.0)
    for _ in range(iterations):
        v = _outside(r, slack)
        active = jacobian * (v != 0)[..., None]
        left, s, right = np.linalg.svd(active, full_matrices=False)
        damping = np.where(np.isnan(damping), np.maximum(1e-3 * s[:, 0] ** 2, 1e-30), damping)
        # -(JᵀJ + damping)⁻¹ Jᵀ, (S, P, M); a start that has no residual left has a Jacobian of zero, and stays.
        gains = s / (s * s + damping[:, None])
        solve = -(right.swapaxes(1, 2) * gains[:, None, :]) @ left.swapaxes(1, 2)
        step = _apply(solve, v)
        step *= np.minimum(1, LONGEST / np.maximum(np.sqrt(_square(step)), LONGEST))[:, None]
        curvature = 2 / PROBE * ((f(u + PROBE * step) - r) / PROBE - _apply(jacobian, step))
        bend = _apply(solve, curvature * (v != 0)) / 2
        expected = _square(v) - _square(v + _apply(active, step))
        tried = u + step + bend
        new_r, new_jacobian = linearized(f, tried)
        gained = _square(v) - _square(_outside(new_r, slack))
        better = (gained > 0) & (_square(bend) <= BENT**2 * _square(step))
        u[better], r[better], jacobian[better] = tried[better], new_r[better], new_jacobian[better]
        # Nielsen's rule: as far as the linear model was right, so much less damping; if it was wrong, ever more.
        right_by = np.clip(gained / np.maximum(expected, 1e-300), 0, 1)
        damping = np.clip(damping * np.where(better, np.maximum(0.1, 1 - (2 * right_by - 1) ** 3), growth), 1e-30, 1e30)
        growth = np.where(better, 2.0, np.minimum(2 * growth, 1e30))
    return u


def linearized(f: Residuals, u: Array) -> tuple[Array, Array]:
    """f (S, M) at u (S, P), and its Jacobian (S, M, P)."""
    copies = f(u + 1j * STEP * np.eye(u.shape[1])[:, None, :])  # (P, S, M)
    return copies[0].real.copy(), np.moveaxis(copies.imag / STEP, 0, 2)


def _outside(r: Array, slack: float | Array) -> Array:
    return r - np.clip(r, -slack, slack)


def _apply(matrices: Array, vectors: Array) -> Array:
    return np.einsum("smp,sp->sm", matrices, vectors)


def _square(v: Array) -> Array:
    return np.einsum("sm,sm->s", v, v)
