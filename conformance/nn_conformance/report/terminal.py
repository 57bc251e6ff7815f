"""The matrix that `verify` prints: a row for each system, a column for each target, then what went wrong."""

from collections.abc import Iterable, Mapping, Sequence
from math import isnan

from rich.markup import escape

from nn_conformance.cases.format import DTYPES
from nn_conformance.cli.options import NAME
from nn_conformance.judge.rungs import RUNGS
from nn_conformance.judge.verdict import STATUSES, CheckId, Verdict, counts
from nn_conformance.outcome import Outcome, Report
from nn_conformance.report import console as render
from nn_conformance.subjects import PRINTED_FIGURES
from nn_reference.systems import SYSTEMS

SHOWN = 20  # failures in full
ORDER = {rung.name: k for k, rung in enumerate(RUNGS)}


def show(report: Report) -> None:
    """What failed, from the input on; printed figures beside what was computed; the matrix; the counts."""
    if report.subject is not None:
        render.line(report.subject.line())
    _asides(report)
    _failures(report.unique)
    _printed_digits(report.outcomes)
    _table(report.outcomes)
    for status in ("expected failure", "unsupported"):
        for reason, number in _reasons(report.unique, status).items():
            render.line(f"{status}: {number} checks: {reason}")
    number_of = counts(report.verdicts)
    render.line(
        f"{number_of['ran']} checks ran: "
        + ", ".join(f"{number_of[s]} {s}" for s in STATUSES if number_of[s] or s in ("passed", "failed"))
        + _not_claimed(report)
    )
    if report.left_out:
        render.line(
            f"not judged, for their size: the documented cases of {report.left_out} systems; {NAME} verify --all judges them"
        )


def _table(outcomes: Sequence[Outcome]) -> None:
    if not outcomes:
        return
    # What a document prints comes first, wherever the first network that prints something stands.
    targets = sorted(dict.fromkeys(outcome.target for outcome in outcomes), key=lambda name: name != PRINTED_FIGURES)
    table = render.new_table("network", *(escape(target) for target in targets))
    for system in dict.fromkeys(outcome.system for outcome in outcomes):
        mine = {outcome.target: outcome.verdicts for outcome in outcomes if outcome.system == system}
        table.add_row(system, *(_cell(target, mine.get(target, ())) for target in targets))
    render.console().print(table)
    render.line("largest error over its limit, in float32 and float64: what passes has at most 1")


def _asides(report: Report) -> None:
    if report.suggestion:
        render.line(f"hint: {report.suggestion}")
    for system, explanation in report.explanations.items():
        render.line(f"{system}:")
        for line in explanation.lines():
            render.line(f"  {line}")
    for line in report.last_words:
        render.line(f"stderr: {line}")


def _not_claimed(report: Report) -> str:
    if report.subject is None:
        return ""
    left = report.subject.not_claimed
    systems = f"{len(left['systems'])} of {len(SYSTEMS)} systems" if left["systems"] else ""
    parts = ", ".join(part for part in (systems, *left["dtypes"]) if part)
    return f"; not claimed: {parts or 'none'}"


def _cell(target: str, verdicts: Sequence[Verdict]) -> str:
    """The largest ratios by precision, or how many failed."""
    if not verdicts:
        return ""
    failed = sum(verdict.status == "failed" for verdict in verdicts)
    if failed:
        return f"[red]{failed} failed[/]"
    if target == PRINTED_FIGURES:
        return f"[green]{len(verdicts)} as printed[/]"
    return " ".join(_worst([v for v in verdicts if v.check.dtype == dtype]) for dtype in DTYPES)


def _worst(verdicts: Iterable[Verdict]) -> str:
    ratios = [v.ratio for v in verdicts if v.status == "passed" and not v.at_least and not isnan(v.ratio)]
    return f"[green]{max(ratios):.2f}[/]" if ratios else "-"


def _failures(unique: Mapping[tuple[str, CheckId], Verdict]) -> None:
    """The rung nearest to the input first; what fails likewise in several cases once, with their number."""
    out = render.console()
    groups: dict[tuple[str, ...], list[Verdict]] = {}
    for (target, _), verdict in unique.items():
        if verdict.status == "failed":
            key = target, verdict.rung, verdict.check.quantity, verdict.failure
            groups.setdefault(key, []).append(verdict)
    ordered = sorted(groups.items(), key=lambda item: ORDER.get(item[0][1], len(ORDER)))
    for (target, _, _, failure), (first, *others) in ordered[:SHOWN]:
        out.print(f"[red]FAIL[/] {escape(first.id)} ({escape(target)})", soft_wrap=True)
        number = "" if isnan(first.error) else f"error {first.error:.3g}, limit {first.limit:.3g}: "
        named = f"{failure}: " if failure != "mismatch" else ""
        out.print(f"     {named or number}{escape(first.reason)}", soft_wrap=True)
        if others:
            more = f"{len(others)} other checks, the last" if len(others) > 1 else "another check,"
            render.line(f"     likewise in {more} {others[-1].id}")
    if len(groups) > SHOWN:
        left = sum(len(verdicts) for _, verdicts in ordered[SHOWN:])
        render.line(f"... and {left} more; --json has them all")


def _reasons(unique: Mapping[tuple[str, CheckId], Verdict], status: str) -> dict[str, int]:
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
                render.line(f"  {verdict.check.quantity:<20} {verdict.reason.split(';')[0]}")
        render.console().print()
