"""An engine of scalars that visits nodes in a wrong order: gradients are counted multiples of the right ones.

A node that passes its gradient on before it is whole, and once more for each use, multiplies what is below it by a number
that depends on its place in the graph and not on the values: by a multiple of ½ that differs from entry to entry.
"""

from collections.abc import Sequence

import numpy as np

from nn_conformance.explain.fitting import Point
from nn_conformance.explain.record import Finding
from nn_reference.arithmetic import Array

NEAR = 1e-7  # relative: sums of some hundred terms, and quotients of small numbers
LEAST = 3  # entries of different multiples, so that it is no chance


def _multiples(group: Sequence[Point], array: str) -> Array | None:
    """By what each entry of an array is multiplied, the same in all cases; NaN where it is 0; None if there is no such number."""
    quotients = [p.asked.gradients[array] / p.limits.gradients[array] for p in group]
    least = np.fmin.reduce(quotients)
    spread = np.fmax.reduce(quotients) - least
    known = np.isfinite(least)
    halves = np.abs(2 * least[known] - np.round(2 * least[known]))
    near = NEAR * np.abs(least[known])
    return least if known.any() and np.all(spread[known] <= near) and np.all(halves <= 2 * near) else None


def counted(groups: Sequence[Sequence[Point]]) -> tuple[Finding, list[str]] | None:
    """The finding, and the arrays below that are no multiples as their values depend on the order too; None if it is none."""
    several = [group for group in groups if len(group) > 1]
    arrays = sorted(several[0][0].asked.gradients, key=lambda a: (int(a[1:]), a)) if several else []
    made = {a: [_multiples(group, a) for group in several] for a in arrays}
    last = f"W{max((int(a[1:]) for a in arrays), default=0)}"
    seen = [np.unique(np.round(m[np.isfinite(m)], 3)) for m in made.get(last, []) if m is not None]
    if not seen or len(seen) < len(several) or any(len(multiples) < LEAST for multiples in seen):
        return None
    shown = ", ".join(f"{m:g}" for m in seen[0][::-1][:4])
    explained = tuple(f"d{a}" for a in arrays if all(m is not None for m in made[a]))
    uses = f"{shown}, … times the right entries of d{last}, by their place in the graph"
    finding = Finding(
        "engine", 0, "engine, order of the backward pass", "visited-again", uses, "each node once", explained
    )
    return finding, [f"d{a}" for a in arrays if f"d{a}" not in explained]
