"""Which rules of backpropagation a wrong target has used: the experiments in their order, and what follows from them."""

import time
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.explain import calls, causes, chance, circumstances, engine_graphs, naming, naming_forward
from nn_conformance.explain import forward_rules as fr
from nn_conformance.explain.asking import SQUARE, Budget, Limits, one_output
from nn_conformance.explain.experiments import Groups, Kept
from nn_conformance.explain.extremes import extremes
from nn_conformance.explain.gradients import Gradients, apart, explain_gradients, traced
from nn_conformance.explain.loss_search import Loss, LossSearch, first_wrong_layer, kept, with_epsilon
from nn_conformance.explain.points import Point, point_of, wrong_arrays
from nn_conformance.explain.record import Explanation, Finding, every_array, of_slug
from nn_conformance.explain.search import delta
from nn_conformance.explain.trace import Changes
from nn_conformance.explain.update_rules import first_share
from nn_conformance.explain.updates import Updates
from nn_conformance.judge.target import Target

TALL_LOGITS = 20.0  # from here on σ and softmax are 0 or 1 but for rounding, and clips and ε show
EXTREME = 1000  # the seed of cases with large logits
SHARE = 0.4  # of the time for the loss and the forward pass


class Explainer(Updates):
    """One run. Args as those of `explain`."""

    def run(self) -> Explanation:
        """The experiments, from the first call to the confirmation."""
        started = time.monotonic()
        with np.errstate(all="ignore"):
            self._run()
        d = self.draft
        if one_output(self.network):
            d.findings, note = naming_forward.without_reduction(d.findings)
            d.notes[:0] = note
        d.confirmed = bool(d.findings or d.ties) and not d.unexplained and d.cases == d.of
        d.exchanges, d.seconds = self.asker.exchanges, time.monotonic() - started
        return d

    def _run(self) -> None:
        if not self.find_widths():
            return
        memory = calls.Calls(self.asker, self.fresh, lambda samples: self.draw(self.own, samples))
        self.draft.findings += memory.findings(6)
        if memory.stop or (self.rate and self._optimizer_alone()):
            return
        if self.rate and self.optimizer and self.optimizer.kind != "sgd":  # its steps show no gradients
            self.draft.unexplained.append("the update, or the gradients that it is made of")
            return
        self.samples = 1 if memory.alone else self.samples
        groups = self.groups() or self.without_losses()
        if not groups:
            self.nothing_compared()
            return
        before = deepcopy(self.draft)
        gradients = self._on_more(groups)
        if self.optimizer and self._of_first_steps(gradients):
            self.draft, self.asker.share = before, first_share(self.optimizer)
            groups = self.groups()
            gradients = self._on_more(groups)
        if self.rate and self.samples > 1 and len(gradients.open) == len(groups[0][0].asked.gradients):
            gradients = self._sample_by_sample(gradients)
        if self.optimizer is not None:
            self._updates(gradients)
        self.draft.findings += calls.overwritten(self.asker, self.draw(self.own, 4))
        if not self.draft.wrong:
            self._circumstances()
        if self.asker.left and not any(f.slug == "loss-never-finite" for f in self.draft.findings):
            self._extremes()

    def _circumstances(self) -> None:
        """Where all that was asked is right: what is wrong under a condition."""
        for when, drawn in circumstances.every(self):
            notes = self.draft.notes.copy()
            first = self.point(drawn()) if self.asker.left else None
            self.draft.notes = notes  # it may well refuse these sizes or types
            if first and circumstances.wrong(first):
                rest = [p for _ in range(circumstances.SEVERAL - 1) if (p := self.point(drawn()))]
                self._apart([[first, *rest]], when)
        if self.asker.left and not self.draft.wrong and (many := circumstances.of_many(self)):
            when, found, points = many
            self.draft.findings += found
            if not found and points:
                self._apart([points], when)

    def _apart(self, groups: Groups, when: str) -> Explanation:
        """What is said of cases that are wrong under a condition, beside what is known."""
        before, self.draft, self.when = self.draft, Explanation(), when
        self._evaluation(groups)
        own, self.draft = self.draft, before
        points = [p for group in groups for p in group]
        if "integer" in when and all(circumstances.cut_to_zero(p) for p in points):
            cut = Finding("error", 0, "the outputs' error", "error-truncated", "trunc(y-t), 0 between -1 and 1", "y-t")
            own.findings = [replace(cut, arrays=f.arrays) if f.slug == "gradient-zero" else f for f in own.findings]
        self.draft.cases, self.draft.of = before.cases + own.cases, before.of + own.of
        self.draft.ratio = max(before.ratio, own.ratio)
        # A bound on p shows wherever p is small, as it may be in one of many samples.
        self.draft.findings += [f if f.slug == "loss-clipped" else replace(f, when=when) for f in own.findings]
        self.draft.ties += [tuple(tuple(replace(f, when=when) for f in option) for option in tie) for tie in own.ties]
        self.draft.unexplained += [f"{what}, {when}" for what in own.unexplained]
        self.draft.right = [what for what in before.right if not own.wrong or what in own.right]
        return own

    def _extremes(self) -> None:
        """What is wrong with large logits alone, on cases that are the same whatever was asked before."""
        self.seed = EXTREME
        one, other = self.draw(self.own, 1), self.draw(self.own, 1)
        found = extremes(self.asker, one, other, self.dtype, others=self.draft.wrong)
        self.draft.findings += found
        if "loss" in self.draft.right and any(f.slug == "log-of-zero" for f in found):
            self.draft.right[self.draft.right.index("loss")] = "loss (where it is finite)"

    def _on_more(self, groups: Groups) -> Gradients:
        """The evaluation, and that of further cases with them, if their rules make all and are as few, or the first are refuted."""
        before, answer = deepcopy(self.draft), self._evaluation(groups)
        for further in (self._more_outputs, lambda: [[p] for p in self.contradicted]):
            kept = self.draft, self.when, self.misshapen.copy(), self.contradicted
            arrays, notes = set(groups[0][0].asked.gradients), self.draft.notes.copy()
            more = further() if self.asker.left and kept[0].rules else []
            self.draft.notes = notes  # it need not take these sizes
            more = [own for of in more if (own := [p for p in of if set(p.asked.gradients) == arrays])]
            if not more:
                continue
            self.draft, groups = deepcopy(before), [*groups, *more]
            gradients = self._evaluation(groups)
            better = self.draft.rules <= kept[0].rules or kept[3]
            if better and not (self.draft.unexplained or self.contradicted) and self.misshapen == kept[2]:
                answer = gradients
            else:
                self.draft, self.when, self.misshapen, self.contradicted = kept
        return answer

    def _more_outputs(self) -> Groups:
        """Cases with three outputs where there is one, if the target takes these."""
        if not one_output(self.network) or self.network.layers[-1].vector or self.rate:
            return []
        samples = (self.samples, self.samples, 1, 1)[: 4 if self.samples > 1 else 2]
        cases = [self.draw([*self.own[:-1], SQUARE], n) for n in samples]
        points = [p for case in cases if (p := self.point(case))]
        return [own for n in (self.samples, 1) if (own := [p for p in points if p.trace.samples == n])][: len(points)]

    def _evaluation(self, groups: Groups) -> Gradients:
        self.contradicted = []
        points = [p for group in groups for p in group]
        precision = causes.precision(points, "single-precision", 1.0)
        rough = None if precision else causes.single_differences(points)
        precision = precision or rough
        if precision and not causes.smooth(self.asker, points[0].asked):
            self.draft.findings.append(precision)
            self.draft.cases, self.draft.of = 0 if rough else len(points), len(points)
            return Gradients()
        losses = LossSearch(groups, self.dtype, lambda: self.asker.left_of(SHARE))
        shown = losses.shown()
        found = losses.find() if shown else []
        rest, when = Loss(), ""  # of the other cases, where the loss is wrong under one condition only
        if shown and not found:
            found, rest, when = self._some_losses(groups, losses)
        # A target that shows no gradients is explained by its losses and layers alone.
        gradients = self._gradients(groups, found) if groups[0][0].asked.gradients else Gradients()
        fits = (one for one in found if gradients.changes in (one.changes, kept(one.changes), with_epsilon(one)))
        loss = next(fits, found[0] if found else None)
        several = any(len(one.groups) > 1 for one in gradients.assignments)
        if (gradients.open or several) and self._cause(groups, gradients, loss):
            return Gradients()
        of_loss = naming_forward.of_loss(self.network, loss) if loss else []
        if loss is None and gradients.changes:
            of_loss = [naming_forward.of_change(self.network, change) for change in gradients.changes]
        if gradients.changes:
            wrong = wrong_arrays(points)
            of_loss = [replace(f, arrays=(*f.arrays, *wrong)) if _in_gradients(f) else f for f in of_loss]
        if when:
            always = naming_forward.of_loss(self.network, rest)
            of_loss = [*(replace(f, when=when) for f in of_loss if f not in always), *always]
        if shown and loss is None:
            self.draft.unexplained.append("the loss")
            if layer := first_wrong_layer(points, self.dtype):
                self.draft.notes.insert(0, f"layer {layer} is the first whose z or a is wrong")
        elif shown and loss is not None and loss.cost == 0:
            self.draft.right.append("loss")
        self._gathered(groups, of_loss, gradients)
        self._confirm(points, [one for one in (loss, rest if when else None) if one], gradients)
        return gradients

    def _some_losses(self, groups: Groups, losses: LossSearch) -> tuple[list[Loss], Loss, str]:
        """What makes the losses of some groups, what those of the others, and what sets them apart."""
        for right in (
            [replace(losses, groups=[g]).right() for g in groups],
            [len(g[0].asked.case.x) > 1 for g in groups],
        ):
            if part := _wrong_ones(groups, right):
                found, rest = (replace(losses, groups=some).find() for some in part)
                if found and rest:
                    return found, rest[0], apart(*part)
        return [], Loss(), ""

    def _gradients(self, groups: Groups, losses: Sequence[Loss]) -> Gradients:
        """Under the forward passes that the losses allow; where some groups are right, of the others."""
        forward: list[Changes] = list(dict.fromkeys(kept(loss.changes) for loss in losses)) or [()]
        if losses and losses[0].cost > 0 and () not in forward:
            forward.append(())
        forward += [shifted for loss in losses if (shifted := with_epsilon(loss)) not in forward]
        if any(layer.activation.axis == "batch" for layer in self.network.layers):  # there fewer rows are other outputs
            forward += [loss.changes for loss in losses if loss.changes not in forward]
        gradients = explain_gradients(groups, self.dtype, forward, lambda: self.asker.left)
        right = [all(p.all_right for p in group) for group in groups]
        if gradients.open and (part := _wrong_ones(groups, right)):
            wrong = sorted(part[0], key=len, reverse=True)
            some = explain_gradients(wrong, self.dtype, forward, lambda: self.asker.left)
            if not some.open:
                gradients, self.when = some, apart(*part)
        return gradients

    def _sample_by_sample(self, before: Gradients) -> Gradients:
        """The gradients of one sample each, where a call with several is no single step."""
        draft, self.draft, self.samples = self.draft, Explanation(notes=self.draft.notes), 1
        groups = self.groups()
        gradients = self._evaluation(groups) if groups else before
        if not groups or gradients.open:
            self.draft = draft
            return before
        self.draft.findings = [*draft.findings, *self.draft.findings]
        self.draft.notes.append("compared on one sample at a time: a call with several is more than one step")
        self.of_batches(gradients)
        return gradients

    def _cause(self, groups: Groups, gradients: Gradients, loss: Loss | None) -> bool:
        """What makes all gradients wrong and is no rule of backpropagation: an engine's order, a precision, differences."""
        found: list[Finding | None] = []
        points = [p for group in groups for p in group]
        graph = None if gradients.changes else engine_graphs.passed_wrongly(points)
        if graph or not gradients.open:
            found = [graph]
        elif engine := None if gradients.changes else causes.lost(points, gradients.ways):
            found = [engine[0]]
            self.draft.blind += [f"{a} follows from these, in an order that is not simulated" for a in engine[1]]
        elif shuffled := chance.paired(points):
            found = [*shuffled]
        elif len(gradients.open) == len(groups[0][0].asked.gradients):
            half = causes.precision(points, "half-precision", 2.0**9, 2.0**-13)
            found = [half or causes.differences([group[0] for group in groups]) or causes.weighted(points)]
        causes_ = [one for one in found if one]
        if causes_:
            self.draft.findings += [*(naming_forward.of_loss(self.network, loss) if loss else []), *causes_]
            self.draft.right += ["loss"] if loss and loss.cost == 0 else []
            arrays = [a for a in every_array(list(points[0].asked.gradients)) if all(p.right(a[1:]) for p in points)]
            self.draft.right += arrays
        return bool(causes_)

    def _gathered(self, groups: Groups, of_loss: list[Finding], gradients: Gradients) -> None:
        """Findings, ties and what is right, of the loss and the gradients together."""
        d, first, answered = self.draft, len(self.asker.kept[0].case.x), groups[0][0].asked
        if gradients.clip:
            d.findings += [*of_loss, naming.of_clip(gradients.clip)]
            return
        options, doubt = [], f"it leaves {', '.join(every_array(gradients.open))} unexplained" if gradients.open else ""
        for assignment in gradients.assignments:
            own = naming.of_assignment(groups[0][0].trace, assignment, first)
            own = naming.without_shares(own, gradients.changes)
            own = [replace(f, when=self.when, doubt=doubt) for f in own]
            options.append(naming.merged(of_loss, own))
        options = options or [of_loss]
        if len(options) == 1 and self.network.loss.kind == "squared_error":
            options = naming.of_square(options[0])
        common = [f for f in options[0] if all(f in option for option in options)]
        d.findings += common
        rest = tuple(tuple(f for f in option if f not in common) for option in options)
        if len(options) > 1 and any(rest):
            d.ties.append(rest)
        d.findings += naming.of_shapes(answered.shapes, {f.slug for f in d.findings})
        self._misshapen()
        wrong = {a for option in (*options, d.findings) for f in option for a in f.arrays}
        arrays = [a for a in every_array(list(answered.gradients)) if a not in wrong and a[1:] not in gradients.open]
        blind = [a for a in arrays if (ways := gradients.ways.get(a[1:])) and ways[0].blind]
        d.blind += [f"{a} is 0 whatever the rules behind it" for a in blind]
        d.right += [a for a in arrays if a not in blind]
        d.unexplained += every_array(gradients.open)

    def _misshapen(self) -> None:
        """Biases with a number for each sample, which are summed over units; and what is not explained."""
        for name, (asked, g) in self.misshapen.items():
            sums = delta(asked.case.right, int(name[1:])).sum(axis=1)
            limit = Limits(asked.case, self.dtype).of(name, sums)
            if any(f.slug == "bias-over-units" and f"d{name}" in f.arrays for f in self.draft.findings):
                continue
            if name[0] == "b" and g.size == sums.size and np.linalg.norm(g.ravel() - sums) <= 4 * limit:
                place = f"layer {name[1:]}, where d{name} is summed"
                finding = of_slug("bias-over-units", arrays=(f"d{name}",), place=place, layer=int(name[1:]))
                self.draft.findings.append(finding)
            else:
                shapes = f"of shape {g.shape} for {np.shape(asked.case.params[name])}"
                self.draft.unexplained.append(f"d{name}, {shapes}")

    def _confirm(self, points: list[Point], losses: Sequence[Loss], gradients: Gradients) -> None:
        """The mutant against every finite number of every case, those of the caller included."""
        d, points = self.draft, list(points)
        for case, answer in self.kept:
            asked = self.asker.read(case, answer)
            if any(not np.all(z) for z in case.right.z[1:]):
                continue  # where a derivative jumps, either side is right
            if asked.finite and not asked.misshapen:
                points.append(point_of(asked, self.dtype))
            else:
                d.aside.append(f"NaN, infinite or of another shape on {case.label or 'a case'}")
        each = [self._ratios(p, losses, gradients) for p in points]
        ratios = [max(of.values(), default=0.0) for of in each]
        good = [ratio for ratio in ratios if ratio <= 1]
        made = zip(points, ratios, each, strict=True)
        off = [(p, of) for p, ratio, of in made if not ratio <= 1 and p.asked.case.label]
        tall = [p for p, _ in off if _logits(p) > TALL_LOGITS]
        other = [(p, of) for p, of in off if p not in tall]
        if not d.wrong and (found := calls.guessed([p for p, _ in other])):
            d.findings += found
            other = []
        self.contradicted = [p for p, _ in other]
        these = "these rules make" if d.findings or d.ties else "the described network"
        nameless = d.unexplained and not (d.findings or d.ties)
        for some, where in (
            (tall, f" with logits as large as {max(map(_logits, tall), default=0):.3g}"),
            ([] if nameless else self.contradicted, ""),
        ):
            if some:
                cases = ", ".join(p.asked.case.label.split("/")[-1] for p in some)
                d.notes.append(f"it gives other numbers than {these}{where} on {cases}")
        for p, of in other:
            d.findings = [_doubted(f, p, of) for f in d.findings]
            d.ties = [tuple(tuple(_doubted(f, p, of) for f in option) for option in tie) for tie in d.ties]
        d.cases, d.of, d.ratio = len(good), len(points) - len(tall), max(good, default=0.0)

    def _ratios(self, p: Point, losses: Sequence[Loss], gradients: Gradients) -> dict[str, float]:
        """The difference between the mutant and an answer, of each array and in units of the limit; infinite without a mutant."""
        ratios = {}
        try:
            [[own]] = traced([[p]], gradients.changes)
            if losses and p.asked.loss is not None:
                traces = ((one, p.under(one.changes)) for one in losses)
                made = [one.on(tr, p.sizes() | {"n": float(len(tr.t))}) for one, tr in traces]
                ratios["loss"] = min(abs(value - p.asked.loss) / p.limits.of_loss(value) for value in made)
            ways = gradients.assignments[0].ways if gradients.assignments else {}
            shown = {array: way for array, way in ways.items() if array in p.asked.gradients}
            of_arrays = {f"d{array}": own.ratio(array, way.predicted(own)) for array, way in shown.items()}
            if self.when and max(of_arrays.values(), default=0.0) > 1:  # there the rules are the right ones
                of_arrays = {f"d{array}": p.ratio(array, p.limits.gradients[array]) for array in shown}
            return ratios | of_arrays
        except ValueError:
            return {"every array": np.inf}


def _logits(p: Point) -> float:
    """The size of the largest logit."""
    return float(np.abs(p.trace.z[-1]).max())


def _in_gradients(finding: Finding) -> bool:
    """Whether a rule of the forward pass or the loss makes other gradients too: a printed loss does not."""
    return finding.slot in ("data", "forward") or (finding.slot == "loss" and finding.variant in fr.OWN_SLOPE)


def _doubted(finding: Finding, p: Point, of: Mapping[str, float]) -> Finding:
    """A finding, with a doubt if every array that it explains has other numbers on a case."""
    contradicted = finding.arrays and all(of.get(a, np.inf) > 1 for a in finding.arrays)
    where = f"it gives other numbers on {p.asked.case.label.split('/')[-1]}"
    return replace(finding, doubt=finding.doubt or where) if contradicted else finding


def _wrong_ones(groups: Groups, right: Sequence[bool]) -> tuple[Groups, Groups] | None:
    """The groups that are wrong and those that are right, where there are both."""
    wrong = [group for group, good in zip(groups, right, strict=True) if not good]
    return (wrong, [group for group in groups if group not in wrong]) if wrong and any(right) else None


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
