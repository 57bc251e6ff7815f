"""The matrix that `verify` prints: a row for each system, a column for each target, then what went wrong."""

from collections.abc import Sequence
from math import isnan

from rich.markup import escape

from nn_conformance.cases.format import DTYPES
from nn_conformance.cli.options import NAME
from nn_conformance.judge.verdict import STATUSES, Verdict, counts, one_line
from nn_conformance.outcome import SHOWN, Failure, Outcome, Report, largest_ratio, numbers
from nn_conformance.report import console as render
from nn_conformance.subjects import PRINTED_FIGURES
from nn_reference.systems import SYSTEMS

FEW = 3  # groups of failures without numbers below an explanation, which is the answer


def show(report: Report, *, everything: bool = False, again: str = f"{NAME} verify") -> None:
    """The answer; what failed, from the input on; the matrix; the counts.

    Args:
        report: what came of a run.
        everything: every check that failed, with its limit's formula; of our oracles on several networks, also the
            printed figures beside what was computed, and what they do not support.
        again: the command that has made the report.
    """
    systems = {outcome.system for outcome in report.outcomes}
    if report.subject is not None:
        render.line(report.subject.line())
        if report.ok:
            render.line("right: every check that applies passed")
    elif report.ok:
        which = f"references of {len(systems)} networks agree" if len(systems) > 1 else "reference agrees"
        render.line(f"{NAME} works here: the {which} with the certified values")
    _asides(report)
    explained = any(e.slugs for e in report.explanations.values())
    brief = report.subject.name if report.subject and explained and not everything else ""
    _failures(report.failures, None if everything else FEW if explained else SHOWN, brief, again)
    short = report.subject is None and report.ok and len(systems) > 1 and not everything
    if not short:
        _printed_digits(report.outcomes)
    _table(report, [target for target in report.targets if not short or target != PRINTED_FIGURES])
    for group in () if short else report.groups("expected failure", "unsupported"):
        render.line(f"{group.status}: {group.number} check{'s' * (group.number > 1)}: {group.target}: {group.reason}")
    number_of = counts(report.verdicts)
    if blocked := number_of["blocked"]:
        render.line(f"blocked: {blocked} check{'s' * (blocked > 1)}: by a failure of what they need")
    render.line(
        f"{number_of['ran']} checks ran: "
        + ", ".join(f"{number_of[s]} {s}" for s in STATUSES if number_of[s] or s in ("passed", "failed"))
        + _not_claimed(report)
    )
    for line in report.untested:
        render.line(f"not tested: {line}")
    if report.left_out:
        render.line(
            f"not judged, for their size: the documented cases of {report.left_out} systems; {NAME} verify --all judges them"
        )
    if report.subject is None and report.ok:
        render.line(f"Next, judge code of your own: {NAME} verify FILE.py")


def _table(report: Report, targets: Sequence[str]) -> None:
    if not report.outcomes:
        return
    heading = "\nf32  f64"
    verdicts = {(of.system, of.target): of.verdicts for of in report.outcomes}
    rows = {system: [_cell(target, verdicts.get((system, target), ())) for target in targets] for system, _ in verdicts}
    render.table(
        ["network\n", *(escape(target) + heading * (target != PRINTED_FIGURES) for target in targets)],
        ([escape(system), *row] for system, row in rows.items()),
    )
    if any("." in cell for row in rows.values() for cell in row):
        render.line("largest error over its limit, in float32 and float64: what passes has at most 1")


def _asides(report: Report) -> None:
    for system, explanation in report.explanations.items():
        render.line(f"{system}:")
        for line in explanation.lines():
            for part in render.folded(f"  {line}".replace("\n", " ")):
                render.line(part)
    if report.suggestion:
        render.line(f"hint: {report.suggestion}")
    for line in report.last_words:
        render.line(f"it printed: {one_line(line)}")


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
    ratios = [largest_ratio(v for v in verdicts if v.check.dtype == dtype) for dtype in DTYPES]
    return " ".join("-" if isnan(ratio) else f"[green]{ratio:.2f}[/]" for ratio in ratios)


def _failures(failures: Sequence[Failure], most: int | None, brief: str, again: str) -> None:
    """The rung nearest to the input first; what fails likewise in several cases once, with their number if not all are asked for.

    Where the mistake of a target, `brief`, has been named above, all its numbers that differ are said together.
    """
    out = render.console()
    if differ := [f for f in failures if f.target == brief and f.verdicts[0].failure == "mismatch"]:
        first, number = differ[0].verdicts[0], sum(len(f.verdicts) for f in differ)
        rungs = ", ".join(dict.fromkeys(f.verdicts[0].rung for f in differ))
        out.print(f"[red]FAIL[/] {number} check{'s' * (number > 1)} of {rungs} ({escape(brief)})", soft_wrap=True)
        render.line(f"     the first {first.id}: {measured(first).removesuffix(': ') or first.in_short}")
        render.line(f"     {again} -v prints them")
        failures = [f for f in failures if f not in differ]
    for target, _, (first, *others) in failures[:most]:
        out.print(f"[red]FAIL[/] {escape(first.id)} ({escape(target)})", soft_wrap=True)
        out.print(f"     {escape(measured(first))}{escape(first.reason)}", soft_wrap=True)
        if most is None:
            for other in others:
                render.line(f"     likewise in {other.id}")
        elif others:
            more = f"{len(others)} other checks, the last" if len(others) > 1 else "another check,"
            render.line(f"     likewise in {more} {others[-1].id}")
    if left := sum(len(of.verdicts) for of in failures[most:]) if most else 0:
        render.line(f"... and {left} more failures; {again} -v prints them")


def measured(verdict: Verdict) -> str:
    """What stands before the reason of a failure: its class, or of a mismatch its numbers."""
    if verdict.failure != "mismatch":
        return f"{verdict.failure}: "
    return f"{text}: " if (text := numbers(verdict)) else ""


def _printed_digits(outcomes: Sequence[Outcome]) -> None:
    """What a document prints, beside what was computed here, under the system's name."""
    for outcome in outcomes:
        if outcome.target != PRINTED_FIGURES:
            continue
        render.console().print(f"[bold]{escape(outcome.system)}[/]")
        for verdict in outcome.verdicts:
            if verdict.rung == "printed":
                render.line(f"  {verdict.check.quantity:<20} {verdict.in_short}")
        render.console().print()
