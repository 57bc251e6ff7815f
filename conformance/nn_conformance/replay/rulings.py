"""Verdicts on printed figures, with their reasons.

A figure of a training run is judged with all others of the same run, by one statistic for the whole curve: `placement`.
"""

from collections.abc import Sequence
from functools import cached_property
from statistics import mean
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from nn_conformance.replay.evidence import Evidence, corrected
from nn_conformance.replay.figures import TIMES, computed, in_printed_digits
from nn_conformance.replay.ledger import Run
from nn_conformance.replay.placement import SEEDS, Placement, place
from nn_reference.arithmetic import Array
from nn_reference.systems import Figure, System

Verdict: TypeAlias = Literal[
    "exact", "reconstructed", "inside", "outside", "not reproducible", "not judged", "open"
]  # fmt: skip
VERDICTS: dict[Verdict, str] = {
    "exact": "ours has the printed digits",
    "reconstructed": "the printed digits come out of a start that was solved for",
    "inside": "its run lies no further out among our seeds' than chance would have it",
    "outside": "its run lies further out than that, or it is settled without training and has other digits",
    "not reproducible": "what is shown does not lead there, whoever runs it: the reason says how that is known",
    "not judged": "a time, which is the machine's",
    "open": "what would settle it has not been run yet, or not from enough seeds",
}
# Where figures come from that need no run.
ORIGINS = {
    "parameters": "counted from the declaration",
    "label": "the dataset's",
    "labels": "the dataset's",
    "steps": "counted from rows and batches",
}


class Ruling(NamedTuple):
    """A verdict, and why; `mended` is whether the corrected version's seeds hold what the documented version's do not."""

    verdict: Verdict
    reason: str
    mended: bool = False


def is_number(printed: str) -> bool:
    """Whether it is one number: neither a row of classes nor a range."""
    return printed.replace(",", "").removeprefix("-").replace(".", "", 1).isdigit()


def number(printed: str) -> float:
    """What it says."""
    return float(printed.replace(",", ""))


def prints(system: System, run: Run, figure: Figure) -> bool:
    """Whether a run has the figure's digits, or its classes."""
    found = computed(system, run, figure)
    if isinstance(found, float):
        return number(in_printed_digits(found, figure.printed)) == number(figure.printed)
    return found == figure.printed


def named(quantity: str, epoch: int | None) -> str:
    """As people read it: test accuracy, epoch 10."""
    words = quantity.replace("_", " ")
    return words if epoch is None else f"{words}, epoch {epoch}"


class Judge:
    """One documented system before its evidence."""

    def __init__(self, system: System, evidence: Evidence) -> None:
        self.system, self.evidence = system, evidence
        self.runs, self.own = evidence.runs(system), evidence.own(system)
        # A text may state the figures of several runs. What it states once is the run's own, told again.
        stated = [f for f in system.figures if f.quantity == "stated_accuracy_percent" and f.epoch is not None]
        self.experiments = stated if len(stated) > 1 else []

    def ruling(self, figure: Figure) -> Ruling:
        """The figure's verdict: of itself where that can be, else of its run."""
        kind = figure.quantity.split(" ")[0]
        if figure.quantity in TIMES:
            return Ruling("not judged", "a time is the machine's")
        if kind == "stated_mean_accuracy_percent":
            return self.mean_of_experiments(figure)
        if self.own is None:
            return Ruling("open", "there is no ledger of NumPy's run yet")
        if kind in ORIGINS or not self.system.recipe.epochs:
            return self.untrained(self.own, figure, ORIGINS.get(kind, "one evaluation of seeded numbers"))
        return self.trained(figure, kind)

    def untrained(self, own: Run, figure: Figure, origin: str) -> Ruling:
        """Of what no training has a part in, so that nothing is left to chance."""
        if prints(self.system, own, figure):
            return Ruling("exact", origin)
        return Ruling("outside", f"{origin}: {computed(self.system, own, figure)}; {figure.note}")

    def trained(self, figure: Figure, kind: str) -> Ruling:
        """Of what training has led to."""
        if kind == "predictions":
            return self.classes(figure)
        if figure.epoch is None:
            return self.hearsay(figure)
        return self.stated if figure in self.experiments else self.curve

    def mean_of_experiments(self, figure: Figure) -> Ruling:
        """What follows from other printed figures."""
        found = mean(number(experiment.printed) for experiment in self.experiments)
        agrees = number(in_printed_digits(found, figure.printed)) == number(figure.printed)
        return Ruling("exact" if agrees else "outside", f"arithmetic: the mean of the printed ones is {found:.3f}")

    def hearsay(self, figure: Figure) -> Ruling:
        """What a text says of runs that it does not show."""
        if len(self.runs) < SEEDS:
            return self.incomplete
        ends = {100 * float(run.rows["test_accuracy"][-1]) for run in self.runs}
        low, _, high = figure.printed.partition("-")
        shown = ", ".join(f"{end:.2f}" for end in sorted(ends))
        if all(float(low) <= end <= float(high or low) for end in ends):
            return Ruling("inside" if high else "exact", f"all {len(self.runs)} seeds end in it: {shown}")
        why = f"; {self.absorbed}" if all(run.nan_from for run in self.runs) else ""
        return Ruling("not reproducible", f"{shown} is all that {len(self.runs)} seeds come to{why}")

    def classes(self, figure: Figure) -> Ruling:
        """A row of predicted classes, each of them a figure of the run: how many seeds have just these, and the level."""
        if len(self.runs) < SEEDS:
            return self.incomplete
        alike = sum(prints(self.system, run, figure) for run in self.runs)
        text = f"{alike} of {len(self.runs)} seeds predict just these"
        if alike == len(self.runs):
            return Ruling("exact", text)
        rows = [figure.printed, *(str(computed(self.system, run, figure)) for run in self.others(self.system))]
        classes = np.array([row.split() for row in rows], float)
        found = place(classes[:1], classes[1:])
        return Ruling("outside" if found.outside else "inside", f"{text}; level {found.level:.3f}")

    @property
    def incomplete(self) -> Ruling:
        """What is said while seeds are missing."""
        return Ruling("open", f"{len(self.runs)} of {SEEDS} seeds so far")

    @property
    def absorbed(self) -> str:
        """What all runs have in common that end alike."""
        steps = [run.nan_from for run in self.runs if run.nan_from is not None]
        if len(steps) < len(self.runs):
            return f"all {len(self.runs)} seeds end alike"
        span = f"{min(steps)} to {max(steps)}"
        return (
            f"every weight is NaN after {span} updates, in all {len(self.runs)} seeds, and no update leads out of that"
        )

    @cached_property
    def of_the_run(self) -> list[Figure]:
        """The figures of the run that the document shows."""
        others = {*TIMES, "stated_mean_accuracy_percent"}
        numbers = [f for f in self.system.figures if f.epoch is not None and f.quantity not in others]
        return [f for f in numbers if f not in self.experiments]

    @cached_property
    def curve(self) -> Ruling:
        """Of the run that the document shows, with all its figures."""
        system, own, figures = self.system, self.own, self.of_the_run
        if reason := self.evidence.reconstruction(system):
            return Ruling("reconstructed", reason)
        if reason := self.evidence.chaos(system):
            return Ruling("not reproducible", reason)
        if own and system.seed is not None and all(prints(system, own, figure) for figure in figures):
            return Ruling("exact", system.start_note or f"from the document's seed {system.seed}")
        if len(self.runs) >= SEEDS and all(prints(system, run, f) for run in self.runs for f in figures):
            return Ruling("exact", self.absorbed)
        return self.judged(figures, np.array([[number(figure.printed) for figure in figures]]))

    @cached_property
    def stated(self) -> Ruling:
        """Of several runs with one printed figure each."""
        # All in the digits of the one that has most: a zero at the end is not always printed.
        longest = max(self.experiments, key=lambda experiment: len(experiment.printed))
        return self.judged([longest], np.array([[number(f.printed)] for f in self.experiments]))

    def judged(self, figures: Sequence[Figure], printed: Array) -> Ruling:
        """By the one statistic, for K runs with D figures (K, D)."""
        if len(self.runs) < SEEDS:
            return self.incomplete
        found = self.placed(self.system, figures, printed)
        at = figures[found.figure]
        many, size = (f"{count} " if count > 1 else "" for count in printed.shape)
        what = f"the {many}{'curve' if size else 'figure'}{'s' if many else ''}{f' of {size}figures' if size else ''}"
        text = f"{what} among {found.seeds} seeds: {found.as_far} as far out, level {found.level:.3f}"
        if size:
            text += f"; furthest by {abs(found.deviation):.1f} median distances, {named(at.quantity, at.epoch)}"
        if not found.outside:
            return Ruling("inside", text)
        among = self.mended(figures, printed)
        if among is None:
            return Ruling("outside", text)
        verb = "do not hold it either" if among.outside else "hold it"
        text += f"; the {among.seeds} seeds of the corrected version {verb}, level {among.level:.3f}"
        return Ruling("outside", text, not among.outside)

    def placed(self, system: System, figures: Sequence[Figure], printed: Array) -> Placement:
        """Among the seeds of a version."""
        ours = [[_rounded(computed(system, run, figure), figure) for figure in figures] for run in self.others(system)]
        return place(printed, np.array(ours))

    def others(self, system: System) -> list[Run]:
        """The runs of a version; ours from the document's own seed, if it set one, is no independent one."""
        return [run for run in self.evidence.runs(system) if run.seed != system.seed]

    def mended(self, figures: Sequence[Figure], printed: Array) -> Placement | None:
        """Where they lie among the corrected version's seeds; None if that is unknown."""
        system = corrected(self.system)
        if system is None or len(self.evidence.runs(system)) < SEEDS:
            return None
        return self.placed(system, figures, printed)


def _rounded(found: float | str | None, figure: Figure) -> float:
    return float(in_printed_digits(found, figure.printed)) if isinstance(found, float) else float("nan")
