"""Gradients by differences of losses: by one side only, with a large step, or at parameters that are not put back."""

from collections.abc import Callable, Iterator, Sequence
from itertools import product

import numpy as np

from nn_conformance.explain.fitting import Point
from nn_conformance.explain.losses import value_of
from nn_conformance.explain.record import Finding
from nn_conformance.explain.trace import Case, matrix, trace
from nn_conformance.judge.limits import ROUNDOFF, norm
from nn_reference.arithmetic import Array

STEPS = tuple(m * 10.0**-k for k in range(1, 9) for m in (1.0, 5.0))
ROUGH = 0.1  # of a gradient: differences are near the right one
FEW = 60  # parameters: two losses are computed for each
KINDS: dict[str, tuple[str, Callable[[float, float, float, float], float]]] = {
    "central": ("(L(θ+h) - L(θ-h))/2h", lambda up, middle, down, h: (up - down) / (2 * h)),
    "forward": ("(L(θ+h) - L(θ))/h", lambda up, middle, down, h: (up - middle) / h),
}


def _loss(params: dict[str, Array], case: Case) -> float:
    return value_of(trace(Case(case.network, params, case.x, case.t)))


def _differences(case: Case, kind: str, h: float, left: str, order: Sequence[str]) -> dict[str, Array]:
    """By matrices; `left` says where a parameter stays after its difference: `θ`, `θ-h` or `θ+h`."""
    params = {n: np.array(p, np.float64) for n, p in case.params.items()}
    made = {}
    for name in order:
        p, g = params[name], np.zeros_like(params[name])
        for index in np.ndindex(p.shape):
            own = p[index]
            losses = []
            for shift in (h, 0.0, -h):
                p[index] = own + shift
                losses.append(_loss(params, case))
            up, middle, down = losses
            g[index] = KINDS[kind][1](up, middle, down, h)
            p[index] = own + {"θ": 0.0, "θ-h": -h, "θ+h": h}[left]
        made[name] = matrix(case.network, name, g)
    return made


def _near(p: Point, made: dict[str, Array], h: float) -> bool:
    """Within the rounding of the losses over h, which is random, and of a tiny ε that the loss may have."""
    spread = 64 * ROUNDOFF["float64"] * (abs(value_of(p.trace)) + 1) / h
    return all(norm(g - made[a]) <= spread * np.sqrt(g.size) + 1e-9 * norm(g) for a, g in p.asked.gradients.items())


def _variants(case: Case) -> Iterator[tuple[str, float, str, Sequence[str]]]:
    names = list(case.params)
    for (kind, left), h in product((("central", "θ"), ("forward", "θ"), ("central", "θ-h"), ("forward", "θ+h")), STEPS):
        for order in (names, names[::-1]) if left != "θ" else (names,):
            yield kind, h, left, order


def differences(groups: Sequence[Sequence[Point]]) -> Finding | None:
    """What makes gradients that are near the right ones and no more; None if no such differences do."""
    points = [group[0] for group in groups]
    rough = [norm(g - p.limits.gradients[a]) / norm(g) for p in points[:2] for a, g in p.asked.gradients.items()]
    size = sum(np.size(p) for p in points[0].asked.case.params.values())
    if not rough or not max(rough) < ROUGH or size > FEW:
        return None
    for kind, h, left, order in _variants(points[0].asked.case):
        if all(_near(p, _differences(p.asked.case, kind, h, left, order), h) for p in points[:2]):
            formula = f"{KINDS[kind][0]}, h = {h:g}"
            arrays = tuple(f"d{a}" for a in sorted(points[0].asked.gradients, key=lambda a: (int(a[1:]), a)))
            where = "every layer, the numerical gradient"
            if left == "θ":
                return Finding("gradient", 0, where, "rough-differences", formula, "dL/dθ", arrays, {"h": h})
            uses = f"{formula}, and each parameter stays at {left}"
            return Finding("memory", 0, where, "parameter-left-shifted", uses, "each is put back", arrays, {"h": h})
    return None
