"""The table of truth: for every figure that a document prints, what we have in its place, and what became of it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from nn_conformance.replay.figures import DECLARED, TIMES, computed, in_printed_digits, is_number, number
from nn_conformance.replay.ledger import FRAMEWORKS, Framework
from nn_conformance.replay.records import Verdicts, VerdictTable
from nn_maintain.truth.evidence import Basis, Evidence, judged_by
from nn_maintain.truth.rulings import DOCUMENTED, Judge, Ruling, experiments, named, of_the_run
from nn_reference.systems import Figure, System

# No run's: they come from the declaration or the dataset, or are times.
OF_NO_RUN = (*TIMES, *DECLARED, "steps", "stated_mean_accuracy_percent", "warnings")
# What tells most of a system, the best first.
TELLING = ("test_accuracy", "test_accuracy_percent", "loss", "last_sample_loss", "training_loss")


@dataclass(frozen=True)
class Row:
    """A printed figure, and what we have in its place, in the same digits."""

    figure: Figure  # as the document prints it
    # From the document's own seed, or from seed 0; empty where a run has no such figure, and missing where there is no run.
    ours: dict[Framework, str]
    place: str  # how many of NumPy's seeds lie below, at and above it
    spread: str  # their lowest, median and highest
    ruling: Ruling  # the verdict, why, and how to check it

    @property
    def title(self) -> str:
        """What the figure is, as people read it."""
        return named(self.figure.quantity, self.figure.epoch)


def tables(judge: Judge) -> dict[str, list[Row]]:
    """By documented network its table."""
    return {system.name: table(system, judge) for system in DOCUMENTED}


def table(system: System, judge: Judge) -> list[Row]:
    """A row for each figure that the document prints of a network, in the declaration's order."""
    evidence = judge.evidence
    return [
        Row(f, _ours(system, f, evidence), *_seeds(system, f, evidence.basis(system)), judge.ruling(system, f))
        for f in system.figures
    ]


def telling(rows: Sequence[Row]) -> Row:
    """The figure that tells most of a system: the best quantity that it prints, of the last epoch, in fewest digits."""
    quantities = {row.figure.quantity for row in rows}
    best = next(quantity for quantity in TELLING if quantity in quantities)
    of_best = [row for row in rows if row.figure.quantity == best]
    return min(
        (row for row in of_best if row.figure.epoch == of_best[-1].figure.epoch), key=lambda r: len(r.figure.printed)
    )


def counts(rows: Iterable[Row]) -> Counter[str]:
    """How many figures have which verdict."""
    return Counter(row.ruling.verdict for row in rows)


def verdicts(rows: dict[str, list[Row]]) -> VerdictTable:
    """What `nn-conformance replay` says of each network's printed figures."""
    networks = {}
    for name, all_rows in rows.items():
        judged = [row for row in all_rows if row.ruling.verdict != "not judged"]
        figures = dict(counts(judged).most_common())
        most = next(iter(figures))
        reason = next(row.ruling.reason for row in judged if row.ruling.verdict == most)
        networks[name] = Verdicts(figures, reason)
    return VerdictTable(1, networks)


def curve_counts(rows: dict[str, list[Row]]) -> Counter[str]:
    """How many trained curves have which verdict: figures of one run that were judged together are one."""
    curves: set[tuple[str, Ruling]] = set()
    for system in DOCUMENTED:
        trained = of_the_run(system) if system.recipe.epochs else []
        judged = (*trained, *experiments(system))
        curves |= {(system.name, row.ruling) for row in rows[system.name] if row.figure in judged}
    return Counter(ruling.verdict for _, ruling in curves)


def as_json(rows: dict[str, list[Row]]) -> list[dict[str, Any]]:
    """Every row of every system, for machines."""
    return [
        {
            "system": system.id,
            **asdict(row.figure),
            **{name: getattr(row, name) for name in ("ours", "place", "spread")},
            **row.ruling._asdict(),
        }
        for system in DOCUMENTED
        for row in rows[system.name]
    ]


def _ours(system: System, figure: Figure, evidence: Evidence) -> dict[Framework, str]:
    ours: dict[Framework, str] = {}
    judged = judged_by(system)
    for framework in FRAMEWORKS:
        run = evidence.own(judged, framework)
        if run is not None and (framework == "numpy" or figure.quantity != "warnings"):  # which are NumPy's
            value = computed(judged, run, figure)
            digits = figure.printed if figure.quantity not in TIMES or "." not in figure.printed else "0.00"
            ours[framework] = in_printed_digits(value, digits) if isinstance(value, float) else value or ""
    return ours


def _seeds(system: System, figure: Figure, basis: Basis) -> tuple[str, str]:
    """Place among the seeds, and their spread, in the printed digits."""
    values: list[float | str | None] = []
    if figure.quantity.split(" ")[0] not in OF_NO_RUN:
        values = [computed(system, run, figure) for run in basis.runs]
    if not is_number(figure.printed):
        classes = [value for value in values if isinstance(value, str)]
        return (f"equal in {classes.count(figure.printed)} of {len(classes)}" if classes else ""), ""
    ours = [float(in_printed_digits(value, figure.printed)) for value in values if isinstance(value, float)]
    if not ours:
        return "", ""
    printed = number(figure.printed)
    below, equal = sum(value < printed for value in ours), ours.count(printed)
    ends = [in_printed_digits(value, figure.printed) for value in (min(ours), median(ours), max(ours))]
    spread = " … ".join(ends) if ends[0] != ends[-1] else ends[0]
    return f"{below} · {equal} · {len(ours) - below - equal}", spread
