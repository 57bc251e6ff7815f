"""The loss and the forward pass: which changed rules make the losses, and the layers where they are shown."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import cast

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.explain import forwards
from nn_conformance.explain.asking import Asked, Limits, widths
from nn_conformance.explain.factors import ONE, Factor, monomials
from nn_conformance.explain.fitting import Point
from nn_conformance.explain.trace import Change, Trace, trace
from nn_conformance.judge.limits import norm, value_limit
from nn_reference.activations import SOFTMAX, sigmoid
from nn_reference.arithmetic import Array
from nn_reference.losses import BinaryCrossEntropy, CrossEntropy, count

Changes = tuple[Change, ...]
PENALTIES = ("square", "squares", "magnitude")
ROWS = ("sample-dropped", "first-dropped", "one-sample", "last-sample")  # changes of the data that use fewer rows


@dataclass(frozen=True)
class Loss:
    """How losses come about.

    Attributes:
        changes: of the forward pass and of the loss's formula.
        factor: by which the loss is multiplied.
        added: a constant that is added, or ε or λ (the whole penalty's, with the described one): by name.
        ratio: the largest difference, in units of the limit.
    """

    changes: Changes = ()
    factor: Factor = ONE
    added: tuple[str, Factor] | None = None
    ratio: float = 0.0

    @property
    def cost(self) -> float:
        """Changed rules, with a free constant as one and a half."""
        factor = 0.0 if self.factor.is_one else 1.0 if self.factor.nice else 1.5
        return len(self.changes) + factor + (1.5 if self.added and self.added[0] != "whole" else 0.0)

    def on(self, tr: Trace, sizes: dict[str, float]) -> float:
        """The loss of a trace with these changes."""
        if self.added and self.added[0] == "epsilon":
            return self.factor.on(sizes) * epsilon_loss(tr, self.added[1].on(sizes))
        if self.added and self.added[0] == "whole":
            return self.factor.on(sizes) * (value_of(tr) + tr.case.penalty) - tr.case.penalty
        value = self.factor.on(sizes) * value_of(tr)
        if self.added is None:
            return value
        if self.added[0] == "same":
            return self.added[1].on(sizes)
        described = tr.case.penalty if self.added[0] in PENALTIES else 0.0
        return value + self.added[1].on(sizes) * amount(tr, self.added[0]) - described


def value_of(tr: Trace) -> float:
    """The loss of a trace, from logits where softmax and cross-entropy are one."""
    if not len(tr.t):
        return 0.0
    if tr.net.loss_takes_logits_of_softmax:
        return float(replace(cast("CrossEntropy", tr.net.loss), from_logits=True).value(tr.z[-1], tr.t))
    return float(tr.net.loss.value(tr.y, tr.t))


def amount(tr: Trace, name: str) -> float:
    """What a constant that is added multiplies."""
    if name == "square":
        return float(sum(np.sum(w * w) for w in tr.W[1:]))
    if name == "squares":
        return amount(tr, "square") + float(sum(np.sum(b * b) for b in tr.b[1:] if b is not None))
    if name == "magnitude":
        return float(sum(np.sum(np.abs(w)) for w in tr.W[1:]))
    return 1.0


def epsilon_loss(tr: Trace, epsilon: float) -> float:
    """The loss of log(p + ε)."""
    loss, t = tr.net.loss, tr.t
    if isinstance(loss, forwards.OtherLoss):
        return float(loss.value(tr.y + epsilon, t))
    if isinstance(loss, BinaryCrossEntropy):
        p = sigmoid(tr.y) if loss.from_logits else tr.y
        return float(-np.sum(t * np.log(p + epsilon) + (1 - t) * np.log(1 - p + epsilon)) / count(loss, t))
    p = SOFTMAX.forward(tr.y) if getattr(loss, "from_logits", False) else tr.y
    return float(-np.sum(t * np.log(p + epsilon)) / count(cast("CrossEntropy", loss), t))


def possible(network: fmt.Network) -> list[Change]:
    """Every change of the forward pass, one at a time."""
    last = len(network.layers)
    loss = network.loss.kind
    found = [Change("data", 0, name) for name in forwards.DATA]
    for name in forwards.PREACTIVATIONS:
        layers = [k for k, layer in enumerate(network.layers, 1) if layer.bias]
        found += [Change("z", k, name) for k in ([0] if len(layers) > 1 else []) + layers]
    for name in forwards.ACTIVATIONS:
        hidden = list(range(1, last))
        found += [Change("a", k, name) for k in ([0] if len(hidden) > 1 else []) + hidden + [last]]
    skipped = {
        "squared_error": ("squared-for-cross-entropy", "logits-reversed", "second-term", "first-term"),
        "cross_entropy": ("root", "pairs"),
        "binary_cross_entropy": ("root", "pairs", "binary-for"),
    }
    found += [Change("loss", last, name) for name in forwards.LOSSES if not name.startswith(skipped[loss])]
    return found


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

    def find(self) -> list[Loss]:
        """The cheapest explanations of losses and layers; nothing if there is none."""
        right = self._of(())
        if right and right[0].cost == 0:
            return [right[0]]
        found, singles = list(right), possible(self.groups[0][0].asked.case.network)
        for change in singles:
            found += self._of((change,))
        if not found:
            for pair in self._pairs(singles):
                found += self._of(pair)
                if len(found) > 8 or not self.left():
                    break
        least = min((loss.cost for loss in found), default=0.0)
        return sorted((loss for loss in found if loss.cost <= least + 0.5), key=lambda loss: loss.cost)[:10]

    def _pairs(self, singles: Sequence[Change]) -> Iterator[Changes]:
        """Two changes together that may make the first group's losses, tried with cheap tests first."""
        firsts = [c for c in singles if c.slot != "loss"]
        traces = {c: t for c in firsts if (t := self._traced((c,))) is not None}
        losses = [c for c in singles if c.slot == "loss"]
        shown = first_wrong_layer(self.groups[0], self.dtype)
        if shown is not None:  # the first layer that is wrong names one of the two
            traces = {
                c: t
                for c, t in traces.items()
                if _layers_match(t[0], self.groups[0][0].asked, self.dtype, self.groups[0][0].limits, shown or None)
            }
        for first, own in traces.items():
            for loss in losses:
                try:
                    likely = self._possible([with_loss(tr, loss) for tr in own])
                except ValueError:
                    continue
                if likely:
                    yield first, loss
        yield from self._forward_pairs(list(traces), firsts)

    def _forward_pairs(self, some: Sequence[Change], firsts: Sequence[Change]) -> Iterator[Changes]:
        order = {change: k for k, change in enumerate(firsts)}
        for first, other in product(some, firsts):
            if not self.left():
                return
            if other in some and order[other] < order[first]:  # has been tried already
                continue
            data = first.slot == "data" and first.name[0] != other.name[0]  # of x and of t, by their names
            if (first.slot, first.layer) != (other.slot, other.layer) or data:
                both = self._traced((first, other))
                if both is not None and self._possible(both):
                    yield first, other

    def _traced(self, changes: Changes) -> list[Trace] | None:
        try:
            return [trace(p.asked.case, changes) for p in self.groups[0][:FEW]]
        except ValueError:
            return None

    def _of(self, changes: Changes) -> list[Loss]:
        try:
            traces = [[trace(p.asked.case, changes) for p in group] for group in self.groups]
            if not all(
                _layers_match(tr, p.asked, self.dtype, p.limits)
                for g, ts in zip(self.groups, traces, strict=True)
                for p, tr in zip(g, ts, strict=True)
            ):
                return []
            return list(self._fits(changes, traces))
        except ValueError:
            return []

    def _possible(self, traces: Sequence[Trace]) -> bool:
        """Whether one factor makes the losses of the first group."""
        pairs = [
            (p.asked.loss, value_of(tr))
            for p, tr in zip(self.groups[0], traces, strict=False)
            if p.asked.loss is not None
        ]
        factors = np.array([got / value for got, value in pairs if value])
        return len(factors) > 1 and bool(np.all(np.isfinite(factors))) and np.ptp(factors) <= 1e-6 * abs(factors[0]) > 0

    def _fits(self, changes: Changes, traces: Sequence[Sequence[Trace]]) -> Iterator[Loss]:
        pairs = [
            (p, tr)
            for group, ts in zip(self.groups, traces, strict=True)
            for p, tr in zip(group, ts, strict=True)
            if p.asked.loss is not None
        ]
        if not pairs:
            yield Loss(changes)
            return
        if exact := self._confirmed(Loss(changes), pairs):
            yield exact
            return
        measured = [(_sizes(p, tr), float(p.asked.loss or 0.0) / value_of(tr)) for p, tr in pairs if value_of(tr)]
        for factor in monomials(measured, 1e-9 if self.dtype == "float64" else 1e-5):
            if loss := self._confirmed(Loss(changes, factor), pairs):
                yield loss
                return
        whole = [
            (_sizes(p, tr), (float(p.asked.loss or 0.0) + tr.case.penalty) / (value_of(tr) + tr.case.penalty))
            for p, tr in pairs
            if tr.case.penalty and len(tr.t)
        ]
        for factor in monomials(whole, 1e-9 if self.dtype == "float64" else 1e-5):
            if loss := self._confirmed(Loss(changes, factor, ("whole", ONE)), pairs):
                yield loss
                return
        yield from self._added(changes, pairs)

    def _added(self, changes: Changes, pairs: Sequence[tuple[Point, Trace]]) -> Iterator[Loss]:
        if len(changes) > 1:
            return
        same = Loss((), ONE, ("same", Factor(float(pairs[0][0].asked.loss or 0.0))))
        if not changes and (loss := self._confirmed(same, pairs)):
            yield loss
            return
        for name in ("constant", *PENALTIES):
            off = [(p, tr, float(p.asked.loss or 0.0) - value_of(tr)) for p, tr in pairs if len(tr.t)]
            described = [tr.case.penalty if name in PENALTIES else 0.0 for _, tr, _ in off]
            missing = all(abs(o + d) <= 1e-7 * d for (*_, o), d in zip(off, described, strict=True))
            measured = [
                (_sizes(p, tr), (o + d) / amount(tr, name)) for (p, tr, o), d in zip(off, described, strict=True)
            ]
            factors = [Factor(0.0)] if missing else monomials(measured, 1e-6 if self.dtype == "float64" else 1e-3)
            for factor in factors:
                if loss := self._confirmed(Loss(changes, ONE, (name, factor)), pairs):
                    yield loss
                    break
        if pairs[0][1].case.network.loss.kind != "squared_error" and (not changes or _nearly(pairs)):
            p, tr = max(pairs, key=lambda pair: abs(epsilon_loss(pair[1], 1e-3) - value_of(pair[1])))
            epsilon = _solved(lambda e: epsilon_loss(tr, e) - float(p.asked.loss or 0.0))
            for digits in (1, 3, 6):  # as few as the measurement leaves open
                short = Factor(float(f"{epsilon:.{digits}g}"))
                if loss := self._confirmed(Loss(changes, ONE, ("epsilon", short)), pairs):
                    yield loss
                    return

    def _confirmed(self, loss: Loss, pairs: Sequence[tuple[Point, Trace]]) -> Loss | None:
        worst = 0.0
        for p, tr in pairs:
            expected = loss.on(tr, _sizes(p, tr))
            error = abs(float(p.asked.loss or 0.0) - expected)
            limit = p.limits.of_loss(max(abs(expected), abs(value_of(tr))))
            if not np.isfinite(expected) or not error <= limit:
                return None
            worst = max(worst, error / limit)
        return Loss(loss.changes, loss.factor, loss.added, worst)


def _sizes(p: Point, tr: Trace) -> dict[str, float]:
    """With n, the rows that the forward pass has used, where these are not all."""
    return p.sizes() | ({"n": float(len(tr.t))} if any(name.startswith(ROWS) for name in tr.dropped) else {})


def _nearly(pairs: Sequence[tuple[Point, Trace]]) -> bool:
    """Whether the losses are made but for something as small as an ε is."""
    return all(
        abs(float(p.asked.loss or 0.0) - value_of(tr)) <= TINY * abs(value_of(tr))
        for p, tr in pairs
        if np.abs(p.asked.case.x).max() < TALL
    )


def _solved(f: Callable[[float], float]) -> float:
    """The root of a falling function, by bisection of the logarithm."""
    low, high = -40.0, 1.0
    for _ in range(120):
        middle = (low + high) / 2
        low, high = (middle, high) if f(float(np.exp(middle))) > 0 else (low, middle)
    return float(np.exp(low))


def with_epsilon(loss: Loss) -> Changes:
    """The changes of a loss, with the ε that a derivative of the logarithm has too."""
    epsilon = loss.added[1].value if loss.added and loss.added[0] == "epsilon" else 0.0
    changes = tuple(c for c in loss.changes if not (c.slot == "data" and c.name.startswith(ROWS)))
    return (*changes, Change("epsilon", 0, f"{epsilon!r}")) if epsilon else changes


def with_loss(tr: Trace, change: Change) -> Trace:
    """The trace with another loss."""
    return replace(tr, net=replace(tr.net, loss=forwards.LOSSES[change.name].rule(tr.net)))


def _layers_match(tr: Trace, asked: Asked, dtype: fmt.Dtype, limits: Limits, upto: int | None = None) -> bool:
    if not asked.layers:
        return True
    if len(asked.layers) != tr.last:
        return False
    for k, shown in enumerate(asked.layers[:upto], 1):
        for got, expected in zip(shown, (tr.z[k], tr.a[k]), strict=True):
            a = np.asarray(got, np.float64)
            if a.size != expected.size or not _near(a.reshape(expected.shape), expected, dtype, limits.longest):
                return False
    return True


def _near(a: Array, b: Array, dtype: fmt.Dtype, longest: int) -> bool:
    return norm(a - b) <= NEAR_LAYERS * value_limit(b, dtype, longest).value


TINY = 1e-6  # a relative difference of losses
TALL = 5.0  # inputs from here on saturate units, where an ε changes the loss by more
FEW = 2  # cases on which pairs are tried first
NEAR_LAYERS = 4.0  # errors of the layers below, which the limit of one layer does not count


def first_wrong_layer(points: Sequence[Point], dtype: fmt.Dtype) -> int | None:
    """The first layer whose shown z or a is wrong; 0 if all are right, None if none are shown."""
    shown = [p for p in points if p.asked.layers]
    if not shown:
        return None
    for k in range(1, len(widths(shown[0].asked.case.network))):
        for p in shown:
            for got, expected in zip(p.asked.layers[k - 1], (p.trace.z[k], p.trace.a[k]), strict=True):  # type: ignore[index]
                a = np.asarray(got, np.float64)
                if a.size != expected.size or not _near(a.reshape(expected.shape), expected, dtype, p.limits.longest):
                    return k
    return 0
