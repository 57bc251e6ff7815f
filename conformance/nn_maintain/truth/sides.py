"""The frameworks side by side: step by step where all must agree, and beyond that one statistic for the whole curve."""

from dataclasses import dataclass

import numpy as np

from nn_conformance.cases.encoding import values
from nn_conformance.replay.ledger import Agreement, Framework, Run
from nn_maintain.truth.evidence import Evidence
from nn_maintain.truth.placement import SEEDS, Placement, place
from nn_maintain.truth.rulings import named
from nn_reference.arithmetic import Array
from nn_reference.systems import System

NO_FIGURE = ("epoch", "elapsed_seconds")
TOGETHER = 1e-3  # of a figure, or of 1 if that is more: an accuracy moves by single samples


@dataclass(frozen=True)
class Side:
    """A framework's run, from the same weights and in the same order as NumPy's."""

    # The largest difference between its first losses and NumPy's, relative to these, and how many were compared; None
    # without any. Of a single evaluation, its loss and gradients.
    first: tuple[float, int] | None
    curve: bool  # whether it was trained
    # Of the epochs that both have, how many pass before a figure differs by more than `TOGETHER`, and how many there are.
    together: tuple[int, int]
    agreement: Agreement | None  # its losses against the certified ones; None where the run has no certified order
    # Its whole curve among NumPy's other seeds, by which alone no framework is called outside; None with too few of
    # these, or without a curve.
    placement: Placement | None
    furthest: str  # quantity and epoch that lie furthest out


def side(system: System, evidence: Evidence, framework: Framework) -> Side | None:
    """One framework's; None where it was not run."""
    run, own = evidence.own(system, framework), evidence.own(system)
    if run is None:
        return None
    first, together = (None, (0, 0)) if own is None else (_difference(run, own), _together(run, own))
    # From the same weights in the same order, NumPy's run is no independent one.
    others = [other for other in evidence.runs(system) if other.seed != run.seed]
    placement, furthest = None, ""
    if len(others) >= SEEDS - 1 and run.rows:
        names, curves = _curves(run, *others)
        placement = place(curves[:1], curves[1:])
        furthest = named(*names[placement.figure])
    return Side(first, bool(run.rows), together, run.agreement, placement, furthest)


def _difference(run: Run, own: Run) -> tuple[float, int] | None:
    """As many as both have: a run that NaN has ended has fewer. NaN beside NaN is no number, and beside one infinitely far."""
    ours, theirs = own.first_losses or list(own.final.values()), run.first_losses or list(run.final.values())
    a, b = (values(losses[: min(len(ours), len(theirs))], "float64") for losses in (ours, theirs))
    known = ~(np.isnan(a) & np.isnan(b))
    if not known.any():
        return None
    apart = np.abs(b - a)[known] / np.abs(a[known])
    return float(np.nan_to_num(apart, nan=np.inf).max()), int(np.count_nonzero(known))


def _together(run: Run, own: Run) -> tuple[int, int]:
    names, (theirs, ours) = _curves(run, own)
    with np.errstate(invalid="ignore"):  # infinity beside infinity
        near = np.abs(theirs - ours) <= TOGETHER * np.maximum(1, np.abs(ours))
    apart = ~(near | (np.isnan(ours) & np.isnan(theirs)))
    epochs = sorted({epoch for _, epoch in names})
    parted = {epoch for (_, epoch), off in zip(names, apart, strict=True) if off}
    return next((k for k, epoch in enumerate(epochs) if epoch in parted), len(epochs)), len(epochs)


def _curves(*runs: Run) -> tuple[list[tuple[str, int]], Array]:
    """Quantity and epoch of each of the D figures that all the runs have, and the figures, (runs, D)."""
    figures = [
        {
            (quantity, int(float(epoch))): value
            for quantity, column in run.rows.items()
            if quantity not in NO_FIGURE
            for epoch, value in zip(run.rows["epoch"], column, strict=True)
        }
        for run in runs
    ]
    names = [name for name in figures[0] if all(name in other for other in figures)]
    return names, np.array([values([each[name] for name in names], "float64") for each in figures])
