"""Pictures of a report as SVG inside a page: they take the page's colours, and say in words what they show."""

import importlib.util
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Any

import numpy as np

from nn_conformance.explain.derivative_rules import FORMULAS
from nn_conformance.explain.record import Finding
from nn_conformance.outcome import Evidence
from nn_conformance.plots import canvas
from nn_reference.arithmetic import Array
from nn_reference.network import Network

if TYPE_CHECKING:  # matplotlib is heavy, and optional
    from matplotlib.figure import Figure

# Colours that stand for others: which, the page's style sheet says, for light and for dark.
INK, USED, RIGHT, LINE = "#000001", "#000002", "#000003", "#000004"
NAMES = {INK: "currentColor", USED: "var(--used)", RIGHT: "var(--right)", LINE: "var(--line)"}
SETTINGS = {
    "font.family": "sans-serif",
    "font.size": 9,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
    "grid.color": LINE,
    "grid.alpha": 1.0,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
}
WIDTH = 5.6  # inches: as wide as a page on a telephone can show with text that is still read
CELLS = 400  # entries up to which each is drawn as a square of its own
SIDE = 96  # rows and columns of a heatmap at most; of larger arrays each square is the largest error of a block
DECADES = 6  # of errors that a heatmap tells apart
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Drawing:
    """An SVG element, drawn on an empty figure when it is first read, and in words what it shows."""

    caption: str
    draw: Callable[["Figure"], None]

    @cached_property
    def svg(self) -> str:
        """The element, without ids of its own, dates or fixed colours."""
        from matplotlib.figure import Figure  # noqa: PLC0415 - heavy, and optional

        buffer = io.StringIO()
        with canvas.styled(SETTINGS):
            figure = Figure(figsize=(WIDTH, WIDTH / 2), layout="constrained")
            self.draw(figure)
            figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
        svg = buffer.getvalue()
        svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
        used = set(re.findall(r"#([\w-]+)[)\"]", svg))
        svg = re.sub(r' id="([\w.-]+)"', lambda match: match[0] if match[1] in used else "", svg)
        svg = re.sub(r'^<svg[^>]*?viewBox="([^"]*)"[^>]*>', r'<svg viewBox="\1" aria-hidden="true">', svg)
        return re.sub("|".join(NAMES), lambda match: NAMES[match[0]], svg).replace("xlink:href", "href")


def installed() -> bool:
    """Whether there can be pictures."""
    return importlib.util.find_spec("matplotlib") is not None


def heatmap(name: str, evidence: Evidence) -> Drawing | None:
    """How far each entry of an array is off, as a part of the largest right one; None of what has no right one.

    Args:
        name: of the array.
        evidence: of shape (rows, columns), (entries,) or ().
    """
    right = np.atleast_2d(np.asarray(evidence.right, np.float64))
    with np.errstate(all="ignore"):
        error = np.abs(np.atleast_2d(np.asarray(evidence.answered, np.float64)) - right)
    largest = float(np.max(np.abs(right), initial=0.0))
    if not installed() or error.size < 2 or not largest or not np.isfinite(error).all() or not error.any():
        return None
    part = _blocks(error / largest)
    off = int(np.sum(error > 1e-9 * largest))
    shape = "×".join(map(str, evidence.right.shape))
    caption = (
        f"Error of each entry of {name} ({shape}), as a part of the largest right entry, {largest:.3g}: "
        f"{off} of {error.size} entries are off by more than 1e-9 of it, at most by {float(error.max()) / largest:.3g} of it."
        + (" A square is the largest of a block of entries." if part.size < error.size else "")
    )
    return Drawing(caption, partial(_draw_heatmap, part=part, shape=error.shape))


def derivative(network: Network, finding: Finding) -> Drawing | None:
    """The derivative that was used, drawn over the right one; None where it is no function of z alone."""
    rule = FORMULAS.get(finding.uses)
    if not installed() or finding.slot != "derivative" or rule is None:
        return None
    activation = network.layers[(finding.layer or 1) - 1].activation
    z = np.linspace(-4.0, 4.0, 161)
    nothing: Any = None
    try:
        with np.errstate(all="ignore"):
            a = activation.forward(z)
            used = np.broadcast_to(np.asarray(rule[1](z, a, nothing, nothing, 0), np.float64), z.shape)
    except (AttributeError, TypeError):  # it is a function of more
        return None
    right = activation.backward(z, a, np.ones_like(z))
    names = f"used: {finding.uses}", f"right: {finding.right or f'the derivative of {activation.name}'}"
    caption = f"Derivative of {activation.name}, layer {finding.layer or 'all'}, over z: {names[0]}; {names[1]}."
    return Drawing(caption, partial(_draw_derivative, z=z, used=used, right=right, names=names))


def _blocks(a: Array) -> Array:
    """The largest entry of each block, with `SIDE` rows and columns at most."""
    rows, columns = (np.arange(0, size, -(-size // SIDE)) for size in a.shape)
    return np.maximum.reduceat(np.maximum.reduceat(a, rows, axis=0), columns, axis=1)


def _power(value: float, _: Any) -> str:
    """A tick of an axis of powers of ten, as plain text: matplotlib's mathematics takes most of a picture's time."""
    return f"10{str(round(log10(value))).translate(RAISED)}"


def _draw_heatmap(figure: "Figure", part: Array, shape: tuple[int, ...]) -> None:
    from matplotlib.colors import LogNorm  # noqa: PLC0415 - heavy, and optional
    from matplotlib.ticker import NullFormatter  # noqa: PLC0415 - likewise

    rows, columns = part.shape
    figure.set_size_inches(WIDTH, min(WIDTH * 0.6, 1.1 + 0.35 * rows))
    axes = figure.subplots()
    high = ceil(log10(float(part.max())))
    scale = LogNorm(10.0 ** max(high - DECADES, floor(log10(float(part[part > 0].min())))), 10.0**high)
    shown = np.ma.masked_less_equal(part, 0)
    if part.size <= CELLS:
        image: Any = axes.pcolormesh(shown, norm=scale, cmap="cividis", edgecolors=LINE, linewidth=0.3)
        axes.invert_yaxis()
        axes.set_xticks(np.arange(columns) + 0.5, [str(k) for k in range(columns)] if columns <= 20 else [""] * columns)
        axes.set_yticks(np.arange(rows) + 0.5, [str(k) for k in range(rows)] if rows <= 20 else [""] * rows)
    else:
        extent = (0, shape[1], shape[0], 0)
        image = axes.imshow(shown, norm=scale, cmap="cividis", interpolation="none", aspect="auto", extent=extent)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    bar = figure.colorbar(
        image, ax=axes, label="error / largest right entry", location="bottom", shrink=0.6, aspect=40, extend="min"
    )
    bar.ax.xaxis.set_major_formatter(_power)
    bar.ax.xaxis.set_minor_formatter(NullFormatter())


def _draw_derivative(figure: "Figure", z: Array, used: Array, right: Array, names: tuple[str, str]) -> None:
    axes = figure.subplots()
    axes.plot(z, right, color=RIGHT, linewidth=2.5, label=names[1])
    axes.plot(z, used, color=USED, linewidth=2, linestyle="--", label=names[0])
    low, high = float(right.min()), float(right.max())
    room = 2 * max(high - low, 0.5)
    inside = used[np.isfinite(used)]
    axes.set_ylim(max(low - room, min(low, *inside) - 0.1), min(high + room, max(high, *inside) + 0.1))
    axes.set_xlabel("z")
    axes.set_ylabel("derivative")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
