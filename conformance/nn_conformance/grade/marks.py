"""Points and comments from a report."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from nn_conformance.cases.store import Store
from nn_conformance.explain.hint import ANSWERS
from nn_conformance.explain.record import Explanation, Finding
from nn_conformance.explain.texts import texts
from nn_conformance.judge.evaluation import LEFT_OUT
from nn_conformance.judge.verdict import Verdict
from nn_conformance.judge_run import JudgeRun
from nn_conformance.outcome import Report

# Conventions that a report only suggests, and that are the catalogue's mistakes where nobody has declared them.
AS_MISTAKES = {"negative_gradient": "sign", "loss_factor": "half-in-both"}


@dataclass(frozen=True)
class Mark:
    """What came of one submission.

    Attributes:
        name: of the submission.
        points: by rung: those that it gets, and those that there are.
        mistakes: names of what is wrong, each once.
        wrong: the same for this submission: where it is, and what is used instead.
        comments: one for each mistake, the same for all submissions that have it.
        page: an HTML page of the report; empty where none was asked for, or nothing was judged.
        judged: the function, and its conventions.
    """

    name: str
    points: Mapping[str, tuple[float, float]]
    mistakes: Sequence[str] = ()
    wrong: Sequence[str] = ()
    comments: Sequence[str] = ()
    page: str = field(default="", repr=False)
    judged: str = ""

    @property
    def mark(self) -> float:
        """All points, to two decimals."""
        return round(sum(got for got, _ in self.points.values()), 2)

    @property
    def most(self) -> float:
        """The points that there are."""
        return round(sum(of for _, of in self.points.values()), 2)

    @property
    def right(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.mistakes and self.mark == self.most

    def as_json(self) -> dict[str, Any]:
        """For `json.dumps`."""
        rungs = {rung: {"points": round(got, 2), "of": of} for rung, (got, of) in self.points.items()}
        about = {"name": self.name, "mark": self.mark, "of": self.most, "right": self.right, "judged": self.judged}
        return {
            **about,
            "rungs": rungs,
            "mistakes": list(self.mistakes),
            "wrong": list(self.wrong),
            "comments": list(self.comments),
        }


@cache
def comments() -> dict[str, str]:
    """What is said of each mistake to everyone who makes it."""
    ours = tomllib.loads(files("nn_conformance.grade").joinpath("comments.toml").read_text("utf-8"))
    return {
        slug: f"{text.what[:1].upper()}{text.what[1:]}: {text.cause}. Mend: {text.mend}."
        for slug, text in texts().items()
    } | ours


def points_of(report: Report, weights: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """Points by rung: each is judged by itself, and gives the share of its quantities that are right in every case.

    What the ladder left out because a rung before it failed is judged here; what the submission does not show is not right.
    """
    verdicts = _unblocked(report, weights)
    # Of an answer of which one array has a wrong shape or name nothing is compared; the explanation compares the rest.
    unread = any(verdict.failed and verdict.rung == "contract" for verdict in verdicts)
    explained = {name for explanation in report.explanations.values() for name in explanation.right if unread}
    points = {}
    for rung, of in weights.items():
        right: dict[str, bool] = {}
        for verdict in verdicts:
            if verdict.rung == rung and (verdict.status != "unsupported" or verdict.reason in LEFT_OUT):
                quantity = verdict.check.quantity
                passed = verdict.status == "passed" or bool({quantity, f"d{quantity}"} & explained)
                right[quantity] = right.get(quantity, True) and passed
        points[rung] = (of * sum(right.values()) / len(right) if right else 0.0, of)
    return points


def shown(report: Report, rung: str) -> bool:
    """Whether the submission shows something that a rung can judge, and leaves it out in no case."""
    of_rung = [verdict for verdict in report.verdicts if verdict.rung == rung]
    return any(v.status != "unsupported" for v in of_rung) and not any(v.reason in LEFT_OUT for v in of_rung)


def _unblocked(report: Report, weights: Mapping[str, float]) -> list[Verdict]:
    blocked = {verdict.rung for verdict in report.verdicts if verdict.status == "blocked"} & weights.keys()
    verdicts = [verdict for verdict in report.verdicts if verdict.rung not in blocked]
    if not blocked or report.subject is None:
        return verdicts
    systems = report.subject.claimed([outcome.system for outcome in report.outcomes])
    run = JudgeRun(report.subject.target, systems, Store(), dtypes=report.subject.claim.dtypes)
    return verdicts + [
        verdict
        for system in systems
        for pair in run.pairs(system)
        for rung in blocked
        for verdict in run.only((rung,), *pair).values()
    ]


def mistakes_of(report: Report) -> dict[str, str]:
    """Names of what is wrong, with what this target does: mistakes that are named, or what failed first."""
    if not report.failed:
        return {}
    wrong: dict[str, str] = {}
    for explanation in report.explanations.values():
        for slug, text in _named(explanation):
            wrong[slug] = f"{wrong[slug]}; {text}" if slug in wrong else text
    if wrong:
        return wrong
    if (hint := report.suggestion) is not None and hint.right != ANSWERS:
        changes = " and ".join(f"{name}={value!r}" for name, value in hint.changes.items())
        return {AS_MISTAKES.get(next(iter(hint.changes)), "undeclared-convention"): f"right with {changes}"}
    first = report.failed[0]
    if first.failure != "mismatch":
        return {first.failure: first.reason}
    quantities = dict.fromkeys(v.check.quantity for v in report.failed if v.rung == first.rung)
    return {"unexplained": f"{first.rung}: {', '.join(quantities)}"}


def _named(explanation: Explanation) -> Iterable[tuple[str, str]]:
    for finding in explanation.findings:
        yield finding.slug, _text(finding)
    for tie in explanation.ties:
        options = [" and ".join(map(_text, option)) for option in tie]
        yield tie[0][0].slug, f"either {', or '.join(options)}"


def _text(finding: Finding) -> str:
    right = f", right is {finding.right}" if finding.right else ""
    return f"{finding.place}: {finding.uses}{right}" + f" (only {finding.when})" * bool(finding.when)
