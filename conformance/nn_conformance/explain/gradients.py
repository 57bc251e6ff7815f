"""The gradients of all cases explained jointly, under each forward pass that the losses allow."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.explain.causes import clipped
from nn_conformance.explain.choices import Choices
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
    if answer.open or not found:  # by a change that the losses do not show
        for change, whole in _likely(groups, dtype, forward, left):
            one = _under(groups, dtype, (change,), left) if whole or len(answer.open) > 1 else None
            if one and (not one.open or len(one.open) < len(answer.open)):
                return one
    return answer


def _likely(
    groups: Groups, dtype: fmt.Dtype, forward: Sequence[Changes], left: Callable[[], bool]
) -> Iterator[tuple[Change, bool]]:
    """Changes under which every array of a case is right but for a factor; then that under which most are, if half are right."""
    most, nearest = 0, None
    for change in possible(groups[0][0].asked.case.network) if left() else ():
        if change.slot == "loss" or change.fewer:
            continue
        try:
            own = traced([groups[0][:1]], (change,))
            right = sum(own[0][0].ratio(a, predict(own[0][0].trace, a, {})) <= 1 for a in own[0][0].asked.gradients)
            whole = all(fitter.explain(most=0) for fitter in _fitters(own, dtype, left)[0].values())
        except ValueError:
            continue
        if whole and (change,) not in forward:
            yield change, True
        if right > most:
            most, nearest = right, change
    if nearest and 2 * most >= len(groups[0][0].asked.gradients):
        yield nearest, False


def _under(groups: Groups, dtype: fmt.Dtype, changes: Changes, left: Callable[[], bool]) -> Gradients | None:
    """The cheapest explanation under one forward pass; None if it cannot be had."""
    try:
        own = traced(groups, changes)
    except ValueError:
        return None
    fitters, arrays = _fitters(own, dtype, left)
    points = [p for group in own for p in group]
    if not changes and not all(p.right(a) for p in points for a in arrays) and (clip := clipped(points)):
        return Gradients(clip=clip)
    ways = _ways(fitters)
    if any(fitter.choices.learned for fitter in fitters.values()):  # that one has shown, and those before it may have
        ways |= {array: fitter.again() for array, fitter in fitters.items() if not ways[array]}
    tr = own[0][0].trace
    assignments = best(tr, {array: way for array, way in ways.items() if way})
    if not assignments:  # what the arrays above have shown does not agree with the others
        right = {step for a in arrays if a[0] == "b" and ways[a] for step in _untouched(tr, a, ways[a])}
        above: list[Explained] = []
        for array in arrays:
            if any(way.edits for way in ways[array]):
                ways[array] = fitters[array].explain(above=above, settled=right)
                above = [*ways[array][:3], *above][:6]
        assignments = best(tr, {array: way for array, way in ways.items() if way})
    still = [a for a in arrays if not ways[a] or (not assignments and ways[a][0].cost > 0)]
    return Gradients(changes, tuple(assignments), tuple(still), ways)


def _untouched(tr: Trace, array: str, ways: Sequence[Explained]) -> set[Step]:
    """The steps on the way to an array that are right however it comes about."""
    return set(steps(tr, array)) - {step for way in ways for step, _ in way.edits}


def _fitters(groups: Groups, dtype: fmt.Dtype, left: Callable[[], bool]) -> tuple[dict[str, Fitter], list[str]]:
    """One for each array, from the outputs on, with the cases that have it."""
    arrays = {a for group in groups for p in group for a in p.asked.gradients}
    ordered = sorted(arrays, key=lambda a: (-int(a[1:]), a))
    choices = Choices()
    own = {a: [kept for group in groups if (kept := [p for p in group if a in p.asked.gradients])] for a in ordered}
    return {a: Fitter(a, own[a], dtype, left, choices) for a in ordered}, ordered


def _ways(fitters: Mapping[str, Fitter]) -> dict[str, list[Explained]]:
    """What explains each array; rules that those above have shown are tried first, but for rules that a right array has shown to be right."""
    ways = {array: [plain] for array, fitter in fitters.items() if (plain := fitter.plain())}
    tr = next(iter(fitters.values())).groups[0][0].trace
    settled = {step for array, [way] in ways.items() if not way.blind for step in steps(tr, array)}
    above: list[Explained] = []
    for array, fitter in fitters.items():
        if array not in ways:
            ways[array] = fitter.explain(above=above, settled=settled)
            above = [*ways[array][:3], *above][:6]
    return {array: ways[array] for array in fitters}


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
