"""Factors that are a constant times powers of sizes, found from their values at several sizes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product as combinations_of
from math import isclose, log

import numpy as np

from nn_reference.arithmetic import Array

CONSTANTS = {2.0: "2", 0.5: "½", 4.0: "4", 0.25: "¼", 3.0: "3", 1 / 3: "1/3", 10.0: "10", 0.1: "0.1"}
NICE = CONSTANTS | {1 / log(2): "1/ln 2", 1 / log(10): "1/ln 10"}
Measured = Sequence[tuple[Mapping[str, float], float]]


@dataclass(frozen=True)
class Factor:
    """A constant times powers of sizes; `others` are powers that no case tells apart from these."""

    value: float = 1.0
    powers: tuple[tuple[str, int], ...] = ()
    others: tuple[tuple[tuple[str, int], ...], ...] = ()

    @property
    def is_one(self) -> bool:
        """Whether it is no factor."""
        return self.value == 1.0 and not self.powers

    @property
    def nice(self) -> bool:
        """Whether its constant has a name."""
        return abs(self.value) == 1.0 or abs(self.value) in NICE

    @property
    def cost(self) -> float:
        """What it adds to an explanation: a constant without a name costs more."""
        return 0.0 if self.is_one else 1.0 if self.nice else 1.5

    def on(self, sizes: Mapping[str, float]) -> float:
        """Its value at given sizes; infinite where a size that it is divided by is 0."""
        made = np.float64(1.0)
        for symbol, power in self.powers:
            made = made * np.float64(sizes[symbol]) ** power
        return float(self.value * made)

    def text(self) -> str:
        """For example ``2/N`` or ``0.731``."""
        sign, size = ("-" if self.value < 0 else ""), abs(self.value)
        over = [f"{s}{'' if p == -1 else f'^{-p}'}" for s, p in self.powers if p < 0]
        beside = [f"{s}{'' if p == 1 else f'^{p}'}" for s, p in self.powers if p > 0]
        constant = NICE.get(size) or f"{size:.6g}"
        top = "·".join(([constant] if size != 1 or not beside else []) + beside)
        return sign + top + ("" if not over else f"/{over[0]}" if len(over) == 1 else f"/({'·'.join(over)})")


ONE = Factor()


def monomials(measured: Measured, rtol: float) -> Iterator[Factor]:
    """Factors, the simplest first, that are these numbers at these sizes; the first of equals names the others."""
    if not measured or any(c == 0 or not np.isfinite(c) for _, c in measured):
        return
    symbols = [s for s in measured[0][0] if len({m[s] for m, _ in measured if s in m}) > 1]
    values = np.array([c for _, c in measured])
    if np.ptp(np.sign(values)):
        return
    with np.errstate(divide="ignore"):
        sizes = np.log([[m[s] for s in symbols] for m, _ in measured])
    left = np.log(np.abs(values)) - _powers(len(symbols)) @ sizes.T
    fits: list[tuple[float, Factor]] = []
    for powers in _powers(len(symbols))[np.ptp(left, axis=1) <= rtol]:
        chosen = tuple((s, int(p)) for s, p in zip(symbols, powers, strict=True) if p)
        factor = Factor(_named(measured[0][1] / Factor(1.0, chosen).on(measured[0][0]), rtol), chosen)
        odd = (0.0 if factor.nice else 1.5) + (0.25 if abs(factor.value) != 1 else 0.0)
        fits.append((float(abs(powers).sum()) + odd, factor))
    fits.sort(key=lambda fit: fit[0])
    for cost, factor in fits:
        same = tuple(f.powers for c, f in fits if c == cost and f is not factor and f.value == factor.value)
        yield Factor(factor.value, factor.powers, same)


@cache
def _powers(symbols: int) -> Array:
    """The powers of so many sizes that a factor may have, one row each."""
    rows = combinations_of((0, 1, -1, 2, -2), repeat=symbols)
    kept = [row for row in rows if sum(map(abs, row)) <= 3 and sum(p != 0 for p in row) <= 2]
    return np.array(kept).reshape(len(kept), symbols)


def _named(value: float, rtol: float) -> float:
    sign = -1.0 if value < 0 else 1.0
    nice = next((n for n in (1.0, *NICE) if isclose(abs(value), n, rel_tol=rtol)), None)
    return short(value, rtol) if nice is None else sign * nice


def short(value: float, rtol: float) -> float:
    """A number in six digits, where these are all that is known of it."""
    rounded = float(f"{value:.6g}")
    return rounded if isclose(rounded, value, rel_tol=rtol) else value
