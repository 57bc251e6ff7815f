"""The chaos of a training run: the exact one, beside floating-point runs whose training rows were permuted."""

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from nn_conformance.cases.encoding import values
from nn_conformance.plots.canvas import BLUE, ORANGE, Picture, axes, styled
from nn_conformance.replay.records import Chaos, Spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes


# How the runs of a precision are drawn: colour, line and hatch.
STYLES = {"float64": (BLUE, "--", "//"), "float32": (ORANGE, "-.", "\\\\")}


@styled()
def draw_permuted_runs(record: Chaos, printed: float | None = None) -> Picture:
    """Loss and test accuracy over the epochs, exact and in floating point, and what the runs end with.

    Args:
        record: as `chaos.json` has it.
        printed: the document's accuracy, if it is to be marked.
    """
    title = f"{record.system}: one network, one start, permuted training rows"
    figure, (loss, accuracy, ends) = axes(3, 1, (7.5, 10), title)
    for ax, name in ((loss, "losses"), (accuracy, "accuracies")):
        exact = values(getattr(record.exact, name), "float64")
        for dtype, ensemble in record.ensembles.items():
            _band(ax, record.epochs, getattr(ensemble, name), dtype, len(ensemble.correct))
        ax.plot(record.epochs, exact, color="black", label="exact", gid=f"exact_{name}")
        leaves = "the first run leaves the exact one"
        parted = min(min(ensemble.parted) for ensemble in record.ensembles.values())
        ax.axvline(parted, color="black", linewidth=0.8, linestyle=":", label=leaves, gid="horizon")
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter("{x:g}")
        ax.set_xlabel("epoch")
    loss.set_ylabel("training loss")
    accuracy.set_ylabel("test accuracy")
    loss.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)  # above: everywhere inside there is a curve
    _ends(ends, record, printed)
    return Picture(figure, f"{title}. {_caption(record, printed)}")


def _band(ax: "Axes", epochs: list[int], spread: Spread, dtype: str, runs: int) -> None:
    colour, line, hatch = STYLES[dtype]
    ax.fill_between(
        epochs,
        spread.minimum,
        spread.maximum,
        color=colour,
        alpha=0.2,
        hatch=hatch,
        linewidth=0,
        gid=f"{dtype}_range",
    )
    label = f"{dtype}: median and range of {runs} runs"
    ax.plot(epochs, spread.median, line, color=colour, label=label, gid=f"{dtype}_median")


def _ends(ax: "Axes", record: Chaos, printed: float | None) -> None:
    """Bars: how many runs end with how many test rows right."""
    for k, (dtype, ensemble) in enumerate(record.ensembles.items()):
        counted = sorted(Counter(ensemble.correct).items())
        places = np.array([correct for correct, _ in counted]) + (k - (len(record.ensembles) - 1) / 2) * 0.4
        colour, _, hatch = STYLES[dtype]
        heights = [count for _, count in counted]
        ax.bar(places, heights, 0.4, color=colour, hatch=hatch, edgecolor="white", label=dtype)
    exact = round(record.exact.accuracies[-1] * record.test_rows)
    marks = [("exact", exact, "black", "v")]
    if printed is not None:
        marks.append(("printed", round(printed * record.test_rows), "black", "*"))
    for label, place, colour, marker in marks:
        ax.plot([place], [-0.04], marker, color=colour, label=label, clip_on=False, transform=ax.get_xaxis_transform())
    ax.set_xlim(-0.6, record.test_rows + 0.6)
    ax.set_xlabel(f"test rows of {record.test_rows} that are right after epoch {record.epochs[-1]:,}")
    ax.set_ylabel("runs")
    ax.legend(loc="upper right")


def _caption(record: Chaos, printed: float | None) -> str:
    text = f"In exact arithmetic the order of the rows changes nothing, and the test accuracy ends at {record.exact.accuracies[-1]:.4g}."
    for dtype, ensemble in record.ensembles.items():
        ends = sorted(set(ensemble.correct))
        shown = ", ".join(f"{end / record.test_rows:.2f}" for end in (ends if len(ends) <= 8 else (ends[0], ends[-1])))
        text += (
            f" {len(ensemble.correct)} runs in {dtype} leave the exact loss by more than a hundredth after epoch "
            f"{min(ensemble.parted)} to {max(ensemble.parted)}, and end at {len(ends)} accuracies: {shown}"
            f"{'' if len(ends) <= 8 else ', and between'}."
        )
    return text if printed is None else f"{text} The document prints {printed:g}."
