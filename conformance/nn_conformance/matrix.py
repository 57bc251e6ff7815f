"""The matrix that `verify` prints: a row for each system, a column for each target, then what went wrong."""

from collections.abc import Iterable, Mapping, Sequence
from math import isnan

from rich.markup import escape

from nn_conformance import render
from nn_conformance.fixtures.format import DTYPES
from nn_conformance.options import NAME
from nn_conformance.verdicts import STATUSES, Verdict, counts
from nn_conformance.verification import PRINTED_FIGURES, Outcome

SHOWN = 20  # failures in full


def show(outcomes: Sequence[Outcome], unique: Mapping[tuple[str, str], Verdict], *, left_out: int) -> None:
    """Printed figures beside what was computed, the matrix, each failure in full, the counts."""
    _printed_digits(outcomes)
    out = render.console()
    # What a document prints comes first, wherever the first network that prints something stands.
    targets = sorted(dict.fromkeys(outcome.target for outcome in outcomes), key=lambda name: name != PRINTED_FIGURES)
    table = render.new_table("network", *targets)
    for system in dict.fromkeys(outcome.system for outcome in outcomes):
        mine = {outcome.target: outcome.verdicts for outcome in outcomes if outcome.system == system}
        table.add_row(system, *(_cell(target, mine.get(target, ())) for target in targets))
    out.print(table)
    render.line("largest error over its limit, in float32 and float64: what passes has at most 1")
    _failures(unique)
    for status in ("expected failure", "unsupported"):
        for reason, number in _reasons(unique, status).items():
            render.line(f"{status}: {number} checks: {reason}")
    found = counts(unique.values())
    render.line(
        f"{found['ran']} checks ran: "
        + ", ".join(f"{found[s]} {s}" for s in STATUSES if found[s] or s in ("passed", "failed"))
    )
    if left_out:
        render.line(
            f"not judged, for their size: the documented cases of {left_out} systems; {NAME} verify --all judges them"
        )


def _cell(target: str, verdicts: Sequence[Verdict]) -> str:
    """The largest ratios by precision, or how many failed."""
    if not verdicts:
        return ""
    failed = sum(verdict.status == "failed" for verdict in verdicts)
    if failed:
        return f"[red]{failed} failed[/]"
    if target == PRINTED_FIGURES:
        return f"[green]{len(verdicts)} as printed[/]"
    return " ".join(_worst([v for v in verdicts if v.id.endswith(f"::{dtype}")]) for dtype in DTYPES)


def _worst(verdicts: Iterable[Verdict]) -> str:
    ratios = [v.ratio for v in verdicts if v.status == "passed" and not v.at_least and not isnan(v.ratio)]
    return f"[green]{max(ratios):.2f}[/]" if ratios else "-"


def _failures(unique: Mapping[tuple[str, str], Verdict]) -> None:
    out = render.console()
    failed = [(target, verdict) for (target, _), verdict in unique.items() if verdict.status == "failed"]
    for target, verdict in failed[:SHOWN]:
        out.print(f"[red]FAIL[/] {escape(verdict.id)} ({escape(target)})", soft_wrap=True)
        measured = "" if isnan(verdict.error) else f"error {verdict.error:.3g}, limit {verdict.limit:.3g}: "
        out.print(f"     {measured}{escape(verdict.reason)}", soft_wrap=True)
    if len(failed) > SHOWN:
        render.line(f"... and {len(failed) - SHOWN} more; --json has them all")


def _reasons(unique: Mapping[tuple[str, str], Verdict], status: str) -> dict[str, int]:
    """How many verdicts of a status there are, by target and the first words of the reason."""
    found: dict[str, int] = {}
    for (target, _), verdict in unique.items():
        if verdict.status == status:
            reason = f"{target}: {verdict.reason.split(';')[0].split(': it may')[0]}"
            found[reason] = found.get(reason, 0) + 1
    return found


def _printed_digits(outcomes: Sequence[Outcome]) -> None:
    """What a document prints, beside what was computed here, under the system's name."""
    for outcome in outcomes:
        if outcome.target != PRINTED_FIGURES:
            continue
        render.console().print(f"[bold]{escape(outcome.system)}[/]")
        for verdict in outcome.verdicts:
            if verdict.rung == "printed":
                render.line(f"  {verdict.id.split('::')[-1]:<20} {verdict.reason.split(';')[0]}")
        render.console().print()
