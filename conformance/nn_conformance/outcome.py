"""What came of a run."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from math import isnan, nan
from typing import Any, Literal, NamedTuple

from nn_conformance.adapt.conventions import OURS
from nn_conformance.explain import Explanation
from nn_conformance.explain.hint import Suggestion
from nn_conformance.judge.ladder import RUNGS
from nn_conformance.judge.verdict import CheckId, Status, Verdict, counts, one_line
from nn_conformance.subjects import PRINTED_FIGURES, Subject
from nn_reference import __version__
from nn_reference.arithmetic import Array
from nn_reference.systems import SYSTEMS

FORMAT = 1  # of the JSON of a report; report.schema.json describes it
FEW = 6  # systems that are listed by name
SHOWN = 20  # failures in full
ORDER = {rung.name: k for k, rung in enumerate(RUNGS)}


@dataclass(frozen=True)
class Outcome:
    """What one target's verdicts are on one system; of `printed`, the reference against the document's own figures."""

    system: str
    target: str
    verdicts: Sequence[Verdict]


class Evidence(NamedTuple):
    """The arrays of a failed check, of the same shape: what was answered, and what is right."""

    answered: Array
    right: Array


class Failure(NamedTuple):
    """Checks of one target that fail alike: in the same quantity, by the same class of failure.

    Attributes:
        target: which.
        system: of the first check; empty where it is of no system.
        verdicts: in the order of the run; the first stands for all.
    """

    target: str
    system: str
    verdicts: Sequence[Verdict]


class Group(NamedTuple):
    """How many verdicts of a target have a status for the same reason."""

    status: Status
    target: str
    reason: str
    number: int


def largest_ratio(verdicts: Iterable[Verdict]) -> float:
    """The largest error over its limit among what passed; NaN where nothing was measured."""
    ratios = [v.ratio for v in verdicts if v.status == "passed" and not v.at_least and not isnan(v.ratio)]
    return max(ratios, default=nan)


def numbers(verdict: Verdict) -> str:
    """Error and limit; empty where nothing was measured."""
    return "" if isnan(verdict.error) else f"error {verdict.error:.3g}, limit {verdict.limit:.3g}"


@dataclass(frozen=True)
class Caveat:
    """Something that could make a pass mean less than it seems to."""

    kind: Literal["not claimed", "conventions", "oracles", "expected to fail", "not tested"]
    text: str


@dataclass(frozen=True)
class Report:
    """What came of a run. It is true if something passed, nothing failed and nothing claimed is missing.

    Attributes:
        subject: who was judged; None where that were our oracles alone.
        outcomes: by system, of the target and of the oracles beside it.
        others: verdicts of the harness, of the claim, and of the known failures that were expected.
        suggestion: the declarations with which it would be right, or would answer, where there are such.
        explanations: by system, which rules the target has used instead of the right ones.
        silent: systems that were asked for or claimed by name, and of which nothing could be judged.
        left_out: how many systems have documented cases that were not judged for their size.
        last_words: the end of what it wrote to stderr, where something went wrong that is no mismatch of numbers.
        evidence: the arrays of some failed checks of the target.
        untested: what the networks that were judged leave unseen, a line each.
    """

    subject: Subject | None
    outcomes: Sequence[Outcome] = ()
    others: Sequence[Verdict] = ()
    suggestion: Suggestion | None = None
    explanations: Mapping[str, Explanation] = field(default_factory=dict)
    silent: Sequence[str] = ()
    left_out: int = 0
    last_words: Sequence[str] = ()
    evidence: Mapping[CheckId, Evidence] = field(default_factory=dict)
    untested: Sequence[str] = ()

    @property
    def name(self) -> str:
        """Of who was judged."""
        return "oracles" if self.subject is None else self.subject.name

    @property
    def conventions(self) -> str:
        """What it declares otherwise than the fixtures."""
        return OURS.describe() if self.subject is None else self.subject.conventions

    @cached_property
    def unique(self) -> dict[tuple[str, CheckId], Verdict]:
        """Each verdict once, by target and check: systems share cases."""
        judged = {(self.name, verdict.check): verdict for verdict in self.others}
        return judged | {(of.target, verdict.check): verdict for of in self.outcomes for verdict in of.verdicts}

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """One for each check."""
        return list(self.unique.values())

    @property
    def failed(self) -> list[Verdict]:
        """The checks that failed."""
        return [verdict for verdict in self.verdicts if verdict.failed]

    @cached_property
    def failures(self) -> list[Failure]:
        """What failed, the rung nearest to the input first; what fails likewise in several cases once."""
        system_of = {(of.target, verdict.check): of.system for of in self.outcomes for verdict in of.verdicts}
        groups: dict[tuple[str, ...], list[Verdict]] = {}
        for (target, check), verdict in self.unique.items():
            if verdict.failed:
                groups.setdefault((target, check.rung, check.quantity, verdict.failure), []).append(verdict)
        ordered = sorted(groups.items(), key=lambda item: ORDER.get(item[0][1], len(ORDER)))
        return [Failure(key[0], system_of.get((key[0], of[0].check), ""), of) for key, of in ordered]

    def groups(self, *statuses: Status) -> list[Group]:
        """Verdicts of these statuses by target and reason."""
        numbers = Counter(
            (status, target, verdict.in_short)
            for status in statuses
            for (target, _), verdict in self.unique.items()
            if verdict.status == status
        )
        return [Group(*key, number) for key, number in numbers.items()]

    @property
    def targets(self) -> list[str]:
        """Who was judged, in the order of the run; what documents print comes first."""
        names = dict.fromkeys(outcome.target for outcome in self.outcomes)
        return sorted(names, key=lambda name: name != PRINTED_FIGURES)

    @property
    def caveats(self) -> list[Caveat]:
        """What could make a pass mean less than it seems to."""
        return [*self._of_the_claim(), *self._of_the_checks()]

    def _of_the_claim(self) -> list[Caveat]:
        oracles = ", ".join(name for name in self.targets if name not in (self.name, PRINTED_FIGURES))
        if self.subject is None:
            return [Caveat("oracles", f"judged alone: {oracles or 'none'}")]
        beside = f"judged beside it: {oracles}" if oracles else "none was judged beside it"
        left, does = self.subject.not_claimed, self.subject.does
        parts = [*left["dtypes"], *(verb for verb in ("evaluate", "train") if verb not in does)]
        if systems := left["systems"]:
            claimed = [system.id for system in SYSTEMS if system.id not in systems]
            few = f": all but {', '.join(claimed)}" if 0 < len(claimed) <= FEW else ""
            few = f": {', '.join(systems)}" if len(systems) <= FEW else few
            parts.insert(0, f"{len(systems)} of {len(SYSTEMS)} systems{few}")
        if not does:
            return [Caveat("not tested", "anything: it did not start")]
        caveats = [Caveat("not claimed", "; ".join(parts) or "nothing: all systems and both precisions are claimed")]
        if self.conventions != OURS.describe():
            caveats.append(Caveat("conventions", f"its numbers are converted as it declares: {self.conventions}"))
        return [*caveats, Caveat("oracles", f"{beside}; the expected values are certified")]

    def _of_the_checks(self) -> list[Caveat]:
        groups = self.groups("expected failure", "unsupported")
        caveats = [
            Caveat("expected to fail" if of.status == "expected failure" else "not tested",
                   f"{of.target}: {of.number} checks: {of.reason}")
            for of in groups
        ]  # fmt: skip
        caveats += [Caveat("not tested", line) for line in self.untested]
        if blocked := counts(self.verdicts)["blocked"]:
            caveats.append(Caveat("not tested", f"{blocked} checks, blocked by a failure of what they need"))
        if self.silent:
            caveats.append(Caveat("not tested", f"nothing could be judged of {', '.join(self.silent)}"))
        if self.left_out:
            large = f"the documented cases of {self.left_out} systems, for their size"
            caveats.append(Caveat("not tested", f"{large}; nn-conformance verify --all judges them"))
        return caveats

    @property
    def ok(self) -> bool:
        """Whether something passed, nothing failed, and no system is silent."""
        passed = any(verdict.status in ("passed", "expected failure") for verdict in self.verdicts)
        return not self.failed and not self.silent and passed

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        return str(self)  # what a prompt shows is for people

    def __str__(self) -> str:
        numbers = ", ".join(f"{count} {status}" for status, count in counts(self.verdicts).items() if count)
        lines = [f"{self.name}: {numbers}", f"conventions: {self.conventions}"]
        lines += [line for explanation in self.explanations.values() for line in explanation.lines()]
        lines += [f"hint: {self.suggestion}"] if self.suggestion else []
        for failure in self.failures[:SHOWN]:
            first, others = failure.verdicts[0], len(failure.verdicts) - 1
            lines.append(f"{first.id}: {first.reason}{f'; likewise in {others} others' * (others > 0)}")
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """For `json.dumps`."""
        verdicts = [{"target": target, **verdict.as_json()} for (target, _), verdict in self.unique.items()]
        return {
            "report": FORMAT,
            "version": __version__,
            "ok": self.ok,
            **self._about(),
            "judged": self.targets,
            "caveats": [asdict(caveat) for caveat in self.caveats],
            "counts": counts(self.verdicts),
            "verdicts": verdicts,
        }

    def _repr_html_(self) -> str:
        """For a notebook."""
        from nn_conformance.report.page import fragment  # noqa: PLC0415 - templates, for notebooks alone

        return fragment(self)

    def _about(self) -> dict[str, Any]:
        if self.subject is None:
            return {}
        claim = self.subject.claim
        about = {
            "name": self.name,
            "version": one_line(self.subject.version),
            "networks": [one_line(name) for name in claim.systems] or "any",
            "dtypes": list(claim.dtypes),
            "does": list(self.subject.does),
            "conventions": self.conventions,
            "suggestion": None if self.suggestion is None else str(self.suggestion),
            "explanations": {system: explanation.as_json() for system, explanation in self.explanations.items()},
            "not_claimed": self.subject.not_claimed,
            "not_tested": list(self.untested),
        }
        return {"target": about}
