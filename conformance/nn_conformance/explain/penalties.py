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
    "sum squared": Penalty("(Σ W)², all weights summed before the square", lambda ws: float(sum(np.sum(w) for w in ws) ** 2)),
    "norms": Penalty("(‖W1‖ + ‖W2‖ + …)", lambda ws: sum(norm(w) for w in ws)),
    "norm": Penalty("√Σ W²", lambda ws: float(np.sqrt(sum(norm(w) ** 2 for w in ws)))),
    "norms squared": Penalty("(‖W1‖ + ‖W2‖ + …)²", lambda ws: sum(norm(w) for w in ws) ** 2),
    "means": Penalty("(mean W1² + mean W2² + …)", lambda ws: float(sum(np.mean(w * w) for w in ws))),
    "mean": Penalty("mean W² of all weights", lambda ws: sum(norm(w) ** 2 for w in ws) / sum(w.size for w in ws)),
    "sum": Penalty("Σ W", lambda ws: float(sum(np.sum(w) for w in ws))),
    "magnitudes squared": Penalty("((Σ|W1|)² + (Σ|W2|)² + …)", lambda ws: float(sum(np.sum(np.abs(w)) ** 2 for w in ws))),
    "fourth": Penalty("Σ W⁴", lambda ws: float(sum(np.sum(w**4) for w in ws))),
    "fourth of norms": Penalty("(‖W1‖⁴ + ‖W2‖⁴ + …)", lambda ws: sum(norm(w) ** 4 for w in ws)),
    "cube": Penalty("Σ W³", lambda ws: float(sum(np.sum(w**3) for w in ws))),
    "columns": Penalty("Σ‖W‖ of each unit", lambda ws: float(sum(np.sum(np.linalg.norm(w, axis=0)) for w in ws))),
    "rows": Penalty("Σ‖W‖ of each input", lambda ws: float(sum(np.sum(np.linalg.norm(w, axis=1)) for w in ws))),
    "traces": Penalty("(tr WᵀW over the diagonal of W only)", lambda ws: float(sum(np.sum(np.diag(w) ** 2) for w in ws))),
    "all but first": Penalty("(Σ W², but for the first weight of each layer, which is not squared)", lambda ws: float(sum(np.sum(w * w) - w.flat[0] ** 2 + w.flat[0] for w in ws))),
    "largest": Penalty("(max|W1| + max|W2| + …)", lambda ws: float(sum(np.max(np.abs(w)) for w in ws))),
    "operator": Penalty("(‖W1‖₂ + ‖W2‖₂ + …), the largest singular values", lambda ws: float(sum(np.linalg.norm(w, 2) for w in ws))),
    "operators": Penalty("(‖W1‖₂² + ‖W2‖₂² + …), of the largest singular values", lambda ws: float(sum(np.linalg.norm(w, 2) ** 2 for w in ws))),
}  # fmt: skip
USUAL = ("square", "squares", "magnitude")
# What stands in the place of W in the gradient of a penalty, where the rest of the gradient is right.
IN_PLACE: dict[str, Callable[[Array], Array]] = {
    "W²": lambda p: p * p,
    "W³": lambda p: p**3,
    "sign(W)": np.sign,
    "|W|": np.abs,
    "ΣW": lambda p: np.full_like(p, p.sum()),
    "W/‖W‖": lambda p: p / norm(p),
    "W·‖W‖": lambda p: p * norm(p),
    "W·ΣW²": lambda p: p * norm(p) ** 2,
    "ΣW²": lambda p: np.full_like(p, norm(p) ** 2),
    "max(W, 0)": lambda p: np.maximum(p, 0),
    "W with its columns reversed": lambda p: p[..., ::-1],
    "reshaped Wᵀ": lambda p: p.T.reshape(p.shape),
}
