"""The table of truth as Markdown: every figure on a page of its own, a row for each system in `docs/replays.md`.

What each documented defect costs stands there too: the documented version's last figures beside the corrected one's, or
what ran.
"""

from collections.abc import Sequence
from itertools import chain
from math import isnan
from statistics import median
from typing import Any

from nn_conformance.replay.ledger import FRAMEWORKS, TITLES, Run
from nn_conformance.replay.quantities import first_epoch
from nn_maintain.markdown import render
from nn_maintain.truth.evidence import Evidence, counterpart, judged_by, version_of
from nn_maintain.truth.placement import FEW_VALUES, OUTSIDE, SEEDS
from nn_maintain.truth.rows import Row, counts, curve_counts, telling
from nn_maintain.truth.rulings import DOCUMENTED, VERDICTS, Judge, named
from nn_maintain.truth.sides import TOGETHER, side
from nn_reference.errors import DataError
from nn_reference.systems import System

BEGIN, END = "<!-- table of truth -->", "<!-- end of table -->"
NOT_RUN = "not run"
STAGES = ("original", "pruned", "fine_tuned")
# Quantity of a stage, what it is, and how it is printed.
PRUNED = (
    ("test_accuracy", "test accuracy", ".4f"),
    ("sparsity", "sparsity", ".4f"),
    ("nonzero_parameters", "parameters that are not zero", ",.0f"),
    ("compressed_bytes", "bytes after zlib", ",.0f"),
    ("dense_ms", "forward pass of 1,000 images, dense, ms", ".1f"),
    ("sparse_ms", "the same with sparse matrices, ms", ".1f"),
)


def page(judge: Judge, rows: dict[str, list[Row]]) -> str:
    """Every figure, by system; then how the frameworks compare, and what the defects cost."""
    return render(
        "truth.md",
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
    lines = [
        [s.document, f"`{s.name}`", _title(row), row.figure.printed, row.ours.get("numpy", NOT_RUN), row.ruling.verdict]
        for s, row in ((system, telling(rows[system.name])) for system in DOCUMENTED)
    ]
    return render("replays.md", rows=lines).rstrip("\n")


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
    mended = counterpart(system)
    if mended is None:
        return []
    runs = (evidence.runs(system), evidence.runs(mended))
    own = (evidence.own(system), evidence.own(mended))
    if system.recipe.pruning is not None:
        table = _pruning(own)
    else:
        last = system.recipe.epochs - 1 + first_epoch(system)
        names = dict.fromkeys(q for run in own if run for q in run.rows if q not in {"epoch", "elapsed_seconds"})
        rows = [
            [named(quantity, last), *_ends(quantity, own[0], runs[0]), *_ends(quantity, own[1], runs[1])]
            for quantity in names
        ]
        table = {
            "head": ["after the last epoch, NumPy", "documented", "its seeds", mended.version, "its seeds"],
            "rule": "|--:|---|--:|---",
            "rows": rows or [[NOT_RUN, "", "", "", ""]],
            "saved": None,
        }
    return render("costs.md", defects=system.defects, **table).splitlines()


def _ends(quantity: str, own: Run | None, runs: Sequence[Run]) -> tuple[str, str]:
    """The own run's last value, and lowest, median and highest of all seeds."""
    ends = [float(run.rows[quantity][-1]) for run in runs if quantity in run.rows]
    if own is None or quantity not in own.rows:
        return NOT_RUN, f"{len(ends)} seeds" if ends else ""
    known = [value for value in ends if not isnan(value)]
    spread = " … ".join(f"{v:.4g}" for v in (min(known), median(known), max(known))) if known else "NaN"
    return f"{float(own.rows[quantity][-1]):.4g}", f"{spread} ({len(ends)})" if len(ends) > 1 else "no other"


def _pruning(own: Sequence[Run | None]) -> dict[str, Any]:
    """A column for each stage of each version, from the document's own seed; and what pruning has saved in the end."""
    finals = [None if run is None else {name: float(value) for name, value in run.final.items()} for run in own]
    head = [f"{version}: {stage.replace('_', '-')}" for version in ("documented", "corrected") for stage in STAGES]
    rows = [
        [title, *(_stage(final, f"{quantity}_{stage}", form) for final in finals for stage in STAGES)]
        for quantity, title, form in PRUNED
    ]
    saved = {
        name: final
        for name, final in zip(("Documented", "Corrected"), finals, strict=True)
        if final and "sparsity_fine_tuned" in final
    }
    return {"head": ["NumPy, own seed", *head], "rule": 6 * "|--:", "rows": rows, "saved": saved}


def _stage(final: dict[str, float] | None, name: str, form: str) -> str:
    if final is None:
        return NOT_RUN
    return format(final[name], form) if name in final else "not measured"


def _section(system: System, rows: Sequence[Row], evidence: Evidence) -> dict[str, Any]:
    """What the page says of one system."""
    reasons = {reason: k for k, reason in enumerate(dict.fromkeys(row.ruling[1:] for row in rows), 1)}
    notes = [row.figure.note for row in rows]
    cells = [
        [
            _title(row) + (f" ({row.figure.note})" if row.figure.note and notes.count(row.figure.note) == 1 else ""),
            row.figure.printed,
            *(row.ours.get(framework, NOT_RUN) for framework in FRAMEWORKS),
            row.place,
            row.spread,
            f"{row.ruling.verdict} ({reasons[row.ruling[1:]]})",
        ]
        for row in rows
    ]
    judged, variant = judged_by(system), version_of(system, "in-3")
    runs = {TITLES[framework]: evidence.runs(judged, framework) for framework in FRAMEWORKS}
    versions = [sorted({" ".join(one) for run in of for one in run.versions.items()}) for of in runs.values()]
    return {
        "system": system,
        "judged": judged,
        "runs": dict(zip(runs, zip(runs.values(), versions, strict=True), strict=True)),
        "own": evidence.own(judged),
        "remarks": dict.fromkeys([*system.remarks, *judged.remarks, *(variant.remarks if variant else ())]),
        "cells": cells,
        "reasons": reasons,
        "solved": evidence.reconstructed.systems.get(system.id) if evidence.reconstructed else None,
        "sides": [
            (TITLES[framework], version.version, side(version, evidence, framework))
            for version in filter(None, (system, counterpart(system)))
            for framework in FRAMEWORKS
        ],
        "costs": costs(system, evidence),
    }


def _title(row: Row) -> str:
    return named(row.figure.quantity, row.figure.epoch)
