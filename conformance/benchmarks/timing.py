"""Times of what is run in turn, and their spread."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import TypeAlias

import numpy as np

Cell: TypeAlias = str | int | list[float]  # a name, a count, or a median between its quartiles
Run: TypeAlias = Callable[[], float]
LONG = 30.0  # seconds from which on a run is not repeated


@dataclass
class Table:
    """What one part has measured: a row for each subject, and sentences below."""

    columns: list[str]
    rows: list[list[Cell]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def in_turn(runs: Mapping[str, Run], rounds: int) -> dict[str, list[float]]:
    """What each run returns, one of each in every round: what slows the machine for a while slows all of them.

    Each runs once before that, which counts only for what takes so long that it is not run again.
    """
    first = {name: run() for name, run in runs.items()}
    taken = [{name: first[name] if first[name] > LONG else run() for name, run in runs.items()} for _ in range(rounds)]
    return {name: [times[name] for times in taken] for name in runs}


def seconds(run: Callable[[], object], steps: int = 1) -> Run:
    """A function that runs it, and returns how many seconds a step of it took."""

    def timed() -> float:
        begin = perf_counter()
        run()
        return (perf_counter() - begin) / steps

    return timed


def quartiles(values: Sequence[float], scale: float = 1.0) -> list[float]:
    """Lower quartile, median and upper quartile, with four digits."""
    return [float(f"{value * scale:.4g}") for value in np.quantile(values, [0.25, 0.5, 0.75])]


def ratios(times: Mapping[str, Sequence[float]], above: str, below: str) -> list[float]:
    """Quartiles of the ratios within each round."""
    return quartiles([a / b for a, b in zip(times[above], times[below], strict=True)])


def growth(rows: Sequence[list[Cell]], column: int) -> str:
    """The k of time ~ parameters^k, fitted to the logarithms; rows have the parameters in their second column."""
    times = [cell[1] for row in rows if isinstance(cell := row[column], list)]
    if len(rows) < 2:
        return "unknown of one size"
    return f"{np.polyfit(np.log([row[1] for row in rows]), np.log(times), 1)[0]:.2f}"
