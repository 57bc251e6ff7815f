"""Two reports of the same target: which checks are better, and which worse."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from nn_conformance.judge.verdict import Status
from nn_conformance.outcome import FORMAT
from nn_reference.fixture_files import decoding, read_bytes

# How good a status is, from the best. A check that fails where it was blocked before has come to be asked, and is no worse.
RANK: Mapping[str, int] = {"passed": 0, "expected failure": 1, "unsupported": 2, "absent": 2, "blocked": 3, "failed": 3}
OPEN = {"unsupported", "absent", "blocked"}  # of two of these none is better
LARGEST = 1 << 28  # bytes of a file
TARGET = "target"  # what is judged has one name in both reports, whatever the file is called


class _About(msgspec.Struct):
    name: str


class _Verdict(msgspec.Struct):
    target: str
    id: str
    status: Status


class _Report(msgspec.Struct):
    report: Literal[1]
    verdicts: list[_Verdict]
    target: _About | None = None


class Change(NamedTuple):
    """A check whose status is another one: in the first report, and in the second."""

    target: str
    id: str
    before: str
    after: str


def compare(first: Path, second: Path) -> tuple[list[Change], list[Change], int]:
    """Of the checks of two reports in JSON which are better, which are worse, and how many are as they were.

    Raises:
        DataError: a file that is missing, or no report.
    """
    before, after = _statuses(first), _statuses(second)
    changes = [
        Change(*key, before.get(key, "absent"), after.get(key, "absent")) for key in dict.fromkeys((*before, *after))
    ]
    told = [change for change in changes if not {change.before, change.after} <= OPEN]
    better = [change for change in told if RANK[change.after] < RANK[change.before]]
    worse = [change for change in told if RANK[change.after] > RANK[change.before]]
    return better, worse, len(changes) - len(better) - len(worse)


def _statuses(path: Path) -> dict[tuple[str, str], str]:
    mend = "name a file that --json has written"
    data = read_bytes(path, path, mend, LARGEST)
    with decoding(path, f"a report of format {FORMAT}", mend):
        report = msgspec.json.decode(data, type=_Report)
    name = None if report.target is None else report.target.name
    return {(TARGET if v.target == name else v.target, v.id): v.status for v in report.verdicts}
