"""What came of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from nn_conformance.adapt.conventions import OURS
from nn_conformance.explain import Explanation
from nn_conformance.explain.hint import Suggestion
from nn_conformance.judge.verdict import CheckId, Verdict, counts, one_line
from nn_conformance.subjects import Subject


@dataclass(frozen=True)
class Outcome:
    """What one target's verdicts are on one system; of `printed`, the reference against the document's own figures."""

    system: str
    target: str
    verdicts: Sequence[Verdict]


@dataclass(frozen=True)
class Report:
    """What came of a run. It is true if something passed, nothing failed and nothing claimed is missing.

    Attributes:
        subject: who was judged; None where that were our oracles alone.
        outcomes: by system, of the target and of the oracles beside it.
        others: verdicts of the harness, of the claim, and of the known failures that were expected.
        suggestion: the one declaration with which it would be right, where there is one.
        explanations: by system, which rules the target has used instead of the right ones.
        silent: systems that were asked for or claimed by name, and of which nothing could be judged.
        left_out: how many systems have documented cases that were not judged for their size.
        last_words: the end of what it wrote to stderr, where something went wrong that is no mismatch of numbers.
    """

    subject: Subject | None
    outcomes: Sequence[Outcome] = ()
    others: Sequence[Verdict] = ()
    suggestion: Suggestion | None = None
    explanations: Mapping[str, Explanation] = field(default_factory=dict)
    silent: Sequence[str] = ()
    left_out: int = 0
    last_words: Sequence[str] = ()

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

    @property
    def ok(self) -> bool:
        """Whether something passed, nothing failed, and no system is silent."""
        passed = any(verdict.status in ("passed", "expected failure") for verdict in self.verdicts)
        return not self.failed and not self.silent and passed

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        numbers = ", ".join(f"{count} {status}" for status, count in counts(self.verdicts).items() if count)
        lines = [f"{self.name}: {numbers}", f"conventions: {self.conventions}"]
        lines += [f"{verdict.id}: {verdict.reason}" for verdict in self.failed]
        lines += [str(self.suggestion)] if self.suggestion else []
        lines += [line for explanation in self.explanations.values() for line in explanation.lines()]
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """For `json.dumps`."""
        verdicts = [{"target": target, **verdict.as_json()} for (target, _), verdict in self.unique.items()]
        return {**self._about(), "counts": counts(self.verdicts), "verdicts": verdicts}

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
        }
        return {"target": about}
