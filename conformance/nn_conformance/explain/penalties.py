"""Penalties that stand in the place of λ·Σ W²: in a loss, and in a gradient."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from nn_conformance.judge.limits import norm
from nn_reference.arithmetic import Array


class Penalty(NamedTuple):
    """A penalty of all weights that may be added to a loss: its formula, and its value but for its factor."""

    formula: str
    of: Callable[[Sequence[Array]], float]


PENALTIES: dict[str, Penalty] = {
    "square": Penalty("Σ W²", lambda ws: sum(norm(w) ** 2 for w in ws)),
    "squares": Penalty("(Σ W² + Σ b²)", lambda ws: np.nan),  # of biases too
    "magnitude": Penalty("Σ|W|", lambda ws: float(sum(np.sum(np.abs(w)) for w in ws))),
    "sums": Penalty("((Σ W1)² + (Σ W2)² + …)", lambda ws: float(sum(np.sum(w) ** 2 for w in ws))),
    "norms": Penalty("(‖W1‖ + ‖W2‖ + …)", lambda ws: sum(norm(w) for w in ws)),
    "norm": Penalty("√Σ W²", lambda ws: float(np.sqrt(sum(norm(w) ** 2 for w in ws)))),
    "means": Penalty("(mean W1² + mean W2² + …)", lambda ws: float(sum(np.mean(w * w) for w in ws))),
    "mean": Penalty("mean W² of all weights", lambda ws: sum(norm(w) ** 2 for w in ws) / sum(w.size for w in ws)),
    "sum": Penalty("Σ W", lambda ws: float(sum(np.sum(w) for w in ws))),
    "all but first": Penalty("(Σ W², but for the first weight of each layer, which is not squared)", lambda ws: float(sum(np.sum(w * w) - w.flat[0] ** 2 + w.flat[0] for w in ws))),
}  # fmt: skip
USUAL = ("square", "squares", "magnitude")
# What stands in the place of W in the gradient of a penalty, where the rest of the gradient is right.
IN_PLACE: dict[str, Callable[[Array], Array]] = {
    "W²": lambda p: p * p,
    "|W|": np.abs,
    "ΣW": lambda p: np.full_like(p, p.sum()),
    "W/‖W‖": lambda p: p / norm(p),
}
