"""One array by itself: which combination of rules, times one free factor, makes it on every case."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isclose

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.explain.asking import Asked, Limits, widths
from nn_conformance.explain.factors import ONE, Factor, monomials
from nn_conformance.explain.paths import Edits, Search, Step, carried, entries, predict, steps
from nn_conformance.explain.sums import NEAREST
from nn_conformance.explain.trace import Trace
from nn_conformance.judge.limits import norm
from nn_reference.arithmetic import Array

FEWEST = 4  # samples of a case that tells whether entries are those of one sample each
NEAR = 4.0  # of the limit, in a search; a confirmation takes the limit itself


@dataclass(frozen=True, eq=False)
class Point:
    """One case of a search: its trace, what was answered, and its limits."""

    trace: Trace
    asked: Asked
    limits: Limits

    def sizes(self) -> dict[str, float]:
        """The sizes that a factor may have powers of; `r` is the learning rate of an update."""
        ws = widths(self.asked.case.network)
        hidden = {"H" if len(ws) == 3 else f"H{k}": float(w) for k, w in enumerate(ws[1:-1], 1)}
        rate = {"r": self.asked.case.rate} if self.asked.case.rate else {}
        return {"N": float(len(self.asked.case.x)), "C": float(ws[-1]), "D": float(ws[0]), **hidden, **rate}

    def ratio(self, array: str, expected: Array) -> float:
        """Error over limit."""
        got = self.asked.gradients[array]
        if got.shape != np.shape(expected):
            return np.inf
        error = norm(got - expected)
        return error / self.limits.of(array, expected, self.asked.uncertainty.get(array, 0.0))


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
        factor = 0.0 if self.factor.is_one else 1.0 if self.factor.nice else 1.5
        return len(self.edits) + factor + (1.0 if self.extra else 0.0)

    def predicted(self, point: Point) -> Array:
        """The array on a case."""
        value = predict(point.trace, self.array, dict(self.edits)) * self.factor.on(point.sizes())
        if self.extra:
            described = point.asked.case.slope(self.array) if self.extra[0] == "W" else 0.0
            coefficient = self.extra[1].on(point.sizes()) - described
            value = value + coefficient * regressor(point.trace, self.array, self.extra[0])
        return np.asarray(value)


def regressor(tr: Trace, array: str, name: str) -> Array:
    """The parameter that a penalty adds, or its sign."""
    own = np.asarray((tr.W if array[0] == "W" else tr.b)[int(array[1:])])
    return np.asarray(np.sign(own)) if name == "sign" else own


@dataclass
class Fitter:
    """Explains arrays one by one.

    Attributes:
        groups: points of equal sizes; the first group has the most points, and is searched.
        dtype: the precision whose rounding is allowed for.
        learned: variants with a fitted constant that an array has shown, by slot and layer.
        left: whether there is time.
    """

    groups: Sequence[Sequence[Point]]
    dtype: fmt.Dtype
    left: Callable[[], bool]
    learned: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    _searches: dict[tuple[str, bool], Search] = field(default_factory=dict)

    def right(self, array: str) -> bool:
        """Whether an array is right on every case."""
        points = [point for point in self.points() if array in point.asked.gradients]
        return all(point.ratio(array, point.limits.gradients[array]) <= 1 for point in points)

    def points(self) -> Iterator[Point]:
        """All cases."""
        return (point for group in self.groups for point in group)

    def plain(self, array: str) -> Explained | None:
        """The forward pass as it is, every rule of the backward pass right."""
        one = Explained(array)
        try:
            ratio = max((p.ratio(array, one.predicted(p)) for p in self.points()), default=0.0)
        except ValueError:
            return None
        nothing = all(p.ratio(array, np.zeros_like(p.asked.gradients[array])) <= 1 for p in self.points())
        return Explained(array, ratio=ratio, blind=nothing) if ratio <= 1 else None

    def explain(
        self, array: str, most: int = 3, above: Sequence[Explained] = (), settled: Collection[Step] = ()
    ) -> list[Explained]:
        """Every way in which an array comes about by few rules, the cheapest first; nothing if there is none.

        Args:
            array: its name.
            most: at most so many changed rules.
            above: what explains the arrays of the layers above, whose rules are likely to be in this one too.
            settled: steps that are right in an array that is right.
        """
        if plain := self.plain(array):
            return [plain]
        if all(p.ratio(array, np.zeros_like(p.asked.gradients[array])) <= 1 for p in self.points()):
            return [Explained(array, factor=Factor(0.0))]
        if penalised := self._penalised(array):
            return [penalised]
        tr = self.groups[0][0].trace
        bases = list(dict.fromkeys(edits for one in above for edits in carried(tr, array, one.edits)))
        bases = [base for base in bases if not any(step in settled for step, _ in base)][:12]
        found: list[Explained] = []
        for count in range(min(most, 2) + 1):
            for base in bases if count < 2 else ():
                found += self._search(array, count, base)
            if not found or count == 0:
                found += self._search(array, count)
            if found and min(e.cost for e in found) <= count + 1 + len(bases):
                break
            if count == 1 and not found:
                found = self._mixed(array, 0)
        if not found and most > 1:
            found = self._rarely(array, bases, most)
        return sorted(_unique(found), key=lambda e: e.cost)[:12]

    def _search(self, array: str, count: int, base: Edits = (), *, common: bool = False) -> list[Explained]:
        group = self.groups[0]
        if not self.left():
            return []
        try:
            edits, stacked = self._stacked(self._searcher(array, count, base, common=common), array)
        except ValueError:
            return []
        way = steps(group[0].trace, array)
        found = []
        for extra in (None,) if common else (None, "W", "sign"):
            g, regress = self._answers(array, group, extra)
            for i in _survivors(stacked, g, regress, len(group)):
                whole = tuple(sorted((*base, *edits[i]), key=lambda e: way.index(e[0])))
                if explained := self._verified(array, whole, extra):
                    found.append(explained)
            if found:
                break
        return found

    def _searcher(self, array: str, count: int, base: Edits = (), *, common: bool = False) -> Search:
        known = self._searches.get((array, common))
        others = [group[0].trace for group in self.groups[1:]]
        search = Search(
            [p.trace for p in self.groups[0]], array, count, common=common, learned=self.learned, known=known.chosen if known else None, others=others, base=dict(base)
        )  # fmt: skip
        self._searches.setdefault((array, common), search)
        return search

    def _stacked(self, search: Search, array: str) -> tuple[list[Edits], Array]:
        columns = []
        for point in self.groups[0]:
            edits, values = search.states(point.trace)
            columns.append(
                values / point.limits.of(array, point.asked.gradients[array], point.asked.uncertainty.get(array, 0.0))
            )
        return edits, np.concatenate(columns, axis=1)

    def _answers(self, array: str, group: Sequence[Point], extra: str | None) -> tuple[Array, Array | None]:
        parts, added = [], []
        for point in group:
            limit = point.limits.of(array, point.asked.gradients[array], point.asked.uncertainty.get(array, 0.0))
            parts.append(_picked(point.trace, array, point.asked.gradients[array]) / limit)
            if extra:
                added.append(_picked(point.trace, array, regressor(point.trace, array, extra)) / limit)
        return np.concatenate(parts), np.concatenate(added) if extra else None

    def _verified(self, array: str, edits: Edits, extra: str | None) -> Explained | None:
        """With one factor for all groups, or None."""
        factors: list[tuple[Mapping[str, float], float]] = []
        extras: list[tuple[Mapping[str, float], float]] = []
        for group in self.groups:
            try:
                values = [predict(p.trace, array, dict(edits)) for p in group]
            except ValueError:
                return None
            fitted = self._fitted(array, group, values, extra)
            if fitted is None:
                return None
            if fitted:
                factors.append((group[0].sizes(), fitted[0]))
                if extra:
                    extras.append((group[0].sizes(), _whole(group[0], array, extra, fitted[1])))
        rtol = 1e-7 if self.dtype == "float64" else 3e-4
        for factor in monomials(factors, rtol):
            added = _coefficient(extras, 100 * rtol) if extra else None
            if extra and added is None:
                return None
            explained = Explained(array, edits, factor, (extra, added) if extra and added else None)
            ratio = max(p.ratio(array, explained.predicted(p)) for p in self.points())
            if ratio <= 1:
                return Explained(array, edits, factor, explained.extra, ratio)
        return None

    def _penalised(self, array: str) -> Explained | None:
        """Right but for the penalty's coefficient, which an array of a single number shows too."""
        rtol = 1e-5 if self.dtype == "float64" else 3e-2
        for name in ("W", "sign"):
            extras = []
            for group in self.groups:
                own = np.concatenate([regressor(p.trace, array, name).ravel() for p in group])
                try:
                    rest = np.concatenate(
                        [(p.asked.gradients[array] - predict(p.trace, array, {})).ravel() for p in group]
                    )
                except ValueError:  # the forward pass has other sizes
                    return None
                if np.any(own):
                    extras.append((group[0].sizes(), _whole(group[0], array, name, float(own @ rest / (own @ own)))))
            if added := _coefficient(extras, rtol):
                one = Explained(array, extra=(name, added))
                ratio = max(p.ratio(array, one.predicted(p)) for p in self.points())
                if ratio <= 1:
                    return Explained(array, extra=one.extra, ratio=ratio)
        return None

    def _fitted(
        self, array: str, group: Sequence[Point], values: Sequence[Array], extra: str | None
    ) -> tuple[float, ...] | tuple[()] | None:
        """Factor and coefficient on one group; () if it says nothing, None if nothing fits."""
        columns, answers = [], []
        for point, value in zip(group, values, strict=True):
            limit = point.limits.of(array, point.asked.gradients[array], point.asked.uncertainty.get(array, 0.0))
            own = [value.ravel()] + ([regressor(point.trace, array, extra).ravel()] if extra else [])
            columns.append(np.stack(own, axis=1) / limit)
            answers.append(point.asked.gradients[array].ravel() / limit)
        matrix, g = np.concatenate(columns), np.concatenate(answers)
        if not np.isfinite(matrix).all():
            return None
        if not np.any(matrix[:, 0]):
            return () if not extra and norm(g) <= NEAR * len(group) else None
        if len(g) <= matrix.shape[1]:
            return ()
        scale = np.linalg.norm(matrix, axis=0)
        solution = np.linalg.lstsq(matrix / scale, g, rcond=None)[0] / scale
        return tuple(float(c) for c in solution) if norm(g - matrix @ solution) <= NEAR * len(group) else None

    def _mixed(self, array: str, count: int) -> list[Explained]:
        """φ′ + s·(z < 0), φ′ + s: a share s that is fitted, with so many other variants."""
        group, found = self.groups[0], []
        for step, other in self._mixable(array):
            if not self.left():
                break
            search = self._searcher(array, count)
            search.chosen = {**search.chosen, step: []}
            edits, first = self._stacked(search, array)
            search.most, search.chosen[step] = count + 1, [other]
            both, second = self._stacked(search, array)
            index = {e: i for i, e in enumerate(both)}
            pairs = [(i, index.get(_with(e, step, other, search.way))) for i, e in enumerate(edits)]
            g, _ = self._answers(array, group, None)
            for i, j in pairs:
                share = None if j is None else _share(first[i], second[j], g, len(group))
                if share is None:
                    continue
                name = f"right+{share:.10g}·{other}"
                if explained := self._verified(array, _with(edits[i], step, name, search.way), None):
                    self.learned.setdefault((step.slot, step.layer), []).append(name)
                    for k in range(1, step.layer):
                        self.learned.setdefault((step.slot, k), []).append(name)
                    found.append(explained)
            if found:
                self._searches.clear()
                return found
        return found

    def _rarely(self, array: str, bases: Sequence[Edits], most: int) -> list[Explained]:
        found = self._of_each(array, bases) or self._mixed(array, 1)
        return self._search(array, 3, common=True) if not found and most > 2 else found

    def _of_each(self, array: str, bases: Sequence[Edits]) -> list[Explained]:
        """Each entry from one sample alone: an engine that overwrites what it should add to."""
        if array[0] == "b" or max(len(p.trace.t) for p in self.points()) < FEWEST:
            return []
        step = steps(self.groups[0][0].trace, array)[-1]
        for base in ((), *bases):
            one = Explained(array, (*base, (step, NEAREST)))
            try:
                ratio = max(p.ratio(array, one.predicted(p)) for p in self.points())
            except ValueError:
                continue
            if ratio <= 1:
                return [Explained(array, one.edits, ratio=ratio)]
        return []

    def _mixable(self, array: str) -> list[tuple[Step, str]]:
        tr = self.groups[0][0].trace
        return [
            (step, other)
            for step in steps(tr, array)
            if step.slot == "derivative" and tr.kind(step.layer) in ("relu", "leaky_relu", "sigmoid", "tanh")
            for other in ("(z < 0)", "1")
        ]


def _whole(point: Point, array: str, name: str, coefficient: float) -> float:
    """A coefficient with that of the described penalty, which has been taken off; 0 if they cancel."""
    described = point.asked.case.slope(array) if name == "W" else 0.0
    return 0.0 if isclose(coefficient, -described, rel_tol=1e-6) else coefficient + described


def _coefficient(extras: Sequence[tuple[Mapping[str, float], float]], rtol: float) -> Factor | None:
    return Factor(0.0) if extras and not any(c for _, c in extras) else next(iter(monomials(extras, rtol)), None)


def _with(edits: Edits, step: Step, name: str, way: Sequence[Step]) -> Edits:
    return tuple(sorted((*edits, (step, name)), key=lambda e: way.index(e[0])))


def _share(first: Array, second: Array, g: Array, cases: int) -> float | None:
    pair = np.stack([first, second], axis=1)
    if not np.isfinite(pair).all() or not np.any(first) or not np.any(second):
        return None
    c = np.linalg.lstsq(pair / np.linalg.norm(pair, axis=0), g, rcond=None)[0] / np.linalg.norm(pair, axis=0)
    if norm(g - pair @ c) > NEAR * cases or not c[0]:
        return None
    share = float(c[1] / c[0])
    return float(f"{share:.6g}") if isclose(share, float(f"{share:.6g}"), rel_tol=1e-6) else share


def _picked(tr: Trace, array: str, a: Array) -> Array:
    picked = entries(tr, int(array[1:])) if array[0] == "W" else None
    return np.ravel(a if picked is None else a[np.ix_(*picked)])


def _survivors(stacked: Array, g: Array, extra: Array | None, cases: int) -> list[int]:
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


def _unique(found: Iterable[Explained]) -> list[Explained]:
    """Without those that add a penalty or a rule to one that explains by itself."""
    kept: list[Explained] = []
    for one in sorted(found, key=lambda e: e.cost):
        if not any(
            set(other.edits) <= set(one.edits) and other.cost < one.cost and other.factor == one.factor
            for other in kept
        ):
            kept.append(one)
    return kept
