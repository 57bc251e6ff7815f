"""Right gradients that are clipped: all together, each, or each entry."""

from collections.abc import Mapping, Sequence
from math import isclose

import numpy as np

from nn_conformance.explain.fitting import Point
from nn_conformance.judge.limits import norm
from nn_reference.arithmetic import Array


def clipped(points: Sequence[Point]) -> tuple[str, float] | None:
    """Whether right gradients are clipped: to a norm of all together or of each, or each entry; and to how much."""
    rights = [{a: p.limits.gradients[a] for a in p.asked.gradients} for p in points]
    for name in ("all", "each", "entries"):
        sizes = [_clip_sizes(name, p.asked.gradients) for p in points]
        largest = max(max(s) for s in sizes)
        if all(p.ratio(a, np.zeros_like(g)) <= 1 for p in points for a, g in p.asked.gradients.items()):
            return None
        bound = float(f"{largest:.6g}") if isclose(float(f"{largest:.6g}"), largest, rel_tol=1e-6) else largest
        ratios = [
            p.ratio(a, value) for p, r in zip(points, rights, strict=True) for a, value in _clip(name, r, bound).items()
        ]
        if all(ratio <= 1 for ratio in ratios):
            return name, bound
    return None


def _clip_sizes(name: str, arrays: Mapping[str, Array]) -> list[float]:
    if name == "all":
        return [float(np.sqrt(sum(norm(g) ** 2 for g in arrays.values())))]
    return [norm(g) if name == "each" else float(np.abs(g).max()) for g in arrays.values()]


def _clip(name: str, arrays: Mapping[str, Array], bound: float) -> dict[str, Array]:
    if name == "entries":
        return {a: np.clip(g, -bound, bound) for a, g in arrays.items()}
    whole = _clip_sizes("all", arrays)[0]
    return {a: g * min(1.0, bound / max(whole if name == "all" else norm(g), 1e-300)) for a, g in arrays.items()}
