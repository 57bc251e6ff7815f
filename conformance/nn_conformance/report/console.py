"""What people see: tables and lines. Everything that is printed passes through here."""

import os
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table


def console() -> Console:
    """Standard output; styles only on a terminal without NO_COLOR, and lines unwrapped when piped."""
    out = Console(highlight=False, emoji=False, color_system=None if os.environ.get("NO_COLOR") else "auto")
    return out if out.is_terminal else Console(highlight=False, emoji=False, width=10_000)


def folded(text: str, width: int = 0) -> list[str]:
    """A line of an explanation: whole when piped, and wrapped on a terminal, with what follows below its first words."""
    out = console()
    if not width and not out.is_terminal:
        return [text]
    start = re.match(r" *(you use|that is|fits|would be|mend|also)? *", text)
    below = " " * (start.end() if start and start[1] else len(text) - len(text.lstrip()) + 2)
    return textwrap.wrap(
        text, width or out.width, subsequent_indent=below, break_long_words=False, break_on_hyphens=False
    )


def networks(descriptions: Sequence[dict[str, Any]], lines: Mapping[str, str]) -> None:
    """A row for each network: its layers with their activations and its loss, as a line that `verify` takes too."""
    also = {d["name"]: "; also corrected" * ("corrected" in d["versions"]) for d in descriptions}
    table(
        ("network", "document", "layers and loss"),
        ((d["name"], d["document"], escape(lines[d["name"]] + also[d["name"]])) for d in descriptions),
    )
    line("sizes do not matter: activations and loss choose a network; any other is described in such a line too")


def description(d: dict[str, Any]) -> None:
    """Layers with shapes and parameter counts, recipe, printed figures, defects."""
    out = console()
    own = "id" not in d  # its author's, of which no document says more
    if own:
        out.print(f"[bold]{escape(d['network'])}[/]\n", soft_wrap=True)
    else:
        out.print(f"[bold]{escape(d['id'])}[/]  {escape(d['title'])}  (document {d['document']})\n")
    rows = []
    for k, layer in enumerate(d["layers"], 1):
        weights, bias, *_ = (*map(_shape, layer["shapes"].values()), "none")
        shapes = _shape(layer["output_shape"]), weights, bias
        rows.append((f"dense {k}", layer["activation"], *shapes, f"{layer['parameters']:,}"))
    table(("layer", "activation", "output shape", "weights", "bias", "parameters"), rows)
    out.print(f"total parameters: {d['parameters']:,}\n")
    if own:
        for label in ("loss", "penalty"):
            if d[label]:
                out.print(f"[bold]{label:<10}[/] {escape(d[label])}", soft_wrap=True)
        return
    for k, layer in enumerate(d["layers"], 1):
        out.print(f"layer {k}: {escape(layer['counted'])}; {layer['activation']} {layer['purpose']}", soft_wrap=True)
    if d["depends_on"]:
        out.print(escape(d["depends_on"]), soft_wrap=True)
    out.print()
    seed = "" if d["seed"] is None else f", seed {d['seed']}"
    note = f" ({d['start_note']})" if d["start_note"] else ""
    for label, text in (
        ("loss", d["loss"]),
        ("data", d["preprocessing"]),
        ("start", f"{d['initial_weights']}{seed}{note}"),
        ("recipe", d["recipe"]),
        ("precision", d["precision"]),
        ("versions", ", ".join(d["versions"])),
    ):
        out.print(f"[bold]{label:<10}[/] {escape(text)}", soft_wrap=True)
    mended = d["version"] == "corrected"
    _bullets(f"printed in the document{', of its own version' if mended else ''}", _figure_lines(d["figures"]))
    _bullets(
        "defects of the document, mended here" if mended else "defects, reproduced here",
        [f"{x['what']}: {x['effect']}. {'Mended' if mended else 'Mend'}: {x['mend']}" for x in d["defects"]],
    )
    _bullets("remarks", d["remarks"])


def line(text: str) -> None:
    """Plain text, unwrapped, in which nothing moves the cursor of a terminal or commands a runner of GitHub."""
    plain = "".join(c if c.isprintable() or c == "\n" else " " for c in text)
    plain = f"| {plain}" if plain.lstrip().startswith("::") else plain
    console().print(escape(plain), soft_wrap=True)


@contextmanager
def counter(what: str, total: int) -> Iterator[Callable[[str], None]]:
    """A bar on standard error, moved on by each call with the name of what is done; no bar where that is no terminal."""
    err = Console(stderr=True)
    if not err.is_terminal:
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda name: bar.update(task, advance=1, description=f"{what} {escape(name)}")


def _figure_lines(figures: Sequence[dict[str, Any]]) -> list[str]:
    """One line for each quantity; a curve is shown by its ends."""
    lines = []
    # What stands elsewhere in the document, by its note, is no part of the curve.
    for (quantity, _), group in groupby(figures, key=lambda figure: (figure["quantity"], figure["note"])):
        mine = list(group)
        first, last = mine[0], mine[-1]
        if first["epoch"] != last["epoch"]:
            span = f"{first['printed']} … {last['printed']}, epochs {first['epoch']} to {last['epoch']}"
            lines.append(f"{quantity}: {span}{_note(first)}")
        else:
            lines.extend(f"{quantity}: {figure['printed']}{_note(figure)}" for figure in mine)
    return lines


def _note(figure: dict[str, Any]) -> str:
    return f"  ({figure['note']})" if figure["note"] else ""


def _bullets(title: str, lines: Sequence[str]) -> None:
    if lines:
        out = console()
        out.print(f"\n[bold]{title}[/]")
        for line in lines:
            out.print(f"  - {escape(line)}", soft_wrap=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Rows of markup under a header, without lines, numbers to the right."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        # A name that is cut short cannot be typed.
        made.add_column(
            column, justify="right" if column == "parameters" else "left", no_wrap=column in ("network", "case"),
            overflow="fold" if column == "layers and loss" else "ellipsis",
        )  # fmt: skip
    for row in rows:
        made.add_row(*row)
    console().print(made)


def _shape(shape: Sequence[int | None]) -> str:
    inside = ", ".join("N" if size is None else str(size) for size in shape)
    return f"({inside},)" if len(shape) == 1 else f"({inside})"
