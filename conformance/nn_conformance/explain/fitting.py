"""One array by itself: which combination of rules, times one free factor, makes it on every case."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from math import isclose

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.explain import slopes
from nn_conformance.explain.choices import worth_trying
from nn_conformance.explain.factors import ONE, Factor, monomials
from nn_conformance.explain.penalties import IN_PLACE
from nn_conformance.explain.points import Point
from nn_conformance.explain.search import (
    NEAR,
    Edits,
    Options,
    Step,
    carried,
    combinations,
    entries,
    ordered,
    predict,
    steps,
    survivors,
)
from nn_conformance.explain.sum_rules import INTEGERS, NEAREST
from nn_conformance.explain.trace import Trace
from nn_conformance.judge.limits import norm
from nn_conformance.judge.relations import PENALTIES
from nn_reference.arithmetic import Array

FEWEST = 4  # samples of a case that tells whether entries are those of one sample each
EXTRAS = tuple(PENALTIES)
MOST_SUMS = 20


@dataclass(frozen=True)
class Explained:
    """One way in which an array comes about.

    Attributes:
        array: its name.
        edits: the changed rules, by step.
        factor: by which it is multiplied beyond them.
        extra: what is added: `W` or `sign W` times a factor, with the penalty that is described.
        ratio: the largest difference, in units of the limit.
        blind: whether the right array is zero on every case, so that it says nothing of the rules behind it.
    """

    array: str
    edits: Edits = ()
    factor: Factor = ONE
    extra: tuple[str, Factor] | None = None
    ratio: float = 0.0
    blind: bool = False

    @property
    def cost(self) -> float:
        """Changed rules, with a free constant as one and a half."""
        return len(self.edits) + self.factor.cost + (1.0 if self.extra else 0.0)

    def predicted(self, point: Point) -> Array:
        """The array on a case."""
        value = predict(point.trace, self.array, dict(self.edits)) * self.factor.on(point.sizes())
        if self.extra:
            described = point.asked.case.slope(self.array) if self.extra[0] in ("W", *IN_PLACE) else 0.0
            value = value + self.extra[1].on(point.sizes()) * regressor(point.trace, self.array, self.extra[0])
            value = value - described * regressor(point.trace, self.array, "W")
        return np.asarray(value)

    def compared(self, points: Iterable[Point]) -> "Explained | None":
        """With its ratio, if it makes the array on every case."""
        try:
            worst = max((p.ratio(self.array, self.predicted(p)) for p in points), default=0.0)
        except ValueError:
            return None
        return replace(self, ratio=worst) if worst <= 1 else None


def regressor(tr: Trace, array: str, name: str) -> Array:
    """The parameter that a penalty adds, or its sign."""
    own = np.asarray((tr.W if array[0] == "W" else tr.b)[int(array[1:])])
    return np.asarray((PENALTIES | IN_PLACE)[name](own))


@dataclass
class Fitter:
    """Explains one array.

    Attributes:
        array: its name.
        groups: points of equal sizes; the first group has the most points, and is searched.
        dtype: the precision whose rounding is allowed for.
        left: whether there is time.
    """

    array: str
    groups: Sequence[Sequence[Point]]
    dtype: fmt.Dtype
    left: Callable[[], bool]

    @property
    def points(self) -> list[Point]:
        """All cases."""
        return [point for group in self.groups for point in group]

    def plain(self) -> Explained | None:
        """The array with every rule of the backward pass right."""
        one = Explained(self.array).compared(self.points)
        return replace(one, blind=all(p.zero(self.array) for p in self.points)) if one else None

    def explain(self, above: Sequence[Explained] = (), settled: Collection[Step] = ()) -> list[Explained]:
        """Every way in which an array that is not right comes about by few rules, the cheapest first; nothing if there is none.

        Args:
            above: what explains the arrays of the layers above, whose rules are likely to be in this one too.
            settled: steps that are right in an array that is right.
        """
        if all(p.zero(self.array) for p in self.points):
            return self._zero()
        for name in (*EXTRAS, *IN_PLACE):
            if (penalised := self._verified((), name)) and penalised.factor.is_one:
                return [penalised]
        tr = self.groups[0][0].trace
        bases = [base for one in above for base in carried(tr, self.array, one.edits, settled)]
        bases = list(dict.fromkeys(bases))[:12]
        found = self._few(bases) or self._of_each(bases) or self._search(3, common=True)
        return sorted(_unique(found), key=lambda e: e.cost)[:12]

    def _few(self, bases: Sequence[Edits]) -> list[Explained]:
        """By no rule, one or two, with or without those of the arrays above."""
        found: list[Explained] = []
        for count in range(3):
            for base in bases if count < 2 else ():
                found += self._search(count, base)
            if not found or count == 0:
                found += self._search(count)
            if found and min(e.cost for e in found) <= count + 1 + len(bases):
                break
            if count == 1 and not found:
                found = self._of_terms(bases) or self._of_engine()
        return found

    def _zero(self) -> list[Explained]:
        """An array of zeros: nothing fills it, or what is summed cancels."""
        step = steps(self.groups[0][0].trace, self.array)[-1]
        sums = (Explained(self.array, ((step, str(name)),)) for name in self._chosen(step)[1:])
        return [
            Explained(self.array, factor=Factor(0.0)),
            *(one for each in sums if (one := each.compared(self.points))),
        ]

    def _chosen(self, step: Step, only: str = "") -> list[str | None]:
        traces, others = [p.trace for p in self.groups[0]], [group[0].trace for group in self.groups[1:]]
        return worth_trying(self.array, step, traces, others, only)

    def _every(self, only: str = "") -> dict[Step, list[str | None]]:
        return {step: self._chosen(step, only) for step in steps(self.groups[0][0].trace, self.array)}

    def _search(
        self, count: int, base: Edits = (), *, common: bool = False, options: Options | None = None
    ) -> list[Explained]:
        if not self.left():
            return []
        chosen = (self._every("common" if common else "") if count else {}) if options is None else options
        options = {**chosen, **{step: [name] for step, name in base}}
        try:
            edits, stacked = self._stacked(options, count)
            for extra in (None,) if common else (None, *EXTRAS):
                likely = survivors(stacked, *self._answers(extra), NEAR * len(self.groups[0]))
                if found := [one for i in likely if (one := self._verified(edits(i), extra))]:
                    return found
        except ValueError:
            return []
        return []

    def _stacked(
        self, options: Mapping[Step, Sequence[str | None]], count: int
    ) -> tuple[Callable[[int], Edits], Array]:
        """What every combination makes of the first group, in units of the limit."""
        made = [(p, *combinations(p.trace, self.array, options, count)) for p in self.groups[0]]
        return made[0][1], np.concatenate([values / p.unit(self.array) for p, _, values in made], axis=1)

    def _answers(self, extra: str | None) -> tuple[Array, Array | None]:
        """What was answered, and what a penalty adds, of the first group and in units of the limit."""
        parts, added = [], []
        for p in self.groups[0]:
            g = p.asked.gradients[self.array]
            picked = entries(p.trace, int(self.array[1:])) if self.array[0] == "W" else None
            chosen = slice(None) if picked is None else np.ix_(*picked)
            parts.append(np.ravel(g[chosen]) / p.unit(self.array))
            if extra:
                added.append(np.ravel(regressor(p.trace, self.array, extra)[chosen]) / p.unit(self.array))
        return np.concatenate(parts), np.concatenate(added) if extra else None

    def _verified(self, edits: Edits, extra: str | None = None) -> Explained | None:
        """The rules with one factor for all groups, and what is added; None if they do not make the array."""
        factors: list[tuple[Mapping[str, float], float]] = []
        extras: list[tuple[Mapping[str, float], float]] = []
        for group in self.groups:
            if (fitted := self._fitted(group, edits, extra)) is None:
                return None
            factors += [(group[0].sizes(), fitted[0])] if fitted else []
            extras += [(group[0].sizes(), self._whole(group[0], extra, fitted[1]))] if fitted and extra else []
        rtol = 1e-7 if self.dtype == "float64" else 3e-4
        added = _coefficient(extras, 100 * rtol) if extra else None
        if extra and added is None:
            return None
        for factor in monomials(factors, rtol):
            one = Explained(self.array, edits, factor, (extra, added) if extra and added else None)
            if compared := one.compared(self.points):
                return compared
        return None

    def _fitted(self, points: Sequence[Point], edits: Edits, extra: str | None) -> list[float] | None:
        """Factor and coefficient on the cases of a group; empty if they say nothing, None if nothing fits."""
        columns, answers, near = [], [], NEAR * len(points)
        for p in points:
            try:
                g, value = p.asked.gradients[self.array], predict(p.trace, self.array, dict(edits))
            except ValueError:
                return None
            own = [value, *([regressor(p.trace, self.array, extra)] if extra else [])]
            columns.append(np.stack([np.ravel(c) for c in own], axis=1) / p.unit(self.array))
            replaced = extra in IN_PLACE and p.asked.case.slope(self.array)
            left = g + replaced * regressor(p.trace, self.array, "W") if replaced else g
            answers.append(np.ravel(left) / p.unit(self.array))
        matrix, g = np.concatenate(columns), np.concatenate(answers)
        if not np.isfinite(matrix).all():
            return None
        if norm(matrix[:, 0]) <= near:  # zeros, but for rounding
            return [] if norm(g) <= near and not extra else None
        if len(g) <= matrix.shape[1]:
            return []
        scale = np.linalg.norm(matrix, axis=0)
        unit = matrix / scale
        if len(scale) == 1 and norm(g - unit[:, 0] * (unit[:, 0] @ g)) > 2 * near:
            return None
        solution = np.linalg.lstsq(unit, g, rcond=None)[0] / scale
        return [float(c) for c in solution] if norm(g - matrix @ solution) <= near else None

    def _whole(self, point: Point, name: str, coefficient: float) -> float:
        """A coefficient with that of the described penalty, which has been taken off; 0 if they cancel."""
        described = point.asked.case.slope(self.array) if name == "W" else 0.0
        return 0.0 if isclose(coefficient, -described, rel_tol=1e-6) else coefficient + described

    def _of_terms(self, bases: Sequence[Edits]) -> list[Explained]:
        """By a derivative, or an error of the outputs, that is a sum of one term or two."""
        tr = self.groups[0][0].trace
        for step in steps(tr, self.array):
            names = slopes.different(tr, step.slot, step.layer) if step.slot in ("derivative", "error") else ()
            for base in ((), *bases) if len(names) > 1 and self.left() else ():
                options = {**{own: [name] for own, name in base}, step: [slopes.joined([(1.0, n)]) for n in names]}
                try:
                    _, stacked = self._stacked(options, 1)
                except ValueError:
                    continue
                g, _ = self._answers(None)
                found = slopes.sums(tr, step.slot, step.layer, stacked, g, NEAR * len(self.groups[0]), names)
                for own in islice(found, MOST_SUMS):
                    name = slopes.name_of(tr, step.slot, step.layer, own)
                    if one := self._verified(ordered(tr, self.array, {**dict(base), step: name})):
                        return [one]
        return []

    def _of_engine(self) -> list[Explained]:
        """By the wrong rules of one or two operations."""
        options = self._every("engine")
        return next((found for count in (1, 2) if (found := self._search(count, options=options))), [])

    def _of_each(self, bases: Sequence[Edits]) -> list[Explained]:
        """By sums whose numbers are no multiples of the right ones: of integers, or, in an engine, of one sample in each entry."""
        step = steps(self.groups[0][0].trace, self.array)[-1]
        several = self.array[0] == "W" and max(len(p.trace.t) for p in self.points) >= FEWEST
        names = [*INTEGERS, *([NEAREST] if several else [])]
        ways = ((*base, (step, name)) for base in ((), *bases) for name in names)
        each = (Explained(self.array, way).compared(self.points) for way in ways)
        return [one for one in each if one][:1]


def _coefficient(extras: Sequence[tuple[Mapping[str, float], float]], rtol: float) -> Factor | None:
    return Factor(0.0) if extras and not any(c for _, c in extras) else next(iter(monomials(extras, rtol)), None)


def _unique(found: Iterable[Explained]) -> Iterator[Explained]:
    """Without those that add a penalty or a rule to one that explains by itself."""
    kept: list[Explained] = []
    for one in sorted(found, key=lambda e: e.cost):
        if not any(set(o.edits) <= set(one.edits) and o.cost < one.cost and o.factor == one.factor for o in kept):
            kept.append(one)
            yield one
