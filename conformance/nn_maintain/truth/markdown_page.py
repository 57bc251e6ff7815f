"""The table of truth as Markdown: every figure on a page of its own, a row for each system in `docs/replays.md`.

What each documented defect costs stands there too: the documented version's last figures beside the corrected one's, or
what ran.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from math import isnan
from statistics import median
from typing import Any

from nn_conformance.replay.ledger import FRAMEWORKS, TITLES
from nn_conformance.replay.quantities import first_epoch
from nn_maintain.markdown import render
from nn_maintain.truth.evidence import Evidence, judged_by, version_of
from nn_maintain.truth.placement import FEW_VALUES, OUTSIDE, SEEDS
from nn_maintain.truth.rows import Row, counts, curve_counts, telling
from nn_maintain.truth.rulings import DOCUMENTED, VERDICTS, Judge, named
from nn_maintain.truth.sides import TOGETHER, side
from nn_reference.errors import DataError
from nn_reference.systems import System

BEGIN, END = "<!-- table of truth -->", "<!-- end of table -->"
NOT_RUN = "not run"
BESIDE = "as-run", "corrected"  # what stands beside the documented version: what ran, or the corrected one


def page(judge: Judge, rows: dict[str, list[Row]]) -> str:
    """Every figure, by system; then how the frameworks compare, and what the defects cost."""
    return render(
        "truth.md",
        frameworks=FRAMEWORKS,
        sections=[_section(system, rows[system.name], judge.evidence) for system in DOCUMENTED],
        meanings=VERDICTS,
        figures=counts(chain(*rows.values())),
        curves=curve_counts(rows),
        tested=judge.tested,
        seeds=SEEDS,
        outside=OUTSIDE,
        few_values=FEW_VALUES,
        together=TOGETHER,
    )


def block(rows: dict[str, list[Row]]) -> str:
    """A row for each system: its most telling figure, and what became of it."""
    return render("replays.md", rows=[(system, telling(rows[system.name])) for system in DOCUMENTED]).rstrip("\n")


def replaced(text: str, new: str, path: str) -> str:
    """A page with its block between the two marks exchanged.

    Raises:
        DataError: the marks are not there once each, in their order.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end) or BEGIN in rest or END in after:
        raise DataError(f"{path}: expected {BEGIN} and after it {END}, once each: restore them")
    return f"{before}{BEGIN}\n\n{new}\n\n{END}{after}"


def costs(system: System, evidence: Evidence) -> list[str]:
    """Lines with the defects in words, and a table; none for a system of one version."""
    mended = version_of(system, *BESIDE)
    if mended is None:
        return []
    versions = {"documented": system, mended.version: mended}
    last = system.recipe.epochs - 1 + first_epoch(system)
    quantities = [q for one in versions.values() if (run := evidence.own(one)) for q in run.rows]
    rows = [
        [named(quantity, last), *(cell for one in versions.values() for cell in _ends(quantity, one, evidence))]
        for quantity in dict.fromkeys(quantities)
        if quantity not in {"epoch", "elapsed_seconds"}
    ]
    finals = {
        name: {quantity: float(value) for quantity, value in own.final.items()} if (own := evidence.own(one)) else {}
        for name, one in versions.items()
    }
    return render("costs.md", system=system, rows=rows, finals=finals).splitlines()


def _ends(quantity: str, system: System, evidence: Evidence) -> tuple[str, str]:
    """The own run's last value, and lowest, median and highest of all seeds."""
    own = evidence.own(system)
    ends = [float(run.rows[quantity][-1]) for run in evidence.runs(system) if quantity in run.rows]
    if own is None or quantity not in own.rows:
        return NOT_RUN, f"{len(ends)} seeds" if ends else ""
    known = [value for value in ends if not isnan(value)]
    spread = " … ".join(f"{v:.4g}" for v in (min(known), median(known), max(known))) if known else "NaN"
    return f"{float(own.rows[quantity][-1]):.4g}", f"{spread} ({len(ends)})" if len(ends) > 1 else "no other"


def _section(system: System, rows: Sequence[Row], evidence: Evidence) -> dict[str, Any]:
    """What the page says of one system."""
    reasons = {reason: k for k, reason in enumerate(dict.fromkeys(row.ruling[1:] for row in rows), 1)}
    judged, variant = judged_by(system), version_of(system, "in-3")
    runs = {TITLES[framework]: evidence.runs(judged, framework) for framework in FRAMEWORKS}
    versions = [sorted({" ".join(one) for run in of for one in run.versions.items()}) for of in runs.values()]
    return {
        "system": system,
        "judged": judged,
        "runs": dict(zip(runs, zip(runs.values(), versions, strict=True), strict=True)),
        "own": evidence.own(judged),
        "remarks": dict.fromkeys([*system.remarks, *judged.remarks, *(variant.remarks if variant else ())]),
        "rows": rows,
        "notes": Counter(row.figure.note for row in rows),
        "reasons": reasons,
        "solved": evidence.reconstructed.systems.get(system.id) if evidence.reconstructed else None,
        "sides": [
            (TITLES[framework], version.version, side(version, evidence, framework))
            for version in filter(None, (system, version_of(system, *BESIDE)))
            for framework in FRAMEWORKS
        ],
        "costs": costs(system, evidence),
    }
