"""The marks of a class as a table, as files, and as what Gradescope reads."""

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nn_conformance.grade.marks import Mark
from nn_conformance.replay.listed_files import write
from nn_reference.errors import InputError

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a cell begins that a spreadsheet computes


def histogram(marks: Sequence[Mark]) -> dict[str, int]:
    """How many submissions make each mistake, the most frequent first."""
    counted = Counter(mistake for mark in marks for mistake in mark.mistakes)
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def as_json(network: str, marks: Sequence[Mark]) -> dict[str, Any]:
    """Everything, for `json.dumps`."""
    return {"network": network, "mistakes": histogram(marks), "submissions": [mark.as_json() for mark in marks]}


def as_csv(marks: Sequence[Mark]) -> str:
    """A row for each submission; no cell is a formula."""
    rungs = list(marks[0].points)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["name", "mark", "of", *rungs, "mistakes", "what is wrong", "comments"])
    for mark in marks:
        points = [f"{got:g}" for got, _ in ((round(got, 2), of) for got, of in mark.points.values())]
        words = [", ".join(mark.mistakes), "\n".join(mark.wrong), "\n".join(mark.comments)]
        writer.writerow([_cell(mark.name), f"{mark.mark:g}", f"{mark.most:g}", *points, *map(_cell, words)])
    return text.getvalue()


def as_gradescope(marks: Sequence[Mark]) -> dict[str, Any]:
    """What Gradescope reads of its one submission: a test for each rung, and the comments.

    Raises:
        InputError: there are several.
    """
    if len(marks) != 1:
        names = ", ".join(mark.name for mark in marks[:5])
        raise InputError(f"--gradescope: expected one submission, got {len(marks)}: {names}; name its file with --file")
    (mark,) = marks
    said = [f"{wrong}\n{comment}" for wrong, comment in zip(mark.wrong, mark.comments, strict=True)]
    tests = [
        {"name": rung, "score": round(got, 2), "max_score": of, "visibility": "visible"}
        for rung, (got, of) in mark.points.items()
    ]
    return {"output": "\n\n".join(said) or "All checks passed.", "output_format": "text", "tests": tests}


def write_pages(folder: Path, network: str, marks: Sequence[Mark]) -> None:
    """`index.html` with the class, and a page for each submission of which something was judged.

    Raises:
        InputError: a file that cannot be written.
    """
    from nn_conformance.report.page import render  # noqa: PLC0415 - Jinja, for pages alone

    files = []
    for number, mark in enumerate(marks, 1):
        file = f"{number:03}-{re.sub('[^A-Za-z0-9]+', '-', mark.name)[:40]}.html" if mark.page else ""
        if file:
            write(folder / file, mark.page.encode())
        files.append((mark, file))
    title = f"{network}: {len(marks)} submissions"
    page = render("class.html", page=True, title=title, marks=marks, files=files, histogram=histogram(marks), zip=zip)
    write(folder / "index.html", page.encode())


def _cell(text: str) -> str:
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text
