"""The loss and the forward pass: which changed rules make the losses, and the layers where they are shown."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple, cast

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.explain import forward_constants as fc
from nn_conformance.explain import forward_rules as fr
from nn_conformance.explain import loss_terms
from nn_conformance.explain.factors import ONE, Factor, monomials
from nn_conformance.explain.penalties import PENALTIES, USUAL
from nn_conformance.explain.points import Point
from nn_conformance.explain.trace import Change, Changes, Trace, possible, with_losses
from nn_conformance.judge.limits import norm, value_limit
from nn_reference.arithmetic import Array

TINY = 1e-6  # a relative difference of losses
TALL = 5.0  # inputs from here on saturate units, where an ε changes the loss by more
FEW = 2  # cases on which pairs are tried first
EPSILONS = np.geomspace(1e-17, 1.0, 60)
BOUNDS = ("clip", "floor")  # on probabilities, inside of logarithms
NEAR_LAYERS = 4.0  # errors of the layers below, which the limit of one layer does not count


class Added(NamedTuple):
    """What is added to a loss.

    Attributes:
        name: constant, a penalty, epsilon, clip, floor, same (the loss is a constant), whole (the factor is the penalty's too), or
            tensors (the described penalty, with another count of each tensor), terms (of y and t, for the described ones).
        factor: the constant, ε, or the whole penalty's λ, with the described one.
        counts: of `tensors`: how often each is counted; of `terms`: their coefficients.
    """

    name: str
    factor: Factor = ONE
    counts: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Loss:
    """How losses come about.

    Attributes:
        changes: of the forward pass and of the loss's formula.
        factor: by which the loss is multiplied.
        added: what is added to it.
        ratio: the largest difference, in units of the limit.
    """

    changes: Changes = ()
    factor: Factor = ONE
    added: Added | None = None
    ratio: float = 0.0

    @property
    def cost(self) -> float:
        """Changed rules, with a free constant as one and a half."""
        return len(self.changes) + self.factor.cost + (1.5 if self.added and self.added.name != "whole" else 0.0)

    def on(self, tr: Trace, sizes: Mapping[str, float]) -> float:
        """The loss of a trace with these changes."""
        factor, value, added, penalty = self.factor.on(sizes), value_of(tr), self.added, tr.case.penalty
        if added is None:
            return factor * value
        constant = added.factor.on(sizes)
        if added.name in loss_terms.OF_LOGARITHMS:
            return factor * loss_terms.OF_LOGARITHMS[added.name](tr, constant)
        if added.name == "whole":
            return factor * (value + penalty) - penalty
        if added.name == "terms":
            own = loss_terms.terms(tr)
            return sum(times * own[n] for n, times in added.counts)
        own = squares(tr)
        tensors = slope(tr) * sum(times * own[n] for n, times in added.counts)
        beside = value * (added.name != "same") - penalty * (added.name not in ("same", "constant"))
        return beside + constant * (tensors if added.counts else amount(tr, added.name))


def value_of(tr: Trace) -> float:
    """The loss of a trace, from logits where softmax and cross-entropy are one."""
    if not len(tr.t):
        return 0.0
    fused = tr.net.loss_of_logits
    return float(tr.net.loss.value(tr.y, tr.t) if fused is None else fused.value(tr.z[-1], tr.t))


def squares(tr: Trace) -> dict[str, float]:
    """Σθ² of each parameter."""
    own = {f"W{k}": w for k, w in enumerate(tr.W) if k} | {f"b{k}": b for k, b in enumerate(tr.b) if b is not None}
    return {name: float(np.sum(p * p)) for name, p in own.items()}


def slope(tr: Trace) -> float:
    """What the described penalty multiplies Σθ² by."""
    return tr.case.slope("W1") / 2


def amount(tr: Trace, name: str) -> float:
    """What a constant that is added multiplies."""
    if name in ("square", "squares"):
        return sum(value for p, value in squares(tr).items() if p[0] == "W" or name == "squares")
    return PENALTIES[name].of(tr.W[1:]) if name in PENALTIES else 1.0


@dataclass
class LossSearch:
    """Finds what makes the losses of all cases.

    Attributes:
        groups: points of equal sizes, traced by the right forward pass.
        dtype: the precision whose rounding is allowed for.
        left: whether there is time.
    """

    groups: Sequence[Sequence[Point]]
    dtype: fmt.Dtype
    left: Callable[[], bool]

    def shown(self) -> bool:
        """Whether any loss or layer is shown."""
        return any(p.asked.loss is not None or p.asked.layers for group in self.groups for p in group)

    def right(self) -> bool:
        """Whether losses and layers are right."""
        found = self._of(())
        return bool(found) and found[0].cost == 0

    def find(self) -> list[Loss]:
        """The cheapest explanations of losses and layers; nothing if there is none."""
        found = self._of(())
        if found and found[0].cost == 0:
            return [found[0]]
        singles = possible(self.groups[0][0].asked.case.network)
        for change in singles:
            found += self._of((change,), exactly=True)
        found = found or self._of_constants() or self._of_terms()
        for change in singles if not found else ():
            found += self._of((change,))
        for pair in self._pairs(singles) if not found else ():
            found += self._of(pair)
            if len(found) > 8 or not self.left():
                break
        least = min((loss.cost for loss in found), default=0.0)
        return sorted((loss for loss in found if loss.cost <= least + 0.5), key=lambda loss: loss.cost)[:10]

    def _of_terms(self) -> list[Loss]:
        """Another sum of terms of right outputs."""
        pairs = [(p, p.trace) for group in self.groups for p in group if p.asked.loss is not None]
        if any(not layers_match(tr, p, self.dtype) for p, tr in pairs) or self.dtype != "float64":
            return []
        each, losses = [loss_terms.terms(tr) for _, tr in pairs], np.array([_loss(p) for p, _ in pairs])
        sums = (Loss((), ONE, Added("terms", counts=own)) for own in loss_terms.sums(each, losses)) if pairs else ()
        return next(([found] for loss in sums if (found := _confirmed(loss, pairs))), [])

    def _of_constants(self) -> list[Loss]:
        """A rule of the forward pass with a constant that the first loss tells, and all others confirm."""
        first = next((p for group in self.groups for p in group if p.asked.loss is not None), None)
        if first is None or self.dtype != "float64":
            return []

        def change(k: int, name: str, s: float) -> Changes:
            return (Change("fit", k, f"{name}:{s!r}"),)

        for k, name in fc.places(first.asked.case.network):

            def off(s: float, k: int = k, name: str = name) -> float:
                return value_of(first.under(change(k, name, s))) - _loss(first)

            try:
                for s in fc.solutions(off) if self.left() else ():
                    for digits in (3, 6, 9):
                        if found := self._of(change(k, name, float(f"{s:.{digits}g}"))):
                            return [one for one in found if one.factor.is_one]
            except ValueError:
                continue
        return []

    def _pairs(self, singles: Sequence[Change]) -> Iterator[Changes]:
        """Two changes together that may make the first group's losses, tried with cheap tests first."""
        firsts = [c for c in singles if c.slot != "loss"]
        traces = {c: t for c in firsts if (t := self._traced((c,))) is not None}
        shown = first_wrong_layer(self.groups[0], self.dtype)
        if shown is not None:  # the first layer that is wrong names one of the two
            first = self.groups[0][0]
            traces = {c: t for c, t in traces.items() if layers_match(t[0], first, self.dtype, shown or None)}
        for change, own in traces.items():
            for loss in (c for c in singles if c.slot == "loss" and fr.LOSSES[c.name].common):
                try:
                    if self._possible([with_losses(tr, (loss,)) for tr in own]):
                        yield change, loss
                except ValueError:
                    continue
        order = {change: k for k, change in enumerate(firsts)}
        for change, other in product(traces, firsts):
            if not self.left():
                return
            if (other not in traces or order[other] > order[change]) and not _same_place(change, other):
                both = self._traced((change, other))
                if both is not None and self._possible(both):
                    yield change, other

    def _traced(self, changes: Changes) -> list[Trace] | None:
        try:
            return [p.under(changes) for p in self.groups[0][:FEW]]
        except ValueError:
            return None

    def _of(self, changes: Changes, *, exactly: bool = False) -> list[Loss]:
        pairs: list[tuple[Point, Trace]] = []
        try:
            for p in (p for group in self.groups for p in group):
                tr = p.under(changes)
                own = [] if p.asked.loss is None else [(p, tr)]
                # Most changes miss the first case, and need no trace of the others.
                if not layers_match(tr, p, self.dtype) or (exactly and not _confirmed(Loss(changes), own)):
                    return []
                pairs += own
            found = [_confirmed(Loss(changes), pairs)] if exactly else self._fits(changes, pairs)
            return [one for one in found if one]
        except ValueError:
            return []

    def _possible(self, traces: Sequence[Trace]) -> bool:
        """Whether one factor makes the losses of the first group."""
        pairs = zip((p.asked.loss for p in self.groups[0]), map(value_of, traces), strict=False)
        factors = np.array([got / value for got, value in pairs if value and got is not None])
        return len(factors) > 1 and bool(np.all(np.isfinite(factors))) and np.ptp(factors) <= 1e-6 * abs(factors[0]) > 0

    def _fits(self, changes: Changes, pairs: Sequence[tuple[Point, Trace]]) -> Iterator[Loss]:
        """One explanation by these changes and the fewest constants, if there is one."""
        if not pairs or (exact := _confirmed(Loss(changes), pairs)):
            yield exact if pairs and exact else Loss(changes)
            return
        rtol = 1e-9 if self.dtype == "float64" else 1e-5
        plain = [(_sizes(p, tr), _loss(p) / value_of(tr)) for p, tr in pairs if value_of(tr)]
        whole = [
            (_sizes(p, tr), (_loss(p) + tr.case.penalty) / (value_of(tr) + tr.case.penalty))
            for p, tr in pairs
            if tr.case.penalty and len(tr.t)
        ]
        for measured, added in ((plain, None), (whole, Added("whole"))):
            for factor in monomials(measured, rtol):
                if loss := _confirmed(Loss(changes, factor, added), pairs):
                    # One measurement fits any factor, but a bound of few digits only where there is one.
                    bounds = () if factor.nice or changes or added else BOUNDS
                    kept = (_within_logarithms(name, changes, pairs) for name in bounds)
                    yield next(filter(None, kept), loss)
                    return
        if len(changes) <= 1:  # with two changes a constant would fit anything
            yield from self._added(changes, pairs)

    def _added(self, changes: Changes, pairs: Sequence[tuple[Point, Trace]]) -> Iterator[Loss]:
        same = Loss((), ONE, Added("same", Factor(_loss(pairs[0][0]))))
        if not changes and (loss := _confirmed(same, pairs)):
            yield loss
            return
        rtol = 1e-6 if self.dtype == "float64" else 1e-3
        counted = [(p, tr) for p, tr in pairs if len(tr.t)]
        off = np.array([_loss(p) - value_of(tr) for p, tr in counted])
        for name in ("constant", *(USUAL if changes else PENALTIES)):
            described = np.array([tr.case.penalty if name in PENALTIES else 0.0 for _, tr in counted])
            missing = bool(np.all(np.abs(off + described) <= 1e-7 * described))
            sizes = [amount(tr, name) for _, tr in counted]
            measured = [
                (_sizes(p, tr), (o + d) / s) for (p, tr), o, d, s in zip(counted, off, described, sizes, strict=True)
            ]
            for factor in [Factor(0.0)] if missing else monomials(measured, rtol):
                if loss := _confirmed(Loss(changes, ONE, Added(name, factor)), pairs):
                    yield loss
                    break
        if not changes and (loss := _of_tensors(counted, off)):
            yield loss
        for name in loss_terms.OF_LOGARITHMS:
            if loss := _within_logarithms(name, changes, pairs):
                yield loss
                return


def _within_logarithms(name: str, changes: Changes, pairs: Sequence[tuple[Point, Trace]]) -> Loss | None:
    """log(p + ε), or log p of a p that is kept from 0, with an ε that is fitted; and the factor that losses have where ε changes next to nothing."""
    if pairs[0][1].case.network.loss.kind == "squared_error" or (changes and name in BOUNDS):
        return None
    of = loss_terms.OF_LOGARITHMS[name]
    small = [(p, tr) for p, tr in pairs if np.abs(p.asked.case.x).max() < TALL and value_of(tr)]
    nearly = monomials([(_sizes(p, tr), _loss(p) / value_of(tr)) for p, tr in small], TINY)
    off = [abs((of(tr, 1e-3) if name == "epsilon" else _loss(p)) - value_of(tr)) for p, tr in pairs]
    p, tr = pairs[int(np.argmax(off))]
    for factor in [*([] if changes else [ONE]), *nearly]:
        if name in BOUNDS and _confirmed(Loss(changes, factor), pairs):
            continue  # a bound that changes nothing is none
        wanted = _loss(p) / factor.on(_sizes(p, tr))
        epsilon = next(fc.solutions(lambda e, wanted=wanted: of(tr, e) - wanted, EPSILONS), EPSILONS[0])  # type: ignore[misc]
        # As few digits as the measurement leaves open; a clip may change one loss alone, which any bound would fit.
        for digits in (1, 3, 6) if name == "epsilon" else (1, 2):
            rounded = Factor(float(f"{epsilon:.{digits}g}"))
            if loss := _confirmed(Loss(changes, factor, Added(name, rounded)), pairs):
                return loss
    return None


def _of_tensors(pairs: Sequence[tuple[Point, Trace]], off: Array) -> Loss | None:
    """The described penalty with another count of some tensors, by least squares."""
    tr = pairs[0][1]
    for letters in ("W", "Wb"):
        names = [name for name in squares(tr) if name[0] in letters]
        if not slope(tr) or len(pairs) <= len(names):
            return None
        matrix = np.array([[squares(tr)[name] for name in names] for _, tr in pairs])
        wanted = np.array([(o + tr.case.penalty) / slope(tr) for (_, tr), o in zip(pairs, off, strict=True)])
        counts = np.round(2 * np.linalg.lstsq(matrix, wanted, rcond=None)[0]) / 2
        added = Added("tensors", counts=tuple((n, float(c)) for n, c in zip(names, counts, strict=True)))
        if loss := _confirmed(Loss((), ONE, added), pairs):
            return loss
    return None


def _confirmed(loss: Loss, pairs: Sequence[tuple[Point, Trace]]) -> Loss | None:
    worst = 0.0
    for p, tr in pairs:
        expected = loss.on(tr, _sizes(p, tr))
        ratio = abs(_loss(p) - expected) / p.limits.of_loss(max(abs(expected), abs(value_of(tr))))
        if not ratio <= 1:
            return None
        worst = max(worst, ratio)
    return replace(loss, ratio=worst)


def _loss(p: Point) -> float:
    return float(p.asked.loss or 0.0)


def _sizes(p: Point, tr: Trace) -> dict[str, float]:
    """With n, the rows that the forward pass has used, where these are not all."""
    return p.sizes() | ({"n": float(len(tr.t))} if tr.fewer else {})


def _same_place(one: Change, other: Change) -> bool:
    """Whether two changes are of the same rule."""
    tables = (fr.TARGETS, fr.INPUTS, fr.ROWS, fr.PARAMETERS)
    same = one.slot != "data" or any(one.name in table and other.name in table for table in tables)
    return (one.slot, one.layer) == (other.slot, other.layer) and same


def kept(changes: Changes) -> Changes:
    """Those that gradients are searched under: which rows count is a rule of the backward pass there."""
    return tuple(c for c in changes if not c.fewer)


def with_epsilon(loss: Loss) -> Changes:
    """The changes of a loss, with the ε that a derivative of the logarithm has too."""
    epsilon = loss.added.factor.value if loss.added and loss.added.name == "epsilon" else 0.0
    return (*kept(loss.changes), Change("epsilon", 0, f"{epsilon!r}")) if epsilon else kept(loss.changes)


def layers_match(tr: Trace, p: Point, dtype: fmt.Dtype, upto: int | None = None) -> bool:
    """Whether the layers that are shown, up to one of them, are those of a trace; true if none are."""
    if not p.asked.layers:
        return True
    return len(p.asked.layers) == tr.last and all(_matches(tr, p, k, dtype) for k in range(1, (upto or tr.last) + 1))


def first_wrong_layer(points: Sequence[Point], dtype: fmt.Dtype) -> int | None:
    """The first layer whose shown z or a is wrong; 0 if all are right, None if none are shown."""
    shown = [p for p in points if p.asked.layers]
    layers = range(1, shown[0].trace.last + 1) if shown else ()
    return next((k for k in layers if not all(_matches(p.trace, p, k, dtype) for p in shown)), 0) if shown else None


def _matches(tr: Trace, p: Point, k: int, dtype: fmt.Dtype) -> bool:
    """Whether z and a of a layer, as far as they are shown, are those of a trace."""
    for shown, expected in zip(
        cast("Sequence[Sequence[Array]]", p.asked.layers)[k - 1], (tr.z[k], tr.a[k]), strict=True
    ):
        got = expected if shown is None else np.asarray(shown, np.float64)
        limit = NEAR_LAYERS * value_limit(expected, dtype, p.limits.longest).value
        if got.size != expected.size or not norm(got.reshape(expected.shape) - expected) <= limit:
            return False
    return True
