"""What can be said of answers that depend on chance: units that are dropped, rows in another order."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

import numpy as np

from nn_conformance.explain import naming
from nn_conformance.explain.asking import Asker
from nn_conformance.explain.factors import monomials
from nn_conformance.explain.joint import Group
from nn_conformance.explain.points import Point
from nn_conformance.explain.record import Finding, every_array, of_slug
from nn_conformance.explain.trace import Case, matrix
from nn_reference.arithmetic import Array
from nn_reference.network import backpropagate

CALLS = 12  # of one sample, in which a unit that is dropped one time in five is seen to be
MOST_ROWS = 6  # whose orders are all tried
RTOL = 1e-7


def paired(points: Sequence[Point]) -> list[Finding]:
    """Whether each answer is that to t in some order, and not always in its own, times a factor."""
    own = [p for p in points if 1 < p.trace.samples <= MOST_ROWS]
    orders = [order for p in own if (order := _order(p))]
    moved = next((order for order, _ in orders if list(order) != sorted(order)), None)
    if len(orders) < len(own) or moved is None or len(own) < 2:
        return []
    measured = [(p.sizes(), times) for p, (_, times) in zip(own, orders, strict=True)]
    if (factor := next(monomials(measured, RTOL), None)) is None:
        return []
    rows = ", ".join(str(i + 1) for i in moved)
    uses = f"x in another order than t: for example rows {rows} of x beside rows 1, 2, … of t"
    arrays = every_array(list(own[0].asked.gradients))
    found = [of_slug("inputs-shuffled", uses, arrays)]
    scale = Group("factor", "", arrays=arrays, scope="all", factor=factor)
    return found if factor.is_one else [*found, naming.of_factor(scale, arrays, own[0].trace.samples)]


def _order(p: Point) -> tuple[tuple[int, ...], float] | None:
    """The order of x in which its gradients are, times a factor, those that were answered; its own comes first."""
    case, n = p.asked.case, p.trace.samples
    wide = {name: np.asarray(a, np.float64) for name, a in case.params.items()}
    names = list(p.asked.gradients)

    def single(i: int, j: int) -> Array:
        g = backpropagate(p.trace.net, wide, case.x[i : i + 1].astype(float), case.t[j : j + 1].astype(float))[1]
        parts = [matrix(case.network, a, g[a]) / p.limit(a, p.asked.gradients[a]) for a in names]
        return np.concatenate([part.ravel() for part in parts])

    each = np.array([[single(i, j) for j in range(n)] for i in range(n)]) / (
        1 if case.network.loss.reduction == "sum" else n
    )
    got = np.concatenate([p.asked.gradients[a].ravel() / p.limit(a, p.asked.gradients[a]) for a in names])
    orders = list(permutations(range(n)))
    made = each[np.array(orders), np.arange(n)].sum(axis=1)
    times = made @ got / np.maximum((made * made).sum(axis=1), 1e-300)
    near = np.flatnonzero(np.linalg.norm(times[:, None] * made - got, axis=1) <= 4 * len(names))
    if not len(near) or not times[near[0]]:
        return None
    factor = float(times[near[0]])
    return orders[near[0]], 1.0 if abs(factor - 1) < RTOL else factor


def dropped(asker: Asker, case: Case) -> list[Finding]:
    """Layers of which some units, of one sample, are 0 in one call and not in another."""
    asked = [one for one in (asker.ask(case) for _ in range(CALLS)) if one.error is None]
    found = []
    for k, layer in enumerate(case.network.layers[:-1], 1):
        both = [one.gradients for one in asked if {f"b{k}", f"W{k + 1}"} <= set(one.gradients)]
        above = [matrix(case.network, f"W{k + 1}", g[f"W{k + 1}"]) for g in both]
        zeros = [(g[f"b{k}"] == 0) & ~np.any(w, axis=1) for g, w in zip(both, above, strict=True)]
        changing = np.logical_or.reduce(zeros) & ~np.logical_and.reduce(zeros) if zeros else np.zeros(1, bool)
        whole = all(np.all(of) for of in zeros if np.any(of & changing))
        if np.any(changing) and not whole:
            uses = "some of its units are 0 in one call and not in the next"
            doubt = (
                "noise on x or on weights moves units of relu below 0 too" if layer.activation.kind == "relu" else ""
            )
            arrays = every_array(list(asked[0].gradients))
            one = of_slug("dropout-left-on", uses, arrays, place=f"layer {k}, its outputs", layer=k)
            found.append(replace(one, also=("random-answers",), doubt=doubt))
    return found
