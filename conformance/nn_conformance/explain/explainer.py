"""Which rules of backpropagation a wrong target has used: the experiments in their order, and what follows from them."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.explain import calls, confirming, engine
from nn_conformance.explain import findings as of
from nn_conformance.explain.asking import (
    DISTINCT,
    OTHER,
    SQUARE,
    Asked,
    Asker,
    Budget,
    Limits,
    draw,
    one_output,
    sized,
    some_widths,
    widths,
)
from nn_conformance.explain.differences import differences
from nn_conformance.explain.fitting import Point
from nn_conformance.explain.gradients import Gradients, apart, explain_gradients
from nn_conformance.explain.losses import ROWS, Changes, Loss, LossSearch, with_epsilon
from nn_conformance.explain.record import Explanation, Finding
from nn_conformance.explain.stepping import Draft, Stepping
from nn_conformance.explain.trace import Case, trace
from nn_conformance.judge.limits import norm
from nn_conformance.judge.target import Answer, Target, Unsupported
from nn_reference.arithmetic import Array

LARGE = 5.0  # inputs from here on saturate units, where a lower precision errs by more than a limit allows for
TALL_LOGITS = 20.0  # from here on σ and softmax are 0 or 1 but for rounding, and clips and ε show
SHARE = 0.4  # of the time for the loss and the forward pass
TINY_ERROR = 1e-8  # of an array: float32 errs by more, and differences of losses with a small step by less
Kept = tuple[Case, Answer]


class Explainer(Stepping):
    """One run. Args as those of `explain`."""

    def __init__(
        self,
        target: Target,
        network: fmt.Network,
        optimizer: fmt.Optimizer | None,
        dtype: fmt.Dtype,
        kept: Sequence[Kept],
        budget: Budget,
        fresh: Callable[[], Target] | None,
    ) -> None:
        self.network, self.optimizer, self.dtype, self.kept, self.fresh = network, optimizer, dtype, kept, fresh
        self.asker, self.draft, self.seed, self.rate = Asker(target, network, dtype, budget), Draft(), 0, 0.0
        self.when = ""  # the only condition under which gradients are wrong
        self.misshapen: dict[str, tuple[Asked, Array]] = {}

    def run(self) -> Explanation:
        """The experiments, from the first call to the confirmation."""
        started = time.monotonic()
        with np.errstate(all="ignore"):
            self._run()
        d = self.draft
        d.confirmed = bool(d.findings or d.ties) and not d.unexplained and d.cases == d.of
        parts = {
            name: tuple(getattr(d, name))
            for name in ("findings", "ties", "right", "unexplained", "blind", "aside", "notes")
        }
        return Explanation(
            **parts,
            confirmed=d.confirmed,
            cases=d.cases,
            of=d.of,
            ratio=d.ratio,
            exchanges=self.asker.exchanges,
            seconds=time.monotonic() - started,
        )

    def _run(self) -> None:
        own = self._widths()
        if own is None:
            return
        memory = calls.Calls(self.asker, self.fresh, self._draw(own, 6), self._draw(own, 6))
        self.draft.findings += memory.findings()
        if memory.stop:
            return
        if self.rate and self._optimizer_alone(own):
            return
        groups = self._groups(own)
        if not groups:
            self.draft.unexplained.append("no call of a small case has an answer")
            return
        gradients = self._evaluation(groups)
        if self.rate and self.samples > 1 and len(gradients.open) == len(groups[0][0].asked.gradients):
            gradients = self._sample_by_sample(own, gradients)
        if self.optimizer is not None:
            self._updates(own, gradients)
        self.draft.findings += calls.overwritten(self.asker, self._draw(own, 4))
        self._extremes(own)

    def _draw(
        self, sizes: Sequence[int], samples: int, *, rate: float | None = None, group: str = "", scale: float = 1.0
    ) -> Case:
        self.seed += 1
        return draw(
            sized(self.network, sizes),
            samples,
            self.seed,
            self.dtype,
            rate=self.rate if rate is None else rate,
            group=group,
            scale=scale,
        )

    def _widths(self) -> list[int] | None:
        """The first widths that the target takes: distinct ones, its own, or all equal; None if it answers nothing."""
        square = [SQUARE] * (len(self.network.layers) + 1)
        plans = [
            some_widths(self.network, DISTINCT),
            widths(self.network),
            [*square[:-1], 1] if one_output(self.network) else square,
        ]
        refused: list[str] = []
        errors: list[Exception] = []
        alone = False  # whether it takes one sample at a time
        for sizes, samples in [(plans[0], 6), (plans[0], 1), (plans[1], 6), (plans[2], SQUARE)]:
            if samples == 1 and not alone:
                continue
            self.samples = samples
            asked = self.asker.ask(self._draw(sizes, samples))
            if asked.uncertainty:
                self.asker.updates_only, self.rate = True, 1.0
                asked = self.asker.ask(self._draw(sizes, samples))
            if asked.error is None and asked.gradients and (not asked.misshapen or sizes is plans[2]):
                if refused and samples > 1:
                    self.draft.notes.append(f"with other sizes it does not answer: {refused[0]}")
                return sizes
            alone = isinstance(asked.error, Unsupported)
            errors += [asked.error] if asked.error else []
            refused.append(str(asked.error)[:200] if asked.error else "no gradients of the right shapes")
        if errors and (found := calls.refused(errors[0])):
            self.draft.findings += found
            self.draft.blind.append("whether its numbers are right: no answer could be compared")
        else:
            self.draft.unexplained.append(f"it answers no small case: {refused[0]}")
        return None

    def _groups(self, own: Sequence[int]) -> list[list[Point]]:
        n = self.samples
        other = some_widths(self.network, OTHER) if list(own) == some_widths(self.network, DISTINCT) else own
        plan = [
            (own, n, 3, 1.0),
            (own, 1, 2, 1.0),
            (other, 4 if n > 1 else 1, 2, 1.0),
            (own, 5 if n > 1 else 1, 1, 6.0),
        ]
        if self.rate:
            plan.append((own, n, 2, 4.0))
        groups = []
        for sizes, samples, count, scale in plan:
            rate = scale if self.rate and scale == 4.0 else self.rate
            group = [
                p
                for _ in range(count)
                if (p := self._point(self._draw(sizes, samples, rate=rate, scale=scale if scale == 6.0 else 1.0)))
            ]
            if group:
                groups.append(group)
        return groups

    def _point(self, case: Case) -> Point | None:
        asked = self.asker.ask(case)
        if asked.error is not None:
            self.draft.notes.append(
                f"with {len(case.x)} samples and widths {'-'.join(map(str, widths(case.network)))} it fails: {type(asked.error).__name__}: {str(asked.error)[:120]}"
            )
            return None
        if len(case.x) > 1:  # of one sample a sum over units and one over everything are the same number
            self.misshapen.update({name: (asked, g) for name, g in asked.misshapen.items()})
        if not asked.finite:
            self.draft.aside.append(f"NaN or infinite with {len(case.x)} samples")
            return None
        return Point(trace(case, (), asked.gradients), asked, Limits(case, self.dtype))

    def _evaluation(self, groups: list[list[Point]]) -> Gradients:
        losses = LossSearch(groups, self.dtype, lambda: self.asker.left_of(SHARE))
        if precision := self._precision(groups, 1.0, "float32", "single-precision"):
            self.draft.findings.append(precision)
            self.draft.cases = self.draft.of = sum(map(len, groups))
            return Gradients()
        shown = losses.shown()
        found = losses.find() if shown else []
        forward: list[Changes] = list(dict.fromkeys(_kept(loss.changes) for loss in found)) or [()]
        if found and found[0].cost > 0 and () not in forward:
            forward.append(())
        forward += [shifted for loss in found if (shifted := with_epsilon(loss)) not in forward]
        gradients = explain_gradients(groups, self.dtype, forward, lambda: self.asker.left)
        if gradients.open and (part := self._partly(groups, forward)):
            gradients, self.when = part
        forms = [(one, with_epsilon(one)) for one in found]
        fits = (one for one, shifted in forms if gradients.changes in (_kept(one.changes), shifted))
        loss = next(fits, found[0] if found else None)
        if gradients.open and self._cause(groups, gradients, loss):
            return Gradients()
        of_loss = of.of_loss(self.network, loss) if loss else []
        if loss is None and gradients.changes:
            of_loss = [of.of_change(self.network, change) for change in gradients.changes]
        if gradients.changes:
            points = [p for group in groups for p in group]
            arrays = tuple(
                f"d{a}"
                for a in groups[0][0].asked.gradients
                if any(p.ratio(a, p.limits.gradients[a]) > 1 for p in points if a in p.asked.gradients)
            )
            of_loss = [
                replace(f, arrays=(*f.arrays, *arrays)) if f.slot in ("data", "forward", "loss") else f for f in of_loss
            ]
        if shown and loss is None:
            self.draft.unexplained.append("the loss")
        elif shown and loss is not None and loss.cost == 0:
            self.draft.right.append("loss")
        self._gathered(groups, of_loss, gradients)
        self._confirm(groups, loss, gradients)
        return gradients

    def _sample_by_sample(self, own: Sequence[int], before: Gradients) -> Gradients:
        """The gradients of one sample each, where a call with several is no single step."""
        draft, self.draft, self.samples = self.draft, Draft(notes=self.draft.notes), 1
        groups = self._groups(own)
        gradients = self._evaluation(groups) if groups else before
        if not groups or gradients.open:
            self.draft = draft
            return before
        self.draft.findings = [*draft.findings, *self.draft.findings]
        self.draft.notes.append("compared on one sample at a time: a call with several is more than one step")
        return gradients

    def _cause(self, groups: list[list[Point]], gradients: Gradients, loss: Loss | None) -> bool:
        """What makes all gradients wrong and is no rule of backpropagation: an engine's order, a precision, differences."""
        causes: list[Finding] = []
        if counted := engine.counted(groups):
            causes = [counted[0]]
            self.draft.blind += [f"{a} follows from these, in an order that is not simulated" for a in counted[1]]
        elif len(gradients.open) == len(groups[0][0].asked.gradients):
            half = self._precision(groups, 2.0**9, "float16", "half-precision", 2.0**-13)
            causes = [one for one in (half or differences(groups),) if one]
        if causes:
            self.draft.findings += [*(of.of_loss(self.network, loss) if loss else []), *causes]
            self.draft.right += ["loss"] if loss and loss.cost == 0 else []
        return bool(causes)

    def _conditional(self, findings: list[Finding]) -> list[Finding]:
        return [replace(f, when=self.when) for f in findings] if self.when else findings

    def _partly(self, groups: list[list[Point]], forward: Sequence[Changes]) -> tuple[Gradients, str] | None:
        """An explanation of the groups that are wrong, where others are right throughout, with what sets them apart."""
        right = [all(p.ratio(a, p.limits.gradients[a]) <= 1 for p in g for a in p.asked.gradients) for g in groups]
        wrong = [group for group, good in zip(groups, right, strict=True) if not good]
        if all(right) or not any(right):
            return None
        several = sorted(wrong, key=len, reverse=True)
        gradients = explain_gradients(several, self.dtype, forward, lambda: self.asker.left)
        return (
            None
            if gradients.open
            else (gradients, apart(wrong, [g for g, good in zip(groups, right, strict=True) if good]))
        )

    def _gathered(self, groups: Sequence[Sequence[Point]], of_loss: list[Finding], gradients: Gradients) -> None:
        first = len(self.asker.kept[0].case.x)
        if gradients.clip:
            self.draft.findings += [*of_loss, of.of_clip(gradients.clip)]
            return
        tr = groups[0][0].trace
        options = [of.merged(of_loss, self._conditional(of.of_assignment(tr, a, first))) for a in gradients.assignments]
        options = options or [of_loss]
        common = [f for f in options[0] if all(f in option for option in options)]
        self.draft.findings += common
        rest = tuple(tuple(f for f in option if f not in common) for option in options)
        if len(options) > 1 and any(rest):
            self.draft.ties.append(rest)
        wrong = {a for option in options for f in option for a in f.arrays}
        self.draft.findings += confirming.of_shapes(groups[0][0].asked.shapes, {f.slug for f in self.draft.findings})
        found, left = confirming.of_misshapen(self.misshapen, self.dtype, self.draft.findings)
        self.draft.findings += found
        self.draft.unexplained += left
        wrong |= {a for f in self.draft.findings for a in f.arrays}
        arrays = [a for a in groups[0][0].asked.gradients if f"d{a}" not in wrong and a not in gradients.open]
        blind = [a for a in arrays if gradients.ways.get(a) and gradients.ways[a][0].blind]
        self.draft.blind += [f"d{a} is 0 whatever the rules behind it" for a in sorted(blind)]
        arrays = [a for a in arrays if a not in blind]
        self.draft.right += [f"d{a}" for a in sorted(arrays, key=lambda a: (int(a[1:]), a))]
        self.draft.unexplained += [f"d{a}" for a in sorted(gradients.open, key=lambda a: (int(a[1:]), a))]

    def _precision(
        self, groups: Sequence[Sequence[Point]], slack: float, name: str, slug: str, least: float = 0.0
    ) -> Finding | None:
        """Whether all is right but for the rounding of a lower precision, at least so much of a gradient and of the loss in each case."""
        points = [p for group in groups for p in group if np.abs(p.asked.case.x).max() < LARGE]
        exact = all(p.ratio(a, p.limits.gradients[a]) <= 1 for p in points for a in p.asked.gradients)
        if self.dtype == "float32" or exact:
            return None
        if not least and all(_by_differences(p) for p in points):
            return None
        for p in points:
            limits = Limits(p.asked.case, "float32")
            off = {a: norm(g - limits.gradients[a]) for a, g in p.asked.gradients.items()}
            if any(off[a] > slack * limits.of(a, g) for a, g in p.asked.gradients.items()):
                return None
            if least and not any(off[a] >= least * norm(g) for a, g in p.asked.gradients.items()):
                return None
            if p.asked.loss is not None:
                error, limit = abs(p.asked.loss - float(limits.loss)), limits.of_loss(p.asked.loss)
                if error > slack * limit or (least and error <= limit):
                    return None
        return Finding("precision", 0, "arithmetic", slug, f"{name} somewhere", "float64", ())

    def _confirm(self, groups: Sequence[Sequence[Point]], loss: Loss | None, gradients: Gradients) -> None:
        """The mutant against every finite number of every case, those of the caller included."""
        points, d = [p for group in groups for p in group], self.draft
        for case, answer in self.kept:
            asked = self.asker.read(case, answer)
            if asked.finite and not asked.misshapen:
                points.append(Point(trace(case, (), asked.gradients), asked, Limits(case, self.dtype)))
            else:
                d.aside.append(f"NaN, infinite or of another shape on {case.label or 'a case'}")
        ratios = [confirming.ratio(p, loss, gradients, self.when) for p in points]
        good = [ratio for ratio in ratios if ratio <= 1]
        off = [p for p, ratio in zip(points, ratios, strict=True) if not ratio <= 1 and p.asked.case.label]
        logits = [float(np.abs(p.trace.z[-1]).max()) for p in off]
        tall = [p for p, size in zip(off, logits, strict=True) if size > TALL_LOGITS]
        if gradients.open and len(off) > len(tall):  # what is not confirmed is not said
            dropped = [f for f in d.findings if f.slot == "scale"]
            d.findings = [f for f in d.findings if f not in dropped]
            d.unexplained += [a for f in dropped for a in f.arrays]
        some_wrong = [p for p in off if p not in tall]
        if not (d.findings or d.ties or d.unexplained) and (found := calls.guessed(some_wrong)):
            d.findings += found
            off = tall
        off = [] if len(d.unexplained) and not (d.findings or d.ties) else off
        these = "these rules make" if d.findings or d.ties else "the described network"
        for some, where in ((tall, f" with logits as large as {max(logits, default=0):.3g}"), (off, "")):
            cases = ", ".join(p.asked.case.label.split("/")[-1] for p in some if where or p not in tall)
            if cases:
                d.notes.append(f"it gives other numbers than {these}{where} on {cases}")
        d.cases, d.of, d.ratio = len(good), len(points) - len(tall), max(good, default=0.0)

    def _extremes(self, own: Sequence[int]) -> None:
        d = self.draft
        others = bool(d.findings or d.ties or d.unexplained)
        pair = self._draw(own, 1), self._draw(own, 1)
        if self.asker.left and (finding := calls.extreme(self.asker, *pair, self.dtype, others=others)):
            self.draft.findings.append(finding)


def _kept(changes: Changes) -> Changes:
    """Those that gradients are searched under: which rows count is a rule of the backward pass there."""
    return tuple(c for c in changes if not (c.slot == "data" and c.name.startswith(ROWS)))


def explain(
    target: Target,
    network: fmt.Network,
    optimizer: fmt.Optimizer | None = None,
    dtype: fmt.Dtype = "float64",
    *,
    cases: Sequence[Kept] = (),
    budget: Budget | None = None,
    fresh: Callable[[], Target] | None = None,
) -> Explanation:
    """Which rules of backpropagation a wrong target has used.

    Args:
        target: in our conventions; it is asked small cases of this module's choice.
        network: what it should compute; sizes are varied where the target takes them.
        optimizer: what it should update by; without one updates are not looked at.
        dtype: of the arrays that it is given.
        cases: calls that were answered already, on which the explanation is confirmed too.
        budget: how much may be asked.
        fresh: makes the target anew, for what remembers between calls.
    """
    return Explainer(target, network, optimizer, dtype, cases, budget or Budget(), fresh).run()


def _by_differences(p: Point) -> bool:
    """Whether a loss is nearer than float32 comes, and gradients too: differences of losses are, with a small step."""
    loss, right = p.asked.loss, float(p.limits.loss)
    near = all(norm(g - p.limits.gradients[a]) <= TINY_ERROR * norm(g) for a, g in p.asked.gradients.items())
    return loss is not None and abs(loss - right) <= TINY_ERROR * abs(right) and near
