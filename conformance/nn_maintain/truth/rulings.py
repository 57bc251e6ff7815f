"""Verdicts on printed figures, each with one sentence of reason and the command that checks it.

Figures of one training run are judged together, as one curve: `placement`. A curve is `outside` only where Holm's
correction over all curves says so.
"""

import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import mean
from typing import NamedTuple

import numpy as np

from nn_conformance.replay.figures import DECLARED, TIMES, computed, in_printed_digits, is_number, number
from nn_conformance.replay.ledger import Run
from nn_maintain.markdown import sentence
from nn_maintain.truth.evidence import Basis, Evidence
from nn_maintain.truth.placement import FEW_VALUES, OUTSIDE, SEEDS, Placement, enough, holm, place
from nn_reference.arithmetic import Array
from nn_reference.systems import SYSTEMS, Figure, System, get

VERDICTS: dict[str, str] = tomllib.loads(Path(__file__).with_name("verdicts.toml").read_text("utf-8"))
DOCUMENTED = tuple(system for system in SYSTEMS if system.version == "documented")
OTHERS = {*TIMES, "stated_mean_accuracy_percent"}


class Ruling(NamedTuple):
    """A verdict, why, and the command that checks it."""

    verdict: str  # of VERDICTS
    reason: str
    check: str = ""


@dataclass(frozen=True)
class Curve:
    """Printed figures that are judged together, beside those of our seeds in the same digits."""

    title: str  # what they are
    figures: tuple[Figure, ...]  # of the D columns
    printed: Array  # (K, D), a row for each run that the document tells of
    seeds: Array  # (N, D)
    check: str  # the command that makes ours

    @cached_property
    def placement(self) -> Placement | None:
        """Where the printed rows lie among the seeds; None with too few of these."""
        return place(self.printed, self.seeds) if len(self.seeds) >= SEEDS else None

    def text(self) -> str:
        """How far out it lies, and which columns decided that."""
        placement = self.placement
        if placement is None:
            return sentence("few_seeds", seeds=len(self.seeds), least=SEEDS)
        at = self.figures[placement.figure]
        columns = Counter(self.figures[k].quantity.replace("_", " ") for k in placement.far_figures)
        values = [len(set(column)) for column in self.seeds.T.tolist()]
        wide = [k for k, count in enumerate(values) if count > FEW_VALUES]
        return sentence(
            "curve",
            title=self.title,
            placement=placement,
            decided=named(at.quantity, at.epoch) if len(self.figures) > 1 else "",
            columns=columns.most_common(3),
            values=values[placement.figure],
            weak=placement.figure not in wide,
            without=place(self.printed[:, wide], self.seeds[:, wide]) if wide else None,
        )


def named(quantity: str, epoch: int | None) -> str:
    """As people read it: test accuracy, epoch 10."""
    words = quantity if " " in quantity else quantity.replace("_", " ")  # dense_1 is a name
    return words if epoch is None else f"{words}, epoch {epoch}"


def prints(system: System, run: Run | None, figure: Figure) -> bool:
    """Whether a run, or without one the declaration, has the figure's digits or its text."""
    value = computed(system, run, figure)
    if isinstance(value, float) and is_number(figure.printed):
        return number(in_printed_digits(value, figure.printed)) == number(figure.printed)
    return value == figure.printed


def of_the_run(system: System) -> list[Figure]:
    """The figures of the run that a document shows, without times, and without those that it states of several runs."""
    several = experiments(system)
    return [f for f in system.figures if f.epoch is not None and f.quantity not in OTHERS and f not in several]


def experiments(system: System) -> list[Figure]:
    """Figures that a text states of several runs, one of each. What it states once is the shown run's own."""
    stated = [f for f in system.figures if f.quantity == "stated_accuracy_percent" and f.epoch is not None]
    return stated if len(stated) > 1 else []


def curves(system: System, evidence: Evidence) -> list[Curve]:
    """What is judged together of a documented system: the shown run, in two parts where its first epochs have more seeds."""
    parts, figures, basis = [], of_the_run(system), evidence.basis(system)
    check = basis.replay(len(basis.runs))
    if first := evidence.first.get(system.id):
        epochs, book = first
        early = [f for f in figures if f.epoch is not None and f.epoch <= epochs]
        check_early = f"{basis.replay(len(book.runs))} --epochs {epochs}"
        parts.append(_curve(f"epochs 1 to {epochs}", system, early, book.runs, check_early))
        figures = [f for f in figures if f not in early]
    if figures:
        parts.append(_curve("the later epochs" if first else "the run", system, figures, basis.runs, check))
    if stated := experiments(system):
        # All in the digits of the one that has most: a zero at the end is not always printed.
        longest = max(stated, key=lambda figure: len(figure.printed))
        rows = np.array([[number(figure.printed)] for figure in stated])
        ours = _columns(system, [longest], basis.runs)
        parts.append(Curve(f"{len(stated)} stated runs", (longest,), rows, ours, check))
    return parts


def _curve(title: str, system: System, figures: Sequence[Figure], runs: Sequence[Run], check: str) -> Curve:
    printed = np.array([[number(figure.printed) for figure in figures]])
    many = f" ({len(figures)} figures)" if len(figures) > 1 else ""
    return Curve(title + many, tuple(figures), printed, _columns(system, figures, runs), check)


def _columns(system: System, figures: Sequence[Figure], runs: Sequence[Run]) -> Array:
    """Ours, (N, D); the run from the document's own seed, if it set one, is no independent one."""

    def rounded(run: Run, figure: Figure) -> float:
        value = computed(system, run, figure)
        return float(in_printed_digits(value, figure.printed)) if isinstance(value, float) else float("nan")

    others = [run for run in runs if run.seed != system.seed]
    return np.array([[rounded(run, f) for f in figures] for run in others]).reshape(len(others), len(figures))


class Judge:
    """All documented systems before their evidence: the correction is over all their curves."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.curves = {system.name: curves(system, evidence) for system in DOCUMENTED}
        self.solved = {system.name: evidence.reconstruction(system) for system in DOCUMENTED}
        placed = [(curve, curve.placement) for each in self.curves.values() for curve in each]
        levels = {id(curve): placement.level for curve, placement in placed if placement is not None}
        self.tested = len(levels)
        self._outside = {curve for curve, out in zip(levels, holm([*levels.values()], OUTSIDE), strict=True) if out}

    def ruling(self, system: System, figure: Figure) -> Ruling:
        """A figure's verdict: of itself where that can be, else of its curve."""
        kind, basis = figure.quantity.split(" ")[0], self.evidence.basis(system)
        if figure.quantity in TIMES:
            return Ruling("not judged", self.of_times(system, figure))
        if kind == "stated_mean_accuracy_percent":
            return _of_mean(system, figure)
        if kind in DECLARED:
            check = "replay {} --epochs 1" if kind.startswith("label") else "describe {}"
            return _settled(basis, figure, DECLARED[kind], f"nn-conformance {check.format(system.name)}")
        if basis.own is None:
            return Ruling("open", "there is no ledger of NumPy's run yet", basis.replay())
        return self.of_runs(system, figure, basis, basis.own)

    def of_runs(self, system: System, figure: Figure, basis: Basis, own: Run) -> Ruling:
        """Of what a run has led to."""
        if figure.quantity.startswith("steps "):
            return _settled(basis, figure, "counted from rows and batches", basis.replay())
        if not system.recipe.epochs:
            return _of_evaluation(basis, own, figure)
        if figure.epoch is not None:
            return self.of_curve(system, figure, basis)
        if len(basis.runs) < SEEDS:
            return Ruling("open", sentence("few_seeds", seeds=len(basis.runs), least=SEEDS), basis.replay())
        if figure.quantity.split(" ")[0] in {"predictions", "warnings"}:
            return _of_text(basis, figure)
        return self.of_hearsay(system, figure)

    def of_curve(self, system: System, figure: Figure, basis: Basis) -> Ruling:
        """Of the curve that has the figure."""
        *_, last = each = self.curves[system.name]
        if figure in experiments(system):
            return self.placed(last)
        curve = next(curve for curve in each if figure in curve.figures)
        if solved := self.solved[system.name]:
            check = f"python -m nn_maintain reconstruct {system.name}"
            return Ruling("reconstructed", f"{solved}; {curve.text()}", check)
        if chaos := self.evidence.chaos(system):
            same = sum(prints(system, run, figure) for run in basis.runs)
            text = sentence("rounding_decides", chaos=chaos, same=same, runs=len(basis.runs), printed=figure.printed)
            return Ruling("not determined by what is shown", text, "python -m nn_maintain chaos")
        return _of_seed(system, curve, basis) or self.placed(curve, self.as_shown(system, curve, basis), system)

    def as_shown(self, system: System, curve: Curve, basis: Basis) -> Placement | None:
        """Where the curve lies among the seeds of what the document shows, if that is not what ran."""
        runs = self.evidence.runs(system)
        if basis.system is system or len(runs) < SEEDS:
            return None
        return place(curve.printed, _columns(system, curve.figures, runs))

    def placed(self, curve: Curve, shown: Placement | None = None, system: System | None = None) -> Ruling:
        """By its level, corrected for all the curves."""
        placement, verdict, correction, least = curve.placement, "inside", "", enough(self.tested)
        if placement is None:
            verdict = "open"
        elif id(curve) in self._outside:
            verdict, correction = "outside", "upholds"
        elif placement.level <= OUTSIDE and len(curve.seeds) < least:
            verdict, correction = "open", "no seeds"
        elif placement.level <= OUTSIDE:
            correction = "does not uphold"
        text = sentence(
            "corrected",
            text=curve.text(),
            system=system,
            shown=shown,
            correction=correction,
            tested=self.tested,
            least=least,
        )
        return Ruling(verdict, text, curve.check)

    def of_hearsay(self, system: System, figure: Figure) -> Ruling:
        """What a text says of runs that it does not show: looked for in every epoch of the runs that might be meant."""
        low, high = _interval(figure.printed)
        runs = {version: self.evidence.runs(version) for version in (system, get(system.name, "in-3"))}
        ends = [
            (version, run.seed, epoch, 100 * float(value))
            for version, of in runs.items()
            for run in of
            for epoch, value in enumerate(run.rows.get("test_accuracy", []), 1)
        ]
        # Of each run the first epoch that has it.
        first = {end[:2]: end for end in reversed(ends) if low <= end[-1] <= high}
        reached = list(reversed(first.values()))
        text = sentence(
            "hearsay",
            reached=reached,
            of_versions={version.id: len(of) for version, of in runs.items()},
            ends=[end[-1] for end in ends],
        )
        check = f"nn-conformance replay {system.name}"
        if reached:
            version, seed, epoch, _ = reached[0]
            return Ruling("inside", text, f"{check} --version {version.version} --seeds {seed + 1} --epochs {epoch}")
        *_, variant = runs.values()
        check += f" --version in-3 --seeds {max(1, len(variant))}"
        return Ruling("not determined by what is shown", text, check)

    def of_times(self, system: System, figure: Figure) -> str:
        """Why a time has no verdict; of document 004's comparison, which is the faster one here."""
        numpy, torch = self.evidence.own(get("mnist-relu")), self.evidence.own(get("mnist-relu-torch"), "torch")
        if figure.quantity != "elapsed_seconds" or system.document != "004" or numpy is None or torch is None:
            return "a time is the machine's"
        return sentence("comparison", numpy=numpy, torch=torch)


def _of_seed(system: System, curve: Curve, basis: Basis) -> Ruling | None:
    """Of a run that comes out from the document's seed, or from every seed; None of others."""
    alike = [run for run in basis.runs if all(prints(system, run, f) for f in of_the_run(system))]
    if basis.own in alike and system.seed is not None:
        if not system.start_note:
            return Ruling("exact", f"from the document's seed {system.seed}", curve.check)
        same = sum(run.seed != system.seed for run in alike)
        text = sentence("presumed_seed", system=system, same=same, others=len(curve.seeds))
        return Ruling("exact from the presumed seed", text, curve.check)
    if len(alike) == len(basis.runs) >= SEEDS:
        ends = [run.nan_from for run in alike if run.nan_from is not None]
        return Ruling("exact", sentence("all_alike", runs=len(alike), ends=ends), curve.check)
    return None


def _settled(basis: Basis, figure: Figure, origin: str, check: str) -> Ruling:
    """Of what no training has a part in, so that nothing is left to chance."""
    if prints(basis.system, basis.own, figure):
        return Ruling("exact", origin, check)
    return Ruling("outside", f"{origin}: {computed(basis.system, basis.own, figure)}", check)


def _of_evaluation(basis: Basis, own: Run, figure: Figure) -> Ruling:
    """Of one evaluation of seeded numbers; what the document calls close need not be rounded rightly."""
    check = f"nn-conformance verify {basis.system.name}"
    if not figure.quantity.startswith("hint "):
        return _settled(basis, figure, "one evaluation of seeded numbers", check)
    value, printed = float(own.final[figure.quantity.removeprefix("hint ")]), number(figure.printed)
    decimals = len(figure.printed.partition(".")[2])
    apart = abs(value - printed)
    text = sentence("hint", value=value, apart=apart / abs(value))
    return Ruling("close as stated" if apart <= 10.0**-decimals else "outside", text, check)


def _of_mean(system: System, figure: Figure) -> Ruling:
    """What follows from other printed figures."""
    value = mean(number(experiment.printed) for experiment in experiments(system))
    agrees = number(in_printed_digits(value, figure.printed)) == number(figure.printed)
    text = f"arithmetic: the mean of the printed ones is {value:.3f}"
    return Ruling("exact" if agrees else "outside", text, f"nn-conformance describe {system.name}")


def _of_text(basis: Basis, figure: Figure) -> Ruling:
    """A row of classes, or of warnings: how many seeds have just this one."""
    alike = sum(prints(basis.system, run, figure) for run in basis.runs)
    text = sentence("same_text", same=alike, runs=len(basis.runs), warnings=figure.quantity == "warnings")
    verdict = "exact" if alike == len(basis.runs) else "inside" if alike else "open"
    return Ruling(verdict, text, basis.replay())


def _interval(printed: str) -> tuple[float, float]:
    """Of a range, its ends; of a number, all that is rounded to it."""
    low, dash, high = printed.partition("-")
    half = 0 if dash else 0.5 * 10.0 ** -len(low.partition(".")[2])
    return float(low) - half, float(high or low) + half
