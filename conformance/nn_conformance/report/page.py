"""A report as one HTML file, as a cell of a notebook, and as Markdown: the answer first, what a pass does not show, the rest.

Every text goes through a template that escapes it: names and messages of a target are somebody else's.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from html import escape as html_escape
from math import isnan
from shlex import quote
from typing import TYPE_CHECKING, Any, NamedTuple

from nn_conformance.adapt.claims import is_own
from nn_conformance.explain.record import Finding
from nn_conformance.explain.texts import text_of
from nn_conformance.gradcheck.findings import GradientReport
from nn_conformance.judge.verdict import Status, Verdict, counts, printable
from nn_conformance.outcome import ORDER, Failure, Report, largest_ratio, numbers
from nn_conformance.report import pictures
from nn_conformance.report.pictures import Drawing
from nn_conformance.subjects import PRINTED_FIGURES, named_systems

if TYPE_CHECKING:
    from jinja2 import Environment

SHOWN = 20  # failures in full
OF_TIE = "either this, or another of these: "
DRAWN = 8  # of which so many have a picture
# What a cell of the matrix shows if it has any of these; the first counts.
PRECEDENCE: tuple[Status, ...] = ("failed", "expected failure", "passed", "blocked", "unsupported")
SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~@$-])")


class Cell(NamedTuple):
    """What came of a rung on a network: a status, which is also a class of the style sheet, and a few characters."""

    status: str
    text: str


class Shown(NamedTuple):
    """A named mistake or a group of failures: a title, lines of label and text, a picture, the command to run it again."""

    title: str
    facts: Sequence[tuple[str, str]]
    drawing: Drawing | None = None
    command: str = ""


@cache
def _environment(kind: str) -> "Environment":
    """Templates that escape every expression for `kind`: html or md."""
    import jinja2  # noqa: PLC0415 - for pages alone
    from markupsafe import Markup  # noqa: PLC0415 - likewise

    return jinja2.Environment(
        loader=jinja2.PackageLoader("nn_conformance.report"),
        autoescape=True,
        finalize=(lambda value: Markup(markdown_text(value))) if kind == "md" else plain,  # noqa: S704 - escaped
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, **values: Any) -> str:
    """A template of this folder, filled in; its name ends in .html or .md."""
    return _environment(template.rpartition(".")[2]).get_template(template).render(values)


def plain(value: Any) -> Any:
    """A text as `printable` has it; anything else as it is."""
    if not isinstance(value, str) or hasattr(value, "__html__"):  # what a template has made is markup
        return value
    return printable(value)


def markdown_text(value: object) -> str:
    """A text as one line of Markdown, in which nothing is markup."""
    text = html_escape(plain(str(value)), quote=False)
    return SPECIAL.sub(r"\\\1", text)


def html(report: Report, spec: str = "") -> str:
    """The page of a report, which needs no other file; without the target's `spec` no command runs a check again."""
    return render("report.html", page=True, **_view(report, spec))


def fragment(report: Report) -> str:
    """The same for a cell of a notebook."""
    return render("report.html", page=False, **_view(report, ""))


def gradients(report: GradientReport) -> str:
    """A gradient check for a cell of a notebook."""
    return render("gradients.html", page=False, report=report, isnan=isnan)


def markdown(report: Report, spec: str = "") -> str:
    """A report in Markdown, as for the summary of a job, without pictures."""
    return render("report.md", **_view(report, spec))


def answer(report: Report) -> str:
    """What came of a run, in a sentence."""
    own = [v for (target, _), v in report.unique.items() if report.subject is None or target == report.name]
    number_of = counts(own)
    passed = f"{number_of['passed']} of {number_of['ran']} checks that ran passed"
    if report.ok:
        ratio = largest_ratio(v for v in own if v.rung in ORDER)
        return passed if isnan(ratio) else f"{passed}; the largest error is {ratio:.2g} of its limit"
    if number_of["failed"]:
        return f"{number_of['failed']} of {number_of['ran']} checks that ran failed"
    if report.failed:
        return f"{passed}; of the oracles beside it {len(report.failed)} checks failed"
    return f"{passed}; " + ("of some networks nothing could be judged" if report.silent else "nothing could be judged")


def _view(report: Report, spec: str) -> dict[str, Any]:
    caveats: dict[str, list[str]] = {}
    for caveat in report.caveats:
        caveats.setdefault(caveat.kind, []).append(caveat.text)
    return {
        "title": f"{report.name}: {'conforms' if report.ok else 'does not conform'}",
        "ok": report.ok,
        "subject": report.subject,
        "answer": answer(report),
        "suggestion": "" if report.suggestion is None else str(report.suggestion),
        "last_words": report.last_words,
        "caveats": caveats,
        "matrices": [_matrix(report, target) for target in report.targets if target != PRINTED_FIGURES],
        "mistakes": list(_mistakes(report)),
        "open": {system: _left_open(report, system) for system in report.explanations},
        "failures": [_failure(report, of, spec, draw=k < DRAWN) for k, of in enumerate(report.failures[:SHOWN])],
        "more": sum(len(of.verdicts) for of in report.failures[SHOWN:]),
        "printed": [v for of in report.outcomes if of.target == PRINTED_FIGURES for v in of.verdicts],
        "pictures": pictures.installed(),
    }


def _matrix(report: Report, target: str) -> Mapping[str, Any]:
    """Networks by rungs, of one target."""
    of_target = {of.system: of.verdicts for of in report.outcomes if of.target == target}
    verdicts = [v for of in of_target.values() for v in of]
    rungs = sorted({v.rung for v in verdicts if v.rung in ORDER}, key=ORDER.__getitem__)
    rows = {system: [_cell([v for v in of if v.rung == rung]) for rung in rungs] for system, of in of_target.items()}
    failed = sum(v.failed for v in verdicts)
    return {"target": target, "rungs": rungs, "rows": rows, "failed": failed}


def _cell(verdicts: Sequence[Verdict]) -> Cell:
    status = next((status for status in PRECEDENCE if any(v.status == status for v in verdicts)), None)
    if status is None:
        return Cell("none", "")
    number = sum(v.status == status for v in verdicts)
    if status == "failed":
        return Cell("failed", f"✗ {number} of {len(verdicts)}")
    if status == "expected failure":
        return Cell("expected", f"expected ✗ {number}")
    if status in ("blocked", "unsupported"):
        return Cell("none", "blocked" if status == "blocked" else "—")
    ratio = largest_ratio(verdicts)
    part = "" if number == len(verdicts) else f", {number} of {len(verdicts)}"
    return Cell("passed", f"✓ {0.0 if isnan(ratio) else ratio:.2f}{part}")


def _mistakes(report: Report) -> Iterator[Shown]:
    """Each mistake once, with all networks in which it was found."""
    systems: dict[tuple[str, str, str], dict[str, Finding]] = {}
    for system, explanation in report.explanations.items():
        ties = [(OF_TIE, finding) for tie in explanation.ties for option in tie for finding in option]
        for prefix, finding in (*(("", finding) for finding in explanation.findings), *ties):
            systems.setdefault((prefix, finding.place, finding.uses), {}).setdefault(system, finding)
    for (prefix, *_), findings in systems.items():
        system, finding = next(iter(findings.items()))
        text = text_of(finding.slug)
        facts = [
            ("network", ", ".join(findings)),
            ("used", finding.uses),
            ("right", finding.right),
            ("only", finding.when),
            ("explains", ", ".join(finding.arrays)),
            ("that is", f"{text.what}: {text.cause}"),
            ("mend", text.mend),
            ("name", finding.slug),
        ]
        (described,) = named_systems([system])
        yield Shown(f"{prefix}{finding.place}", facts, pictures.derivative(described.network, finding))


def _left_open(report: Report, system: str) -> list[tuple[str, str]]:
    """What is known of a system beside its mistakes."""
    e = report.explanations[system]
    facts = [("confirmed", f"every number of {e.cases} of {e.of} cases comes out, to {e.ratio:.2g} of the limit")]
    facts = facts if e.confirmed and e.cases else []
    facts += [("also", text) for text in dict.fromkeys((*e.aside, *e.notes))]
    facts += [("not explained", text) for text in e.unexplained]
    return [*facts, ("right", ", ".join(e.right)), *(("unseen", text) for text in e.blind)]


def _failure(report: Report, failure: Failure, spec: str, *, draw: bool) -> Shown:
    first, *others = failure.verdicts
    facts = [
        ("check", first.id),
        ("target", failure.target),
        ("network", failure.system),
        ("class of failure", first.failure),
        ("error", numbers(first).removeprefix("error ")),
        ("evidence", first.reason),
    ]
    if others:
        facts.append(("likewise", f"in {len(others)} other check{'s' * (len(others) > 1)}, the last {others[-1].id}"))
    evidence = report.evidence.get(first.check) if failure.target == report.name else None
    drawing = pictures.heatmap(f"{first.rung} {first.check.quantity}", evidence) if evidence and draw else None
    command = ""
    if report.subject is None or (spec and failure.target == report.name):
        own = [f"--network {quote(failure.system)}"] if failure.system and is_own(failure.system) else []
        with_ = [] if report.subject is not None else [f"--with {quote(failure.target)}"]
        words = [quote(spec)] if spec else []
        command = " ".join(["nn-conformance verify", *words, *own, *with_, "--only", quote(first.id)])
    return Shown(f"{first.rung} {first.check.quantity}", facts, drawing, "" if failure.system == "" else command)
