"""Known failures: checks that a target is expected to fail, by which cause, in which way, and how far that cause goes.

Strict in four ways: what is expected to fail and passes, fails otherwise, matches nothing that was judged, or is written
so broadly that it would hide other failures, is itself a failure or an error.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from importlib.resources import files
from math import inf, isnan, nan
from pathlib import Path

import msgspec

from nn_conformance.cases.format import DTYPES
from nn_conformance.judge.target import FAILURES
from nn_conformance.judge.verdict import CheckId, Verdict
from nn_reference.errors import DataError
from nn_reference.validation import suggestion


class Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One known failure.

    Attributes:
        checks: which checks fail by it: an id, with ``*`` for any part of case, quantity or precision.
        reason: the cause.
        at_most: of a mismatch, the largest ratio of error to limit that the cause explains.
        failure: the class of failure, one of `FAILURES`.
        target: whose it is; empty in a file that is about one target.
    """

    checks: str
    reason: str
    at_most: float | None = None
    failure: str = "mismatch"
    target: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError for what no entry may be."""
        parts = self.checks.split("::")
        if len(parts) < 3 or set(parts[1]) & set("*?["):
            raise ValueError(f"checks: expected case::rung::quantity::dtype with a whole rung, got {self.checks!r}")
        if self.failure not in FAILURES:
            raise ValueError(f"failure: there is no {self.failure!r}{suggestion(self.failure, FAILURES)}")
        if not self.reason.strip():
            raise ValueError(f"reason: expected a cause, got none for {self.checks!r}")
        if self.failure == "mismatch" and not 1 < (self.at_most or 0) < inf:
            raise ValueError(f"at_most must be a finite number above 1, got {self.at_most} for {self.checks!r}")
        if self.failure != "mismatch" and self.at_most is not None:
            raise ValueError(f"at_most is for mismatches, got {self.at_most} for {self.failure} of {self.checks!r}")

    def matches(self, id_: str) -> bool:
        """Whether the check is one of those."""
        return fnmatchcase(id_, self.checks)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    known: list[Known] = []


def shipped(target: str) -> list[Known]:
    """The deviations of an oracle of ours that were found, measured and traced to their cause."""
    text = files("nn_conformance.oracles").joinpath("known.toml").read_text("utf-8")
    return [entry for entry in parse(text, "oracles/known.toml") if entry.target == target]


def of_file(path: Path) -> list[Known]:
    """A user's own.

    Raises:
        DataError: it cannot be read, or is not of this form.
    """
    try:
        return parse(path.read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: expected a TOML file, got {getattr(error, 'strerror', None) or error}") from None


def check_breadth(known: Sequence[Known], cases: Collection[str]) -> None:
    """Nothing, if no entry covers a whole rung of these cases, those that the target is judged on.

    Raises:
        DataError: an entry would hide every failure to come.
    """
    for entry in known:
        _, rung, quantity, *_ = entry.checks.split("::")
        # A quantity that there is not stands for all that there are. What is no mismatch blocks all that comes after,
        # so that one quantity of every case would be enough to hide everything.
        some = "\0" if entry.failure == "mismatch" else quantity
        if cases and any(all(entry.matches(f"{case}::{rung}::{some}::{dtype}") for case in cases) for dtype in DTYPES):
            raise DataError(f"known: {entry.checks!r} is too broad: expected some cases or quantities, got all")


def parse(text: str, where: str) -> list[Known]:
    """The entries of a TOML file.

    Raises:
        DataError: no TOML, or not of this form.
    """
    try:
        return msgspec.toml.decode(text, type=_File).known
    except ValueError as error:  # msgspec's are ValueErrors
        raise DataError(f"{where}: expected [[known]] tables of checks, reason and at_most, got: {error}") from None


def expect(verdict: Verdict, known: Sequence[Known]) -> Verdict:
    """The verdict, given what is known: an expected failure, or a failure where one was expected and none came."""
    mine = [entry for entry in known if entry.matches(verdict.id)]
    if not mine or verdict.status not in ("passed", "failed"):
        return verdict
    problem = _otherwise(verdict, mine)
    if problem is not None:
        failure = "known-passed" if verdict.status == "passed" else "known-otherwise"
        return replace(verdict, status="failed", reason=problem, failure=failure)
    # An agreement where a disagreement must be, or a mismatch without a size: no cause could explain that.
    if verdict.at_least or (isnan(verdict.error) and verdict.failure == "mismatch"):
        return verdict
    return replace(
        verdict, status="expected failure", reason=f"{mine[0].reason}; {verdict.reason}", summary=mine[0].reason
    )


def _otherwise(verdict: Verdict, mine: Sequence[Known]) -> str | None:
    """How a verdict differs from what was expected of it, or None."""
    entry = mine[0]
    if len(mine) > 1:
        return f"expected by {len(mine)} entries, where one must do"
    if verdict.at_least:
        return None
    if verdict.status == "passed":
        return f"expected to fail, and passed: {entry.reason}"
    if verdict.failure != entry.failure:
        return f"expected to fail by {entry.failure}, and failed by {verdict.failure}: {verdict.reason}"
    if entry.at_most is None or isnan(verdict.error) or verdict.ratio <= entry.at_most:
        return None
    beyond = f"error is {verdict.ratio:.3g} times the limit, and what is known explains {entry.at_most:g}"
    return f"{beyond}: {entry.reason}; {verdict.reason}"


def unused(known: Sequence[Known], verdicts: Sequence[Verdict], cases: Collection[str]) -> Iterator[Verdict]:
    """A failure for each entry about cases of the run, or about none that there is, that none of its verdicts needed.

    Of `cases` the run judged none: an entry about nothing but these says nothing of it.
    """
    ran = [verdict for verdict in verdicts if verdict.status != "unsupported"]
    for k, entry in enumerate(known, 1):
        pattern = entry.checks.split("::")[0]
        elsewhere = any(fnmatchcase(case, pattern) for case in cases)
        here = any(fnmatchcase(verdict.check.case, pattern) for verdict in verdicts)
        if (here or not elsewhere) and not any(entry.matches(verdict.id) for verdict in ran):
            reason = f"known failure {entry.checks!r} matches nothing that was judged: {entry.reason}"
            yield Verdict(CheckId("known", "entry", str(k)), "failed", nan, nan, reason, failure="known-unused")
