"""Loss and accuracy over the epochs of a replay, on the training set and on held-out rows, under the document's figures."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nn_conformance.cases.encoding import values
from nn_conformance.plots.canvas import BLUE, GREEN, ORANGE, PURPLE, Picture, axes, listed, styled
from nn_conformance.replay.ledger import TITLES, Run
from nn_reference.arithmetic import Array
from nn_reference.errors import InputError
from nn_reference.systems import System

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDE_RANGE = 100  # ratio of losses from which on their axis is logarithmic
MANY_EPOCHS = 200  # likewise; what is printed are the first ones


# How the curve of a part of the data is drawn: label, colour, line and marker.
STYLES = {
    "training": ("training", BLUE, "-", "o"),
    "validation": ("validation", ORANGE, "--", "s"),
    "test": ("test", GREEN, "-.", "^"),
    "last_sample": ("last sample", PURPLE, "-", "D"),
}
PANELS = ("loss", "accuracy")


@styled()
def draw_curves(system: System, runs: Sequence[Run], framework: str) -> Picture:
    """A panel for the loss and one for the accuracy, where there are numbers.

    Lines are the first run's, pale ones the others', markers what the document prints of its own version.

    Raises:
        InputError: the network is not trained.
    """
    if not system.recipe.epochs:
        raise InputError(f"network: {system.name} has no training, and so no curves; expected one that is trained")
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - heavy, and optional

    first, *others = runs
    shown = [p for p in PANELS if any(np.isfinite(_column(first, f"{part}_{p}")).any() for part in STYLES)]
    title = f"{system.id}, {TITLES[framework]}, seed {first.seed}"
    pale = f"; pale: {len(others)} other seeds" if others else ""
    figure, panels = axes(len(shown), 1, (7.5, 3.6 * len(shown)), title + pale)
    drawn = [_panel(ax, panel, system, first, others) for ax, panel in zip(panels, shown, strict=True)]
    panels[-1].set_xlabel("epoch")
    for ax in panels:
        if first.epochs >= MANY_EPOCHS:
            ax.set_xscale("log")
            ax.xaxis.set_major_formatter("{x:g}")
        else:
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    absent = [f"No {p} is a number." for p in PANELS if p not in shown and f"test_{p}" in first.rows]
    absent += [f"Pale lines: {len(others)} more seeds."] if others else []
    return Picture(figure, " ".join((f"{title}.", *drawn, *absent)))


def printed(system: System, part: str, panel: str) -> list[tuple[int, float]]:
    """Epoch and figure of what the document prints of one curve; percents as fractions."""
    wanted = {f"{part}_{panel}": 1.0, f"{part}_{panel}_percent": 100.0}
    points = {
        (figure.epoch, float(figure.printed) / wanted[figure.quantity])
        for figure in system.figures
        if figure.quantity in wanted and figure.epoch is not None
    }
    return sorted(points)


def _panel(ax: "Axes", panel: str, system: System, first: Run, others: Sequence[Run]) -> str:
    """Draws it, and says in words where its curves end."""
    ends, seen = [], []
    for part, (name_of_part, colour, line, marker) in STYLES.items():
        name = f"{part}_{panel}"
        column = _column(first, name)
        if not np.isfinite(column).any():
            continue
        for other in others:
            ax.plot(_epochs(other), _column(other, name), line, color=colour, alpha=0.2, linewidth=0.8)
        ax.plot(_epochs(first), column, line, color=colour, label=name_of_part, gid=name)
        seen.append(column)
        ends.append(f"{name_of_part} {column[0]:.4g} to {column[-1]:.4g}")
        if points := printed(system, part, panel):
            label = f"{name_of_part}, printed"
            ax.plot(
                *zip(*points, strict=True), marker, color=colour, markersize=5, markerfacecolor="white",
                label=label, gid=f"printed_{name}",
            )  # fmt: skip
            ends[-1] += f" ({_beside(points, dict(zip(_epochs(first), column, strict=True)))})"
    positive = [value for column in seen for value in column if value > 0]
    if panel == "loss" and positive and max(positive) > WIDE_RANGE * min(positive):
        ax.set_yscale("log")
    ax.set_ylabel(panel)
    # Away from where curves end. To look for the best place takes long, and matplotlib warns where it does.
    ax.legend(ncols=2, loc="upper right" if panel == "loss" else "lower right")
    return f"{panel.capitalize()} from the first epoch to the last: {listed(ends)}."


def _beside(points: list[tuple[int, float]], ours: dict[float, float]) -> str:
    """What is printed, and ours at the last printed epoch: curves may be printed for a part of the run only."""
    (begin, first), (end, last) = points[0], points[-1]
    of = f"epoch {end}" if begin == end else f"epochs {begin} to {end}"
    shown = f"{last:g}" if begin == end else f"{first:g} to {last:g}"
    return (
        f"printed for {of}: {shown}; ours for {end}: {ours[end]:.4g}" if end in ours else f"printed for {of}: {shown}"
    )


def _epochs(run: Run) -> Array:
    return values(run.rows["epoch"], "float64")


def _column(run: Run, name: str) -> Array:
    """Empty where the run has no such quantity."""
    return values(run.rows.get(name, []), "float64")
