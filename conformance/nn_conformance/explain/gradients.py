"""The gradients of all cases explained jointly, under each forward pass that the losses allow."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.explain.causes import clipped
from nn_conformance.explain.fitting import Explained, Fitter
from nn_conformance.explain.joint import Assignment, best
from nn_conformance.explain.points import Point
from nn_conformance.explain.search import Step, predict, steps
from nn_conformance.explain.trace import Change, Changes, Trace, possible

Groups = Sequence[Sequence[Point]]


@dataclass(frozen=True)
class Gradients:
    """How gradients come about.

    Attributes:
        changes: of the forward pass that they belong to.
        assignments: of which one holds, if there are several.
        open: arrays that nothing explains.
        ways: what explains each array by itself.
        clip: what right gradients are clipped by, and to how much.
    """

    changes: Changes = ()
    assignments: tuple[Assignment, ...] = ()
    open: tuple[str, ...] = ()
    ways: dict[str, list[Explained]] = field(default_factory=dict)
    clip: tuple[str, float] | None = None

    @property
    def cost(self) -> tuple[int, float]:
        """Arrays that stay open count first."""
        return len(self.open), self.assignments[0].cost if self.assignments else 0.0


def traced(groups: Groups, changes: Changes) -> list[list[Point]]:
    """The points under another forward pass.

    Raises:
        ValueError: it cannot be had at these sizes.
    """

    def under(p: Point) -> Point:
        tr = p.under(changes)
        return replace(p, trace=tr, slack=_slack(tr))

    return [[under(p) for p in group] for group in groups] if changes else [list(group) for group in groups]


def _slack(tr: Trace) -> float:
    """How many times larger the relative rounding of 1/y and 1/(1-y) is than that of the sum y = aW, which may cancel."""
    loss = tr.case.network.loss
    if loss.kind == "squared_error" or loss.from_logits or tr.kind(tr.last) != "identity":
        return 1.0
    terms = np.abs(tr.a[-2]) @ np.abs(tr.W[-1])
    return max(1.0, float(np.max(terms / np.minimum(np.abs(tr.y), np.abs(1 - tr.y)))))


def explain_gradients(
    groups: Groups, dtype: fmt.Dtype, forward: Sequence[Changes], left: Callable[[], bool]
) -> Gradients:
    """The cheapest explanation of all arrays.

    Args:
        groups: points of equal sizes.
        dtype: the precision whose rounding is allowed for.
        forward: forward passes that make the losses, the right one included where it may be.
        left: whether there is time.
    """
    found: list[Gradients] = []
    for changes in forward:
        if one := _under(groups, dtype, changes, left):
            found.append(one)
            if not one.open and one.cost[1] == 0:
                break
    answer = min(found, key=lambda one: one.cost, default=Gradients())
    if len(answer.open) > 1 and left() and (nearest := _nearest(groups)):  # a change that the losses do not show
        one = _under(groups, dtype, (nearest,), left)
        answer = one if one and len(one.open) < len(answer.open) else answer
    return answer


def _nearest(groups: Groups) -> Change | None:
    """The change of the forward pass under which most arrays of a case are right; None if fewer than half are."""
    first, found = groups[0][0], list[tuple[int, Change]]()
    for change in possible(first.asked.case.network):
        with suppress(ValueError):
            if change.slot != "loss" and not change.fewer:
                [[own]] = traced([[first]], (change,))
                right = [own.ratio(a, predict(own.trace, a, {})) <= 1 for a in own.asked.gradients]
                found += [(sum(right), change)] if 2 * sum(right) >= len(right) else []
    return max(found, key=lambda one: one[0], default=(0, None))[1]


def _under(groups: Groups, dtype: fmt.Dtype, changes: Changes, left: Callable[[], bool]) -> Gradients | None:
    """The cheapest explanation under one forward pass; None if it cannot be had."""
    try:
        own = traced(groups, changes)
    except ValueError:
        return None
    arrays = sorted({a for group in own for p in group for a in p.asked.gradients}, key=lambda a: (-int(a[1:]), a))
    points = [p for group in own for p in group]
    if not changes and not all(p.right(a) for p in points for a in arrays) and (clip := clipped(points)):
        return Gradients(clip=clip)
    having = {a: [kept for group in own if (kept := [p for p in group if a in p.asked.gradients])] for a in arrays}
    fitters = {a: Fitter(a, having[a], dtype, left) for a in arrays}
    plain = {a: one for a, fitter in fitters.items() if (one := fitter.plain())}
    tr = own[0][0].trace
    settled = {step for a, one in plain.items() if not one.blind for step in steps(tr, a)}
    ways = _ways(fitters, plain, settled)
    assignments = best(tr, {a: way for a, way in ways.items() if way})
    if not assignments:  # they do not agree; what is right in biases, however they come about, is right in weights too
        known = [
            set(steps(tr, a)) - {step for way in of for step, _ in way.edits}
            for a, of in ways.items()
            if a[0] == "b" and of
        ]
        ways = _ways(fitters, plain, settled.union(*known))
        assignments = best(tr, {a: way for a, way in ways.items() if way})
    still = [a for a in arrays if not ways[a] or (not assignments and ways[a][0].cost > 0)]
    return Gradients(changes, tuple(assignments), tuple(still), ways)


def _ways(
    fitters: Mapping[str, Fitter], plain: Mapping[str, Explained], settled: Collection[Step]
) -> dict[str, list[Explained]]:
    """What explains each array; rules that those above have shown are tried first, but for those of steps that are right."""
    ways: dict[str, list[Explained]] = {}
    above: list[Explained] = []
    for array, fitter in fitters.items():
        ways[array] = [plain[array]] if array in plain else fitter.explain(above, settled)
        above = above if array in plain else [*ways[array][:3], *above][:6]
    return ways


def apart(wrong: Groups, right: Groups) -> str:
    """What sets the cases that are wrong apart from those that are right."""
    bad, good = ({len(p.asked.case.x) for group in groups for p in group} for groups in (wrong, right))
    if bad == {1} and 1 not in good:
        return "with a batch of one"
    if good == {1}:
        return "with more than one sample"
    if not bad & good:
        return f"with {' or '.join(map(str, sorted(bad)))} samples, and not with {' or '.join(map(str, sorted(good)))}"
    return "on some cases"
