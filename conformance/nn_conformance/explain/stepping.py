"""Experiments on updates: several steps against the target's own gradients, the mutant's, or the right ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from nn_conformance.cases import format as fmt
from nn_conformance.explain import findings as of
from nn_conformance.explain import updates
from nn_conformance.explain.asking import Asked, Asker, Limits
from nn_conformance.explain.fitting import Point
from nn_conformance.explain.gradients import Gradients, explain_gradients
from nn_conformance.explain.record import Finding
from nn_conformance.explain.trace import Case, trace
from nn_reference.arithmetic import Array


@dataclass
class Draft:
    """What is known so far; the fields of an Explanation, in lists."""

    findings: list[Finding] = field(default_factory=list)
    ties: list[tuple[tuple[Finding, ...], ...]] = field(default_factory=list)
    right: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    blind: list[str] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    confirmed: bool = False
    cases: int = 0
    of: int = 0
    ratio: float = 0.0


class Stepping:
    """The part of an explanation that is about updates."""

    optimizer: fmt.Optimizer | None
    dtype: fmt.Dtype
    asker: Asker
    draft: Draft
    samples: int
    rate: float

    def _draw(
        self, sizes: Sequence[int], samples: int, *, rate: float | None = None, group: str = "", scale: float = 1.0
    ) -> Case:
        raise NotImplementedError

    def _point(self, case: Case) -> Point | None:
        raise NotImplementedError

    def _optimizer_alone(self, own: Sequence[int]) -> bool:
        """Whether right gradients and a wrong rule explain a target that only updates, and not by plain steps."""
        described = self.optimizer
        if described is None or (described.kind == "sgd" and not described.momentum):
            return False

        def right(case: Case) -> dict[str, Array]:
            return Limits(case, self.dtype).gradients

        seen = updates.steps_of(self.asker, self._draw(own, self.samples, rate=0.0), described, right)
        found, explained = updates.explain_steps(seen) if seen else ([], False)
        if explained:
            self.draft.findings += found
            self.draft.right += [f"d{name}" for name in sorted(self.asker.kept[-1].gradients)]
            self.draft.right += [] if found else ["update"]
        return explained

    def _updates(self, own: Sequence[int], gradients: Gradients) -> None:
        """Several steps against the target's own gradients, or against the mutant's where it shows none."""
        described = self.optimizer
        remembers = any(f.slot == "memory" or f.slug == "first-batch-size" for f in self.draft.findings)
        if described is None or not self.asker.left or self.samples == 1 or remembers:
            return
        known = self._of_mutant(gradients) if self.rate else lambda case: self.asker.ask(case).gradients or None
        case = self._draw(own, self.samples, rate=0.0)
        options = (
            [updates.experiment(described)]
            if described.kind == "adam" or not self.rate
            else [fmt.Optimizer(kind="sgd", learning_rate=0.25)]
        )
        seen = next((one for o in (*options, described) if (one := updates.steps_of(self.asker, case, o, known))), None)
        if seen is None:
            return
        found, explained = updates.explain_steps(seen)
        if not explained and not self.rate and described.kind == "sgd" and not described.momentum:
            found, explained = self._of_steps(own), True
        self.draft.findings += found
        if not explained:
            self.draft.unexplained.append("the update")
        elif not found:
            self.draft.right.append("update")

    def _of_steps(self, own: Sequence[int]) -> list[Finding]:
        """What is wrong in the gradients of single steps, and right in those that it shows."""
        groups = [
            [p for _ in range(n) if (p := self._point(self._draw(own, self.samples, rate=rate)))]
            for n, rate in ((3, 1.0), (2, 4.0))
        ]
        if not all(groups):
            return []
        gradients = explain_gradients(groups, self.dtype, [()], lambda: self.asker.left)
        known = {(f.slug, f.place, f.uses) for f in self.draft.findings}
        found = [f for a in gradients.assignments[:1] for f in of.of_assignment(groups[0][0].trace, a, self.samples)]
        if gradients.open:
            self.draft.unexplained.append("the update")
        found = [f for f in found if (f.slug, f.place, f.uses) not in known]
        scales = [
            updates.SCALES.get(f.uses.split(" ")[0]) if f.place == "the scale of every gradient" else None
            for f in found
        ]
        return [replace(f, slug=slug or f.slug) for f, slug in zip(found, scales, strict=True)]

    def _of_mutant(self, gradients: Gradients) -> Callable[[Case], dict[str, Array] | None]:
        def of_case(case: Case) -> dict[str, Array] | None:
            if not gradients.assignments or gradients.open:
                return None
            point = Point(trace(case, gradients.changes), Asked(case), Limits(case, self.dtype))
            try:
                return {a: way.predicted(point) for a, way in gradients.assignments[0].ways.items()}
            except (ValueError, KeyError):
                return None

        return of_case
