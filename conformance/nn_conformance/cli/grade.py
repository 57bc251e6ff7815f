"""`nn-conformance grade`. Imports nothing heavy: `--help` reads this."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nn_conformance.cli.options import (
    EXIT_NONCONFORMING,
    JsonOption,
    children,
    complete_network,
    examples,
    print_json,
)

if TYPE_CHECKING:
    from nn_conformance.grade.marks import Mark

EPILOG = examples("grade submissions homework", "grade submissions homework --function evaluate --json")


def grade(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Python files, or folders with one each.")],
    network: Annotated[
        str,
        typer.Argument(metavar="NETWORK", help="As `verify` has it, or a line.", autocompletion=complete_network),
    ],
    function: Annotated[str, typer.Option(metavar="NAME", help="What each submission must define.")] = "",
    file: Annotated[str, typer.Option(metavar="NAME", help="Which file of each folder.")] = "",
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML: points for each rung, conventions, comments.")
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write a row for each submission.")] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="DIR", help="Write a page for each.")] = None,
    gradescope: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what Gradescope reads of one submission.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, metavar="N", help="How many run side by side.")] = os.cpu_count() or 1,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="For a call; twofold to start.")] = 10.0,
    memory: Annotated[int, typer.Option(metavar="MIB", min=1, help="What each may allocate.")] = 2048,
    as_json: JsonOption = False,
) -> None:
    """Judge a class's submissions: marks, mistakes, comments.

    Each runs in a process of its own, without the right answers. Exit codes: 0 all are right, 1 some are not, 2 bad
    arguments or data.
    """
    from msgspec.structs import replace

    from nn_conformance.grade import tables
    from nn_conformance.grade.grading import grade as graded
    from nn_conformance.grade.weights import Settings, of_file
    from nn_conformance.protocol.program import Limits
    from nn_conformance.replay.listed_files import check_folder, write
    from nn_conformance.report import console as render
    from nn_conformance.subjects import named_systems

    with children(timeout, 3600):
        named_systems([network])
        for option, path in (
            ("--csv", csv and csv.parent),
            ("--html", html),
            ("--gradescope", gradescope and gradescope.parent),
        ):
            if path is not None:
                check_folder(path, option)
        settings = Settings() if weights is None else of_file(weights)
        settings = replace(settings, function=function or settings.function)
        limits = Limits(timeout, memory << 20, start=2 * timeout)
        marks = graded(
            folder, network, settings,
            file=file, jobs=jobs, limits=limits, pages=html is not None, counter=render.counter,
        )  # fmt: skip
    if csv is not None:
        write(csv, tables.as_csv(marks).encode())
    if gradescope is not None:
        write(gradescope, json.dumps(tables.as_gradescope(marks), indent=2).encode())
    if html is not None:
        tables.write_pages(html, network, marks)
    if as_json:
        print_json(tables.as_json(network, marks))
    else:
        _show(marks)
    if not all(mark.right for mark in marks):
        raise typer.Exit(EXIT_NONCONFORMING)


def _show(marks: "list[Mark]") -> None:
    from rich.markup import escape

    from nn_conformance.grade.tables import histogram
    from nn_conformance.report import console as render

    rows = []
    for mark in marks:
        wrong = "\n".join(f"{slug}: {text}" for slug, text in zip(mark.mistakes, mark.wrong, strict=True))
        rows.append((escape(mark.name), f"{mark.mark:g}", escape(wrong) or "[green]right[/]"))
    render.table(("name", "mark", "what is wrong"), rows)
    right = sum(mark.right for mark in marks)
    render.line(f"\n{len(marks)} submissions, {right} right; {marks[0].most:g} points")
    for mistake, count in histogram(marks).items():
        render.line(f"{count:>4} {'#' * count:<{min(len(marks), 40)}.40} {mistake}")
