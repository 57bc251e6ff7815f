"""A replay as people see it: the document's rows beside ours."""

from collections.abc import Sequence
from itertools import groupby
from statistics import median
from typing import NamedTuple

from rich.markup import escape

from nn_conformance.replay.figures import TIMES, computed, in_printed_digits
from nn_conformance.replay.ledger import Run
from nn_conformance.replay.records import Verdicts
from nn_conformance.report.console import console, table
from nn_reference.systems import Figure, System


class Table(NamedTuple):
    """Rows of text under a header."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


def replayed(system: System, framework: str, dtype: str, runs: Sequence[Run], verdicts: Verdicts) -> None:
    """Curves as the document prints them, a row for each epoch; then single figures; then what the run was."""
    out = console()
    out.print(f"[bold]{escape(system.id)}[/]  {escape(framework)}, {dtype}, {seeds_of(runs)}\n")
    for columns in tables(system, runs):
        table(columns.header, ([*map(escape, row)] for row in columns.rows))
        out.print()
    for run in runs:
        out.print(escape(line_of_run(run)), soft_wrap=True)
        for name, value in run.final.items():  # what the document does not print, and was measured at the end
            if name not in {figure.quantity for figure in system.figures}:
                out.print(f"  {escape(name)} {value}", soft_wrap=True)
    if system.version in {"documented", "as-run"}:
        out.print(escape(_line_of_verdicts(verdicts)), soft_wrap=True)


def _line_of_verdicts(verdicts: Verdicts) -> str:
    """What the table of truth says of the printed figures, and why of most of them."""
    counts = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.figures.items())
    why = verdicts.reason if len(verdicts.figures) == 1 else f"{next(iter(verdicts.figures))}: {verdicts.reason}"
    return f"the printed figures, by the ledgers that ship: {counts}; {why}"


def leaves(run: Run) -> bool:
    """Whether the run left the certified trajectory within its horizon."""
    return run.agreement is not None and not float(run.agreement.worst) <= 1


def _curves(system: System) -> tuple[list[list[Figure]], list[Figure]]:
    """Runs of figures of one quantity over the epochs, without their times; and all other figures."""
    curves, singles = [], []
    for (quantity, _), group in groupby(system.figures, key=lambda figure: (figure.quantity, figure.note)):
        figures = list(group)
        if figures[0].epoch == figures[-1].epoch:
            singles += figures
        elif quantity not in TIMES:
            curves.append(figures)
    return curves, singles


def tables(system: System, runs: Sequence[Run]) -> list[Table]:
    """Curves as the document prints them, a row for each epoch that was reached; and single figures."""
    curves, singles = _curves(system)
    columns, made = _columns(runs), []
    if curves:
        reached = {epoch for run in runs for epoch in run.rows.get("epoch", [])}
        rows = [
            [str(row[0].epoch), *(cell for figure in row for cell in (figure.printed, *_cells(system, figure, runs)))]
            for row in zip(*curves, strict=True)
            if row[0].epoch in reached
        ]
        header = ["epoch", *(cell for curve in curves for cell in (curve[0].quantity, *columns))]
        made.append(Table("Printed curves, with what is here beside each", header, rows))
    if singles:
        rows = [
            [f.quantity, "" if f.epoch is None else str(f.epoch), f.printed, *_cells(system, f, runs)] for f in singles
        ]
        made.append(
            Table("Printed figures, with what is here beside each", ["figure", "epoch", "document", *columns], rows)
        )
    return made


def _columns(runs: Sequence[Run]) -> list[str]:
    return ["here"] if len(runs) == 1 else ["lowest", "median", "highest"]


def _cells(system: System, figure: Figure, runs: Sequence[Run]) -> list[str]:
    """What the runs have for a figure, in its own number of digits."""
    values = [computed(system, run, figure) for run in runs]
    numbers = [value for value in values if isinstance(value, float)]
    if not numbers:
        texts = {str(value) for value in values if value is not None}
        return [", ".join(sorted(texts)) or "—", *[""] * (len(_columns(runs)) - 1)]
    chosen = numbers if len(runs) == 1 else [min(numbers), median(numbers), max(numbers)]
    return [in_printed_digits(value, figure.printed) for value in chosen]


def seeds_of(runs: Sequence[Run]) -> str:
    """Which seed, or how many."""
    return f"seed {runs[0].seed}" if len(runs) == 1 else f"{len(runs)} seeds"


def line_of_run(run: Run) -> str:
    """One run in a line: what it started from, how long it took, how far it was held to exact values."""
    parts = [f"start {run.start}", run.order, f"{run.steps:,} updates in {run.seconds:.1f} s of processor time"]
    if run.nan_from is not None:
        parts.append(f"every weight is NaN from update {run.nan_from} on")
    elif run.rows:
        shown = (
            f"{name} {float(c[-1]):.6g}" for name, c in run.rows.items() if name not in {"epoch", "elapsed_seconds"}
        )
        parts.append(f"after epoch {run.rows['epoch'][-1]}: {', '.join(shown)}")
    if run.agreement is not None:
        verdict = "left" if leaves(run) else "kept to"
        held = f"{verdict} the certified losses of {run.agreement.case} for {run.agreement.steps} updates"
        parts.append(f"{held}, largest error {float(run.agreement.worst):.3g} of the band")
    return f"seed {run.seed}: {'; '.join(parts)}"
