"""What a target's steps say of its optimiser: beside its gradients, or where these are all that it does not show."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from math import isclose
from typing import TypeAlias

import numpy as np
from msgspec import structs

from nn_conformance.cases import format as fmt
from nn_conformance.explain import naming, steps
from nn_conformance.explain.asking import Asked, Limits
from nn_conformance.explain.experiments import Experiments
from nn_conformance.explain.gradients import Gradients, explain_gradients
from nn_conformance.explain.points import Point
from nn_conformance.explain.record import Finding, every_array
from nn_conformance.explain.search import predict
from nn_conformance.explain.trace import Case, matrix, trace
from nn_conformance.explain.trace import described as of_case
from nn_conformance.explain.update_rules import experiment, first_share
from nn_reference.arithmetic import Array, Params

# The rows of a step, by those of all batches, its number from 0 and the number of all rows.
Rows: TypeAlias = Callable[[Sequence[Sequence[int]], int, int], Sequence[int]]
EQUAL = "with layers that are equally wide"
MANY = 6  # rows of a walk, more than a batch has


def _right(case: Case, *_: object) -> dict[str, Array]:
    return Limits(case, "float64").gradients


OtherCase: TypeAlias = Callable[
    [Case, steps.Walk, Sequence[Case]], Case | None
]  # whose gradient a step takes in place of its own


def _through(which: int) -> steps.Gradient:
    """Right gradients, but for errors that go back through the weights of an earlier step: 0 is the first, -1 the one before."""

    def gradient(case: Case, _: steps.Walk, earlier: Sequence[Case]) -> dict[str, Array]:
        other = earlier[which] if earlier else case
        through = replace(trace(case), W=trace(replace(case, params=other.params)).W)
        return {name: predict(through, name, {}) for name in case.params}

    return gradient


def _of_step(which: int) -> OtherCase:
    """The step with an earlier one's parameters."""
    return lambda case, _, earlier: replace(case, params=earlier[which].params) if earlier else case


def _of_rows(rows_of: Rows, *, targets: bool = False) -> OtherCase:
    """The step with other rows than the batch's, or with its own x and the t of others; None if these are no rows."""

    def other(case: Case, walk: steps.Walk, earlier: Sequence[Case]) -> Case | None:
        data, total = walk.case, len(walk.case.x)
        rows = [i % total for i in rows_of(walk.batches, len(earlier), total)]
        return replace(case, x=case.x if targets else data.x[rows], t=data.t[rows]) if rows else None

    return other


def _at(base: steps.Gradient, other: OtherCase, case: Case, walk: steps.Walk, earlier: Sequence[Case]) -> Params | None:
    own = other(case, walk, earlier)
    return None if own is None else base(own, walk, earlier)


def _after_each(
    known: steps.Gradient, way: tuple[bool, bool], case: Case, walk: steps.Walk, earlier: Sequence[Case]
) -> Params | None:
    """What a step after each sample moves in all, over the rate; None where a gradient is not known."""
    (summed, divided), rate = way, walk.optimizer.learning_rate
    theta = {n: np.asarray(p, np.float64) for n, p in case.params.items()}
    start, total = theta, {n: np.zeros_like(p) for n, p in theta.items()}
    for i in range(len(case.x)):
        own = {n: p.astype(case.params[n].dtype) for n, p in theta.items()}
        if (g := known(replace(case, params=own, x=case.x[i : i + 1], t=case.t[i : i + 1]), walk, earlier)) is None:
            return None
        total = {n: summed * total[n] + of_case(case.network, n, g[n]) for n in theta}
        theta = {n: p - rate / (len(case.x) if divided else 1) * total[n] for n, p in theta.items()}
    return {n: matrix(case.network, n, (p - theta[n]) / rate) for n, p in start.items()}


# Where the gradients of one step are right, or explained, and those of several are not: whose gradients these are.
ROWS: dict[str, Rows] = {
    "the data's first rows, as many as the batch has": lambda batches, k, _: range(len(batches[k])),
    "the rows of the first batch in each step": lambda batches, k, _: batches[0],
    "the rows of the batch before": lambda batches, k, _: batches[max(0, k - 1)],
    "all rows of the data": lambda _, k, total: range(total),
    "the rows of all batches so far": lambda batches, k, _: [*chain(*batches[: k + 1])],
    "all rows from the batch's smallest to its largest": lambda batches, k, _: range(min(batches[k]), max(batches[k]) + 1),
    "the rows from the batch's first to its last": lambda batches, k, _: range(batches[k][0], batches[k][-1] + 1),
    "the rows from the batch's first up to its last, which is left out": lambda batches, k, _: range(batches[k][0], batches[k][-1]),
    "the rows after those of the batch": lambda batches, k, _: [i + 1 for i in batches[k]],
}  # fmt: skip
OTHERS: dict[tuple[str, str], OtherCase] = {
    ("gradients-of-start", "the gradient at the parameters before the first step, in each step"): _of_step(0),
    ("gradients-of-start", "the gradient at the parameters of the step before"): _of_step(-1),
    ("rows-other", "t of the data's first rows beside x of the batch"): _of_rows(next(iter(ROWS.values())), targets=True),
} | {("rows-other", uses): _of_rows(rows) for uses, rows in ROWS.items()}  # fmt: skip
THROUGH = {
    ("weights-kept", "errors go back through the weights before the first step"): _through(0),
    ("weights-kept", "errors go back through the weights of the step before"): _through(-1),
}
# Gradients of steps, whether they explain plain steps only, and what is said if they do.
Way: TypeAlias = tuple[steps.Gradient, bool, list[Finding]]


def _others(base: steps.Gradient, *, through: bool) -> list[Way]:
    """The gradients of other cases than a step's own, or back through other weights."""
    of_cases: dict[tuple[str, str], steps.Gradient] = {key: partial(_at, base, other) for key, other in OTHERS.items()}
    gradients, right = of_cases | (THROUGH if through else {}), "the parameters, and the rows, of each step"
    return [
        (of, True, [replace(steps.OFF, slug=slug, uses=uses, right=right)]) for (slug, uses), of in gradients.items()
    ]


# A step for each sample of a batch: whether gradients add up, and whether each is divided by N.
WITHIN = {
    (True, True): "after each sample, θ - lr/N·(the gradients of the batch so far)",
    (True, False): "after each sample, θ - lr·(the gradients of the batch so far)",
    (False, True): "after each sample, θ - lr/N·g",
    (False, False): "after each sample, θ - lr·g",
}


class Updates(Experiments):
    """Experiments with the moves of several steps. Args as those of `explain`."""

    def _optimizer_alone(self) -> bool:
        """Whether right gradients and a wrong rule explain a target that only updates, and not by plain steps."""
        described = self.optimizer
        if described is None or (described.kind == "sgd" and not described.momentum):
            return False
        own, ways = self.own, [(_right, False, []), *_others(_right, through=True)]
        found, explained = self._stepping([described], ways) or ([], False)
        if explained and not found:  # where parameters have the same shapes
            self.own = self.square
            equal, explained_too = self._stepping([described], ways[:1]) or ([], True)
            found, self.own = [replace(f, when=EQUAL) for f in equal], own
            self.draft.unexplained += [] if explained_too else [f"the update, {EQUAL}"]
        if explained:
            self.draft.findings += found
            self.draft.right += every_array(list(self.asker.kept[-1].gradients))
            self.draft.right += [] if found or self.draft.unexplained else ["update"]
        return explained

    def _updates(self, gradients: Gradients) -> None:
        """Several steps against the target's own gradients, or against the mutant's where it shows none."""
        described = self.optimizer
        remembers = any(f.slot == "memory" or f.slug == "first-batch-size" for f in self.draft.findings)
        if described is None or not self.asker.left or self.samples == 1 or remembers:
            return
        known = self._of_mutant(gradients)
        if not self.rate:
            known = lambda case, *_: self.asker.ask(case).gradients or None  # noqa: E731 - in the place of the other
        plain = self.rate and described.kind != "adam"
        first = fmt.Optimizer(kind="sgd", learning_rate=0.25) if plain else experiment(described)
        options = [first, described] if self.asker.share == 1 else [described]
        others = [] if gradients.open else _others(known, through=not gradients.cost[1])
        seen = self._stepping(options, [(known, False, []), *others])
        if seen is None:
            return
        found, explained = seen
        if not explained and self.draft.findings:  # of parts that only several steps tell apart
            known_slugs = {f.slug for f in self.draft.findings}
            more, explained = self._stepping(options, [(_right, False, [])]) or ([], False)
            found = [f for f in more if f.slug not in known_slugs] if explained else found
        if not explained and not self.rate and described.kind == "sgd" and not described.momentum:
            found, explained = self._of_single_steps()
        self.draft.findings += found
        if not explained:
            self.draft.unexplained.append("the update")
        elif not found:
            self.draft.right.append("update")

    def of_batches(self, gradients: Gradients) -> None:
        """What calls with several samples do that take a step for each of them."""
        if self.network.penalty is not None:
            return
        sgd, known, ways = fmt.Optimizer("sgd", 0.25), self._of_mutant(gradients), list[Way]()
        for way, uses in WITHIN.items():
            within = partial(_after_each, known, way)
            own = [replace(steps.OFF, slug="updates-within-batch", uses=uses)] * any(way)
            every: list[Way] = [(within, True, []), *_others(within, through=False)]
            ways += [(of, True, [*own, *said]) for of, _, said in every]
        found, explained = self._stepping([sgd], ways) or ([], False)
        self.draft.findings += found
        self.draft.unexplained += [] if explained else ["what a call with several samples moves"]

    def _stepping(self, options: Sequence[fmt.Optimizer], ways: Sequence[Way]) -> tuple[list[Finding], bool] | None:
        """What the moves say with the first optimiser that the target takes, by the first gradients that explain them, or by the first of all."""
        walks = next((walks for optimizer in options if (walks := self._walks(optimizer))), [])
        first = None
        for gradient, plain, said in ways:
            if first and not self.asker.left:
                break
            runs = [steps.steps_of(one, gradient, self.dtype) for one in walks]
            if runs and runs[0]:
                found, explained = steps.explain_steps([run for run in runs if run], plain=plain)
                if explained:
                    return [*said, *found], True
                first = first or (found, False)
            elif not first:
                return None
        return first

    def _walks(self, optimizer: fmt.Optimizer) -> list[steps.Walk]:
        """Runs of several steps, with other numbers of samples and another rate in the second; none if the target takes none."""
        key = repr(optimizer), tuple(self.own), self.samples
        if key not in self.walks:
            samples = self.samples if self.samples > 1 else MANY  # calls with one are steps of one, of several rows
            case, other = self.draw(self.own, samples, rate=0.0), self.draw(self.own, 5, rate=0.0)
            first = steps.walk(self.asker, case, optimizer)
            slower = structs.replace(optimizer, learning_rate=optimizer.learning_rate * steps.OTHER_RATE)
            second = steps.walk(self.asker, other, slower, steps.OTHER_SIZES) if first else None
            self.walks[key] = [one for one in (first, second) if one]
        return self.walks[key]

    def _of_first_steps(self, gradients: Gradients) -> bool:
        """Whether gradients are all multiplied by what the described rule has in a first step: the target keeps to that rule."""
        share = first_share(self.optimizer) if self.optimizer and self.rate else 1.0
        groups = (group for one in gradients.assignments[:1] for group in one.groups)
        factors = (group.factor for group in groups if (group.kind, group.scope) == ("factor", "all"))
        return share != 1 and any(isclose(f.value, share, rel_tol=1e-9) and not f.powers for f in factors)

    def _of_single_steps(self) -> tuple[list[Finding], bool]:
        """What is wrong in the gradients of single steps, and right in those that it shows; whether they are explained."""
        plan = [(1.0, 3), (4.0, 2)]
        cases = [[self.draw(self.own, self.samples, rate=rate) for _ in range(n)] for rate, n in plan]
        groups = [[p for case in group if (p := self.point(case))] for group in cases]
        if not all(groups):
            return [], False
        gradients = explain_gradients(groups, self.dtype, [()], lambda: self.asker.left)
        if gradients.open:
            return [], False
        known = {(f.slug, f.place, f.uses) for f in self.draft.findings}
        own = [f for a in gradients.assignments[:1] for f in naming.of_assignment(groups[0][0].trace, a, self.samples)]
        found = [f for f in own if (f.slug, f.place, f.uses) not in known]
        scales = (f.place == "the scale of every gradient" and steps.SCALES.get(f.variant) for f in found)
        return [replace(f, slug=slug or f.slug) for f, slug in zip(found, scales, strict=True)], bool(own)

    def _of_mutant(self, gradients: Gradients) -> steps.Gradient:
        def of_case(case: Case, *_: object) -> dict[str, Array] | None:
            if not gradients.assignments or gradients.open:
                return None
            point = Point(trace(case, gradients.changes), Asked(case), Limits(case, self.dtype))
            try:
                return {a: way.predicted(point) for a, way in gradients.assignments[0].ways.items()}
            except (ValueError, KeyError):
                return None

        return of_case
