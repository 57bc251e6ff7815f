"""Verdicts on printed figures, each with one sentence of reason and the command that checks it.

Figures of one training run are judged together, as one curve: `placement`. A curve is `outside` only where Holm's
correction over all curves says so.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import mean
from typing import NamedTuple

import numpy as np

from nn_conformance.replay.figures import DECLARED, TIMES, computed, in_printed_digits, is_number, number
from nn_conformance.replay.ledger import Run
from nn_maintain.truth.evidence import Basis, Evidence
from nn_maintain.truth.placement import FEW_VALUES, OUTSIDE, SEEDS, Placement, enough, holm, place
from nn_reference.arithmetic import Array
from nn_reference.systems import SYSTEMS, Figure, System, get

VERDICTS = {
    "exact": "ours has the printed digits, from the document's own seed or whatever the seed",
    "exact from the presumed seed": "ours has them from a seed that the document sets, but not visibly for this run",
    "close as stated": "the document says `close to`, and ours is within one unit of the last digit that it gives",
    "reconstructed": "the digits come out of a start that was solved for; controls and the place among seeds stand beside it",
    "inside": "its curve lies no further out among our seeds' than chance has it; the columns that decided are named",
    "outside": "its curve lies further out, by seeds enough and Holm's correction over all curves; or it needs no "
    "training and has other digits",
    "not determined by what is shown": "what is shown leads to it and to other figures, or does not say what led to it",
    "not judged": "a time, which is the machine's",
    "open": "what would settle it has not been run yet, or not from enough seeds",
}
DOCUMENTED = tuple(system for system in SYSTEMS if system.version == "documented")
OTHERS = {*TIMES, "stated_mean_accuracy_percent"}


class Ruling(NamedTuple):
    """A verdict, why, and the command that checks it."""

    verdict: str  # of VERDICTS
    reason: str
    check: str = ""


@dataclass(frozen=True)
class Curve:
    """Printed figures that are judged together, beside those of our seeds in the same digits.

    Attributes:
        title: what they are.
        figures: of the D columns.
        printed: (K, D), a row for each run that the document tells of.
        seeds: (N, D).
        check: the command that makes ours.
    """

    title: str
    figures: tuple[Figure, ...]
    printed: Array
    seeds: Array
    check: str

    @cached_property
    def placement(self) -> Placement | None:
        """Where the printed rows lie among the seeds; None with too few of these."""
        return place(self.printed, self.seeds) if len(self.seeds) >= SEEDS else None

    def text(self) -> str:
        """How far out it lies, and which columns decided that."""
        placement = self.placement
        if placement is None:
            return f"{len(self.seeds)} of {SEEDS} seeds so far"
        text = f"{self.title}: {_placed(placement, 'seeds lie')}"
        if len(self.figures) == 1:
            return text
        at = self.figures[placement.figure]
        text += f", decided by {named(at.quantity, at.epoch)} ({abs(placement.deviation):.1f} median distances)"
        columns = Counter(self.figures[k].quantity.replace("_", " ") for k in placement.far_figures)
        if columns:
            text += f" and the seeds' {', '.join(f'{name} ({n})' for name, n in columns.most_common(3))}"
        values = len(set(self.seeds[:, placement.figure].tolist()))
        if values <= FEW_VALUES:
            text += f"; that column has {values} values among the seeds, so this is weak"
            if wide := [k for k, column in enumerate(self.seeds.T) if len(set(column.tolist())) > FEW_VALUES]:
                without = place(self.printed[:, wide], self.seeds[:, wide])
                text += f": without such columns the level is {without.level:.3f}"
        return text


def _placed(placement: Placement, lie: str) -> str:
    return f"{placement.as_far} of {placement.seeds} {lie} as far out, level {placement.level:.3f}"


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
            return Ruling("open", f"{len(basis.runs)} of {SEEDS} seeds so far", basis.replay())
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
            text = f"{chaos}; {same} of {len(basis.runs)} seeds end at {figure.printed}"
            return Ruling("not determined by what is shown", text, "python -m nn_maintain chaos")
        return _of_seed(system, curve, basis) or self.placed(curve, self.as_shown(system, curve, basis))

    def as_shown(self, system: System, curve: Curve, basis: Basis) -> str:
        """Where the curve lies among the seeds of what the document shows, if that is not what ran."""
        runs = self.evidence.runs(system)
        if basis.system is system or len(runs) < SEEDS:
            return ""
        shown = place(curve.printed, _columns(system, curve.figures, runs))
        return f"; of what is shown, {system.id}, {_placed(shown, 'lie')}"

    def placed(self, curve: Curve, shown: str = "") -> Ruling:
        """By its level, corrected for all the curves."""
        placement, text, verdict = curve.placement, curve.text() + shown, "inside"
        if placement is None:
            verdict = "open"
        elif id(curve) in self._outside:
            verdict, text = "outside", f"{text}, which Holm's correction over {self.tested} curves upholds"
        elif placement.level <= OUTSIDE and len(curve.seeds) < (least := enough(self.tested)):
            verdict, text = "open", f"{text}; among {self.tested} curves only {least} seeds could tell that from chance"
        elif placement.level <= OUTSIDE:
            text = f"{text}, which Holm's correction over {self.tested} curves does not uphold"
        return Ruling(verdict, text, curve.check)

    def of_hearsay(self, system: System, figure: Figure) -> Ruling:
        """What a text says of runs that it does not show: looked for in every epoch of the runs that might be meant."""
        low, high = _interval(figure.printed)
        variant = get(system.name, "in-3")
        reached, ends = [], []
        for version in (system, variant):
            for run in self.evidence.runs(version):
                values = [100 * float(value) for value in run.rows.get("test_accuracy", [])]
                ends += values
                hits = [k for k, value in enumerate(values, 1) if low <= value <= high]
                reached += [(version, run.seed, hits[0], values[hits[0] - 1])] if hits else []
        several = " and ".join(f"{len(self.evidence.runs(v))} of {v.id}" for v in (system, variant))
        check = f"nn-conformance replay {system.name}"
        if reached:
            version, seed, epoch, value = reached[0]
            text = (
                f"{len(reached)} runs have it after some epoch ({several}): {version.id} from seed {seed} {value:.2f} %"
            )
            check += f" --version {version.version} --seeds {seed + 1} --epochs {epoch}"
            return Ruling("inside", f"{text} after epoch {epoch}", check)
        seen = f"{min(ends):.2f} to {max(ends):.2f} % over all epochs" if ends else "without accuracies"
        text = f"no run comes to it ({several}: {seen}), and which runs the text means is not shown"
        check += f" --version in-3 --seeds {max(1, len(self.evidence.runs(variant)))}"
        return Ruling("not determined by what is shown", text, check)

    def of_times(self, system: System, figure: Figure) -> str:
        """Why a time has no verdict; of document 004's comparison, which is the faster one here."""
        numpy, torch = self.evidence.own(get("mnist-relu")), self.evidence.own(get("mnist-relu-torch"), "torch")
        if figure.quantity != "elapsed_seconds" or system.document != "004" or numpy is None or torch is None:
            return "a time is the machine's"
        reverse = "the reverse order" if numpy.seconds < torch.seconds else "the same order"
        return (
            "a time is the machine's; the document compares 209.64 s in NumPy with 107.54 s in PyTorch, and here it is "
            f"{numpy.seconds:.0f} s and {torch.seconds:.0f} s of one processor: {reverse}"
        )


def _of_seed(system: System, curve: Curve, basis: Basis) -> Ruling | None:
    """Of a run that comes out from the document's seed, or from every seed; None of others."""
    alike = [run for run in basis.runs if all(prints(system, run, f) for f in of_the_run(system))]
    if basis.own in alike and system.seed is not None:
        if not system.start_note:
            return Ruling("exact", f"from the document's seed {system.seed}", curve.check)
        same = sum(run.seed != system.seed for run in alike)
        text = f"{system.start_note}; {same} of {len(curve.seeds)} other seeds give it too, so it is inside as well"
        return Ruling("exact from the presumed seed", text, curve.check)
    if len(alike) == len(basis.runs) >= SEEDS:
        return Ruling("exact", _absorbed(alike), curve.check)
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
    text = f"the text says `close to`; ours, {value:.8g}, is {apart / abs(value):.2%} from it"
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
    text = f"{alike} of {len(basis.runs)} seeds have just these"
    if figure.quantity == "warnings":
        text += ", in this order, before every weight is NaN: the best evidence that this is what happened"
    verdict = "exact" if alike == len(basis.runs) else "inside" if alike else "open"
    return Ruling(verdict, text, basis.replay())


def _absorbed(runs: Sequence[Run]) -> str:
    """What all runs have in common that end alike."""
    steps = [run.nan_from for run in runs if run.nan_from is not None]
    if len(steps) < len(runs):
        return f"all {len(runs)} seeds end alike"
    span = f"{min(steps)} to {max(steps)}"
    return f"every weight is NaN after {span} updates, in all {len(runs)} seeds, and no update leads out of that"


def _interval(printed: str) -> tuple[float, float]:
    """Of a range, its ends; of a number, all that is rounded to it."""
    low, dash, high = printed.partition("-")
    half = 0 if dash else 0.5 * 10.0 ** -len(low.partition(".")[2])
    return float(low) - half, float(high or low) + half
