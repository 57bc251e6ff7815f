"""What the pictures share: a figure without a window, colours that everybody can tell apart, files that are reproducible."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from nn_conformance.extras import check_installed
from nn_reference.errors import InputError
from nn_reference.validation import suggestion

if TYPE_CHECKING:  # matplotlib is heavy, and optional
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NEEDS = "plot", ["matplotlib"], "report"
FORMATS = ("png", "svg")
MANY = 50  # axes
# Okabe and Ito's colours, which differ for those too who do not see red or green; lines differ in style as well.
BLUE, ORANGE, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
SETTINGS = {
    "svg.hashsalt": "nn-conformance",  # or the ids in an SVG would be drawn anew each time
    "svg.fonttype": "none",  # text stays text: it can be read out, and searched
    "font.family": "DejaVu Sans",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.axisbelow": True,
}


@dataclass(frozen=True)
class Picture:
    """A figure, and in words what it shows: for those who cannot see it, and below it in a report."""

    figure: "Figure"
    caption: str

    def __post_init__(self) -> None:
        """Lays the figure out once: each saving would move its axes by a hair otherwise."""
        if self.figure.get_layout_engine() is not None:
            self.figure.draw_without_rendering()
            self.figure.set_layout_engine("none")


@contextmanager
def styled(more: Mapping[str, Any] = MappingProxyType({})) -> Iterator[None]:
    """With matplotlib's own settings, ours and `more`, whatever the user's are; decorates a function too."""
    check_installed(*NEEDS)
    from matplotlib import style  # noqa: PLC0415 - heavy, and optional

    with style.context(["default", {**SETTINGS, **more}]):
        yield


def axes(rows: int, columns: int, size: tuple[float, float], title: str) -> tuple["Figure", list["Axes"]]:
    """A figure of `size` inches with its axes, row by row. It belongs to no window, and asks for no display."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - heavy, and optional

    figure = Figure(figsize=size)
    # Constrained layout asks every text for its size: with fifty images that takes seconds.
    figure.set_layout_engine("constrained" if rows * columns < MANY else "none")
    figure.suptitle(title)
    grid = figure.subplots(rows, columns, squeeze=False)
    if rows * columns >= MANY:
        figure.subplots_adjust(left=0.02, right=0.98, bottom=0.04, top=0.95, hspace=0.55)
    return figure, list(grid.ravel())


def check_path(path: Path) -> str:
    """The format that a file's name asks for.

    Raises:
        InputError: neither PNG nor SVG.
    """
    suffix = path.suffix.removeprefix(".").lower()
    if suffix not in FORMATS:
        hint = suggestion(suffix, FORMATS) or f"; expected one that ends in .{' or .'.join(FORMATS)}"
        raise InputError(f"--out: cannot tell the format of {path.name!r}{hint}")
    return suffix


@styled()
def encoded(picture: Picture, kind: str) -> bytes:
    """The file's bytes, the same for the same figure. Title and caption are in its metadata; date and program are not."""
    metadata: dict[str, Any] = {"Title": picture.figure.get_suptitle(), "Description": picture.caption}
    metadata |= {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
    buffer = io.BytesIO()
    picture.figure.savefig(buffer, format=kind, dpi=150, metadata=metadata)
    return buffer.getvalue()


def image(ax: "Axes", pixels: Any, label: str, *, colour: str = "black") -> None:
    """A grey image of 28×28 bytes, ink dark on light, with a line of text below."""
    ax.imshow(pixels, cmap="gray_r", vmin=0, vmax=255, interpolation="nearest")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    ax.set_xlabel(label, color=colour, fontsize="small")


def listed(names: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
