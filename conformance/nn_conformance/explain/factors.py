"""Factors that are a constant times powers of sizes, found from their values at several sizes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product as combinations_of
from math import isclose, log

import numpy as np

NICE = {
    2.0: "2",
    0.5: "½",
    4.0: "4",
    0.25: "¼",
    3.0: "3",
    1 / 3: "1/3",
    10.0: "10",
    0.1: "0.1",
    1 / log(2): "1/ln 2",
    1 / log(10): "1/ln 10",
}


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

    def on(self, case_sizes: Mapping[str, float]) -> float:
        """Its value at given sizes."""
        value = self.value
        for symbol, power in self.powers:
            value *= case_sizes[symbol] ** power
        return float(value)

    def text(self) -> str:
        """For example ``2/N`` or ``0.731``."""
        sign, size = ("-" if self.value < 0 else ""), abs(self.value)
        over = [f"{s}{'' if p == -1 else f'^{-p}'}" for s, p in self.powers if p < 0]
        beside = [f"{s}{'' if p == 1 else f'^{p}'}" for s, p in self.powers if p > 0]
        constant = NICE.get(size) or f"{size:.6g}"
        top = "·".join(([constant] if size != 1 or not beside else []) + beside)
        return sign + top + ("" if not over else f"/{over[0]}" if len(over) == 1 else f"/({'·'.join(over)})")


ONE = Factor()


def monomials(measured: Sequence[tuple[Mapping[str, float], float]], rtol: float) -> Iterator[Factor]:
    """Factors, the simplest first, that are these numbers at these sizes; the first of equals names the others."""
    if not measured or any(c == 0 or not np.isfinite(c) for _, c in measured):
        return
    symbols = [s for s in measured[0][0] if len({m[s] for m, _ in measured if s in m}) > 1]
    fits: list[tuple[float, Factor]] = []
    for powers in combinations_of((0, 1, -1, 2, -2), repeat=len(symbols)):
        if sum(map(abs, powers)) > 3 or sum(p != 0 for p in powers) > 2:
            continue
        chosen = tuple((s, p) for s, p in zip(symbols, powers, strict=True) if p)
        values = [c / Factor(1.0, chosen).on(m) for m, c in measured]
        if all(isclose(v, values[0], rel_tol=rtol) for v in values):
            constant = _rounded(values[0], rtol)
            factor = Factor(constant, chosen)
            fits.append(
                (sum(map(abs, powers)) + (0.0 if factor.nice else 1.5) + (0.25 if abs(constant) != 1 else 0.0), factor)
            )
    fits.sort(key=lambda fit: fit[0])
    for cost, factor in fits:
        same = tuple(f.powers for c, f in fits if c == cost and f is not factor and f.value == factor.value)
        yield Factor(factor.value, factor.powers, same)


def _rounded(value: float, rtol: float) -> float:
    sign = -1.0 if value < 0 else 1.0
    for nice in (1.0, *NICE):
        if isclose(abs(value), nice, rel_tol=rtol):
            return sign * nice
    short = float(f"{value:.6g}")
    return short if isclose(short, value, rel_tol=rtol) else value
