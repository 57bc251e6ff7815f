"""The table of truth: for every figure that a document prints, what we have in its place, and what became of it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from nn_conformance.replay.evidence import Evidence
from nn_conformance.replay.figures import TIMES, computed, in_printed_digits
from nn_conformance.replay.ledger import FRAMEWORKS, Framework
from nn_conformance.replay.rulings import ORIGINS, Judge, Ruling, Verdict, is_number, number
from nn_reference.systems import SYSTEMS, Figure, System

DOCUMENTED = tuple(system for system in SYSTEMS if system.version == "documented")
# No run's: they come from the declaration or the dataset, or are times.
OF_NO_RUN = (*TIMES, *ORIGINS, "stated_mean_accuracy_percent")
# What tells most of a system, the best first.
TELLING = ("test_accuracy", "test_accuracy_percent", "loss", "last_sample_loss", "training_loss")


@dataclass(frozen=True)
class Row:
    """A printed figure, and what we have in its place, in the same digits.

    Attributes:
        figure: as the document prints it.
        ours: from the document's own seed, or from seed 0, by framework; empty where a run has no such figure, and
            missing where there is no run.
        place: how many of NumPy's seeds lie below, at and above it.
        spread: their lowest, median and highest.
        ruling: the verdict, and why.
    """

    figure: Figure
    ours: dict[Framework, str]
    place: str
    spread: str
    ruling: Ruling


def table(system: System, evidence: Evidence) -> list[Row]:
    """A row for each printed figure of a documented system, in the declaration's order."""
    judge = Judge(system, evidence)
    return [
        Row(figure, _ours(system, figure, evidence), *_seeds(system, figure, evidence), judge.ruling(figure))
        for figure in system.figures
    ]


def telling(rows: Iterable[Row]) -> Row:
    """The figure that tells most of a system: the best quantity that it prints, of the last epoch, in fewest digits."""
    by_quantity: dict[str, list[Row]] = {}
    for row in rows:
        by_quantity.setdefault(row.figure.quantity, []).append(row)
    best = next(by_quantity[quantity] for quantity in TELLING if quantity in by_quantity)
    return min((row for row in best if row.figure.epoch == best[-1].figure.epoch), key=lambda r: len(r.figure.printed))


def counts(rows: Iterable[Row]) -> dict[Verdict, int]:
    """How many rows have which verdict, the commonest first."""
    found: dict[Verdict, int] = {}
    for row in rows:
        found[row.ruling.verdict] = found.get(row.ruling.verdict, 0) + 1
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def as_json(evidence: Evidence) -> list[dict[str, Any]]:
    """Every row of every system, for machines."""
    return [
        {
            "system": system.id,
            **asdict(row.figure),
            "ours": row.ours,
            "place": row.place,
            "spread": row.spread,
            "verdict": row.ruling.verdict,
            "reason": row.ruling.reason,
        }
        for system in DOCUMENTED
        for row in table(system, evidence)
    ]


def _ours(system: System, figure: Figure, evidence: Evidence) -> dict[Framework, str]:
    ours: dict[Framework, str] = {}
    for framework in FRAMEWORKS:
        if (run := evidence.own(system, framework)) is not None:
            found = computed(system, run, figure)
            digits = figure.printed if figure.quantity not in TIMES or "." not in figure.printed else "0.00"
            ours[framework] = in_printed_digits(found, digits) if isinstance(found, float) else found or ""
    return ours


def _seeds(system: System, figure: Figure, evidence: Evidence) -> tuple[str, str]:
    """Place among the seeds, and their spread, in the printed digits."""
    found = [computed(system, run, figure) for run in evidence.runs(system)]
    if figure.quantity.split(" ")[0] in OF_NO_RUN or not found:
        return "", ""
    if not is_number(figure.printed):
        classes = [value for value in found if isinstance(value, str)]
        return (f"equal in {classes.count(figure.printed)} of {len(classes)}" if classes else ""), ""
    ours = [float(in_printed_digits(value, figure.printed)) for value in found if isinstance(value, float)]
    if not ours:
        return "", ""
    printed = number(figure.printed)
    below, equal = sum(value < printed for value in ours), ours.count(printed)
    ends = [in_printed_digits(value, figure.printed) for value in (min(ours), median(ours), max(ours))]
    spread = " … ".join(ends) if ends[0] != ends[-1] else ends[0]
    return f"{below} · {equal} · {len(ours) - below - equal}", spread
