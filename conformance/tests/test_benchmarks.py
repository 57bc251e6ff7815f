"""The benchmarks run, and what they have written fits together. No time is asserted."""

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
RUN = BENCHMARKS / "measure.py"
RIGHT, WRONG = "`verify` of a right function on one network", "`verify` of a wrong one, explained"


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """The command with these arguments."""
    command = [sys.executable, str(RUN), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own


@pytest.mark.torch
@pytest.mark.slow
@pytest.mark.keras
@pytest.mark.parametrize(
    ("arguments", "subjects"),
    [
        (("steps", "--network", "homework"), ["homework"]),
        (("gradients",), ["16-12 tanh-4", "64-32 tanh-10"]),
        (("certify",), ["3-2 tanh-2"]),
        (("answer",), ["`python -c pass`", "`import nn_conformance`", "`--help`", RIGHT, WRONG]),
    ],
)
def test_quick_part_prints_a_row_for_each_subject(arguments: tuple[str, ...], subjects: list[str]) -> None:
    """Each part runs to its end, with a time above zero in the last column of every row."""
    done = run("--quick", *arguments)
    assert done.returncode == 0, done.stderr
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")][2:]
    assert [row[0] for row in rows] == subjects
    assert all(float(row[-1].split()[0]) > 0 for row in rows)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("stpes",), "error: PART: expected steps, gradients, certify, answer, got stpes"),
        (("--write", "--quick"), "error: --write: expected whole measurements, got --quick or --network beside it"),
    ],
)
def test_mistake_is_one_line(arguments: tuple[str, ...], complaint: str) -> None:
    """An unknown part, and writing what was measured too quickly, are refused before anything runs."""
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith(complaint)


def test_page_shows_the_results() -> None:
    """Between its marks the page has what is rendered of results.json, and names no path."""
    text, results = (BENCHMARKS / name for name in ("README.md", "results.json"))
    page = text.read_text("utf-8")
    measured = json.loads(results.read_text("utf-8")) if results.exists() else {}
    assert page == runpy.run_path(str(RUN))["page"](page, measured)
    assert not re.search(r"/(home|tmp|root|work|Users)/", page + json.dumps(measured))
