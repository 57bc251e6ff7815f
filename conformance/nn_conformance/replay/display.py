"""A replay as people see it: the document's rows beside ours."""

from collections.abc import Sequence
from itertools import groupby
from statistics import median

from rich.markup import escape

from nn_conformance.replay import truth
from nn_conformance.replay.evidence import load
from nn_conformance.replay.figures import TIMES, computed, in_printed_digits
from nn_conformance.replay.ledger import Run
from nn_conformance.report.console import console, new_table
from nn_reference.systems import Figure, System


def replayed(system: System, framework: str, dtype: str, runs: Sequence[Run]) -> None:
    """Curves as the document prints them, a row for each epoch; then single figures; then what the run was."""
    out = console()
    out.print(f"[bold]{escape(system.id)}[/]  {escape(framework)}, {dtype}, {_seeds(runs)}\n")
    curves, singles = _curves(system)
    if curves:
        _print_curves(system, curves, runs)
    table = new_table("figure", "epoch", "document", *_columns(runs))
    for figure in singles:
        epoch = "" if figure.epoch is None else str(figure.epoch)
        table.add_row(figure.quantity, epoch, figure.printed, *_cells(system, figure, runs))
    if singles:
        out.print(table)
        out.print()
    for run in runs:
        out.print(escape(_line(run)), soft_wrap=True)
        _print_final(run, shown={figure.quantity for figure in system.figures})
    if system.version in {"documented", "as-run"}:
        out.print(escape(_verdicts(system)), soft_wrap=True)


def _verdicts(system: System) -> str:
    """What the table of truth says of the printed figures, and why of most of them."""
    rows = [row for row in truth.tables(load())[system.name] if row.ruling.verdict != "not judged"]
    by_verdict = truth.counts(rows)
    most = next(row.ruling for row in rows if row.ruling.verdict == next(iter(by_verdict)))
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in by_verdict.items())
    why = most.reason if len(by_verdict) == 1 else f"{most.verdict}: {most.reason}"
    return f"the printed figures, by the ledgers that ship: {verdicts}; {why}"


def leaves(run: Run) -> bool:
    """Whether the run left the certified trajectory within its horizon."""
    return run.agreement is not None and not float(run.agreement.worst) <= 1


def _curves(system: System) -> tuple[list[list[Figure]], list[Figure]]:
    """Runs of figures of one quantity over the epochs, without their times; and all other figures."""
    curves, singles = [], []
    for (quantity, _), group in groupby(system.figures, key=lambda figure: (figure.quantity, figure.note)):
        mine = list(group)
        if mine[0].epoch == mine[-1].epoch:
            singles += mine
        elif quantity not in TIMES:
            curves.append(mine)
    return curves, singles


def _print_curves(system: System, curves: Sequence[Sequence[Figure]], runs: Sequence[Run]) -> None:
    columns = _columns(runs)
    table = new_table("epoch", *(cell for curve in curves for cell in (curve[0].quantity, *columns)))
    reached = {epoch for run in runs for epoch in run.rows.get("epoch", [])}
    for row in zip(*curves, strict=True):
        if row[0].epoch in reached:
            cells = (cell for figure in row for cell in (figure.printed, *_cells(system, figure, runs)))
            table.add_row(str(row[0].epoch), *cells)
    console().print(table)
    console().print()


def _columns(runs: Sequence[Run]) -> list[str]:
    return ["here"] if len(runs) == 1 else ["lowest", "median", "highest"]


def _cells(system: System, figure: Figure, runs: Sequence[Run]) -> list[str]:
    """What the runs have for a figure, in its own number of digits."""
    found = [computed(system, run, figure) for run in runs]
    numbers = [value for value in found if isinstance(value, float)]
    if not numbers:
        texts = {str(value) for value in found if value is not None}
        return [escape(", ".join(sorted(texts))) or "—", *[""] * (len(_columns(runs)) - 1)]
    chosen = numbers if len(runs) == 1 else [min(numbers), median(numbers), max(numbers)]
    return [in_printed_digits(value, figure.printed) for value in chosen]


def _seeds(runs: Sequence[Run]) -> str:
    return f"seed {runs[0].seed}" if len(runs) == 1 else f"{len(runs)} seeds"


def _line(run: Run) -> str:
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


def _print_final(run: Run, shown: set[str]) -> None:
    """What the document does not print, and was measured at the end."""
    for name, value in run.final.items():
        if name not in shown:
            console().print(f"  {escape(name)} {value}", soft_wrap=True)
