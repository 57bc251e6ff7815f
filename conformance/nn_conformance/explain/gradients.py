"""The gradients of all cases explained jointly, under each forward pass that the losses allow."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from nn_conformance.cases import format as fmt
from nn_conformance.explain.clipping import clipped
from nn_conformance.explain.fitting import Explained, Fitter, Point
from nn_conformance.explain.joint import Assignment, best
from nn_conformance.explain.losses import ROWS, Changes, possible
from nn_conformance.explain.paths import steps
from nn_conformance.explain.trace import Change, trace


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


def traced(groups: Sequence[Sequence[Point]], changes: Changes) -> list[list[Point]]:
    """The points under another forward pass.

    Raises:
        ValueError: it cannot be had at these sizes.
    """
    return [
        [Point(trace(p.asked.case, changes, p.asked.gradients), p.asked, p.limits) for p in group] for group in groups
    ]


def explain_gradients(
    groups: Sequence[Sequence[Point]], dtype: fmt.Dtype, forward: Sequence[Changes], left: Callable[[], bool]
) -> Gradients:
    """The cheapest explanation of all arrays.

    Args:
        groups: points of equal sizes.
        dtype: the precision whose rounding is allowed for.
        forward: forward passes that make the losses, the right one included where it may be.
        left: whether there is time.
    """
    found = []
    for changes in forward:
        if one := under(groups, dtype, changes, left):
            found.append(one)
            if not one.open and one.cost[1] == 0:
                break
    answer = min(found, key=lambda one: one.cost, default=Gradients())
    if (answer.open or not found) and left():
        network = groups[0][0].asked.case.network
        for change in possible(network):
            rows = change.slot == "data" and change.name.startswith(ROWS)  # the backward pass has rules for these
            if (
                change.slot != "loss"
                and not rows
                and (change,) not in forward
                and (one := _plainly(groups, dtype, (change,), left))
            ):
                return one
    return answer


def under(
    groups: Sequence[Sequence[Point]], dtype: fmt.Dtype, changes: Changes, left: Callable[[], bool]
) -> Gradients | None:
    """The cheapest explanation under one forward pass; None if it cannot be had."""
    try:
        own = traced(groups, changes)
    except ValueError:
        return None
    arrays = sorted({a for group in own for p in group for a in p.asked.gradients}, key=lambda a: (-int(a[1:]), a))
    learned: dict[tuple[str, int], list[str]] = {}
    fitters = {array: Fitter(_with_array(own, array), dtype, left, learned) for array in arrays}
    if (
        not changes
        and not all(fitters[a].right(a) for a in arrays)
        and (clip := clipped([p for group in own for p in group]))
    ):
        return Gradients(clip=clip)
    ways = _ways(fitters, arrays)
    if learned:  # a constant that one array has shown may be in those before it too
        ways |= {array: fitters[array].explain(array) for array in arrays if not ways[array]}
    tr = own[0][0].trace
    assignments = best(tr, {array: way for array, way in ways.items() if way})
    if not assignments:  # what the arrays above have shown does not agree with the others
        ways |= {array: fitters[array].explain(array) for array in arrays if any(way.edits for way in ways[array])}
        assignments = best(tr, {array: way for array, way in ways.items() if way})
    if not assignments:
        return Gradients(changes, (), tuple(a for a in arrays if not (ways[a] and ways[a][0].cost == 0)), ways)
    return Gradients(changes, tuple(assignments), tuple(a for a in arrays if not ways[a]), ways)


def _ways(fitters: Mapping[str, Fitter], arrays: Sequence[str]) -> dict[str, list[Explained]]:
    """What explains each array; rules that those above have shown are tried first, but for rules that a right array has shown to be right."""
    ways = {array: [plain] for array in arrays if (plain := fitters[array].plain(array))}
    tr = next(iter(fitters.values())).groups[0][0].trace
    settled = {step for array, [way] in ways.items() if not way.blind for step in steps(tr, array)}
    above: list[Explained] = []
    for array in arrays:
        if array not in ways:
            ways[array] = fitters[array].explain(array, above=above, settled=settled)
            above = [*ways[array][:3], *above][:6]
    return {array: ways[array] for array in arrays}


def _with_array(groups: Sequence[Sequence[Point]], array: str) -> list[list[Point]]:
    """The points that have an array, the largest group first."""
    return [kept for group in groups if (kept := [p for p in group if array in p.asked.gradients])]


def _plainly(
    groups: Sequence[Sequence[Point]], dtype: fmt.Dtype, changes: tuple[Change, ...], left: Callable[[], bool]
) -> Gradients | None:
    """With every rule of the backward pass right but for a factor."""
    try:
        own = traced(groups, changes)
    except ValueError:
        return None
    fitter = Fitter(own, dtype, left)
    ways: dict[str, list[Explained]] = {}
    for array in own[0][0].asked.gradients:
        ways[array] = fitter.explain(array, most=0)
        if not ways[array]:
            return None
    return Gradients(changes, tuple(best(own[0][0].trace, ways)), (), ways)


def apart(wrong: Sequence[Sequence[Point]], right: Sequence[Sequence[Point]]) -> str:
    """What sets the cases that are wrong apart from those that are right; empty if nothing that was varied does."""

    def samples(groups: Sequence[Sequence[Point]]) -> set[int]:
        return {len(p.asked.case.x) for group in groups for p in group}

    bad, good = samples(wrong), samples(right)
    if bad == {1} and 1 not in good:
        return "with a batch of one"
    if good == {1}:
        return "with more than one sample"
    if not bad & good:
        return f"with {' or '.join(map(str, sorted(bad)))} samples, and not with {' or '.join(map(str, sorted(good)))}"
    return "on some cases"
