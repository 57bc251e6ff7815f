"""A loss as a sum of a few terms of y and t, with simple coefficients."""

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from typing import cast

import numpy as np

from nn_conformance.explain import forward_rules as fr
from nn_conformance.explain.trace import Trace
from nn_reference.arithmetic import Array
from nn_reference.losses import BinaryCrossEntropy, CrossEntropy, count

Term = Callable[[Array, Array], Array]
OF_ERRORS: dict[str, Term] = {
    "(y-t)²": lambda y, t: (y - t) ** 2,
    "|y-t|": lambda y, t: abs(y - t),
    "(y-t)": lambda y, t: y - t,
    "(y-t)³": lambda y, t: (y - t) ** 3,
    "|y-t|³": lambda y, t: abs(y - t) ** 3,
    "(y-t)⁴": lambda y, t: (y - t) ** 4,
    "y²": lambda y, t: y * y,
    "t²": lambda y, t: t * t,
    "y·t": lambda y, t: y * t,
    "y": lambda y, t: y,
    "t": lambda y, t: t,
    "(y+t)²": lambda y, t: (y + t) ** 2,
    "1": lambda y, t: np.ones_like(y),
}
OF_PROBABILITIES: dict[str, Term] = {
    "t·log p": lambda p, t: t * np.log(p),
    "(1-t)·log(1-p)": lambda p, t: (1 - t) * np.log(1 - p),
    "(1-t)·log p": lambda p, t: (1 - t) * np.log(p),
    "t·log(1-p)": lambda p, t: t * np.log(1 - p),
    "t": lambda p, t: t,
    "(1-t)": lambda p, t: 1 - t,
    "p": lambda p, t: p,
    "log p": lambda p, t: np.log(p),
    "log(1-p)": lambda p, t: np.log(1 - p),
    "t·p": lambda p, t: t * p,
    "t·p·log p": lambda p, t: t * p * np.log(p),
    "p·log p": lambda p, t: p * np.log(p),
    "(1-p)·log(1-p)": lambda p, t: (1 - p) * np.log(1 - p),
    "t·(log p)²": lambda p, t: t * np.log(p) ** 2,
    "(p-t)²": lambda p, t: (p - t) ** 2,
    "|p-t|": lambda p, t: abs(p - t),
}
OF_LOGITS: dict[str, Term] = {
    "t·z": lambda z, t: t * z,
    "z": lambda z, t: z,
    "log Σe^z": lambda z, t: np.log(np.sum(np.exp(z), axis=1)),
    "log(1+e^z)": lambda z, t: np.logaddexp(0, z),
    "max z": lambda z, t: z.max(axis=1),
    "max(z, 0)": lambda z, t: np.maximum(z, 0),
    "log(1+e^-|z|)": lambda z, t: np.logaddexp(0, -abs(z)),
}
MOST = 3  # terms
SIMPLE = (1.0, 2.0, 0.5, 3.0, 0.25, 4.0)


def terms(tr: Trace) -> Mapping[str, float]:
    """Each term, summed over all entries and divided as the described loss is."""
    squared, y = tr.case.network.loss.kind == "squared_error", fr.probability(tr.net, tr.y)
    table = OF_ERRORS if squared else OF_PROBABILITIES
    rows = {name: of(y, tr.t) for name, of in table.items()}
    if not squared:
        rows |= {name: of(tr.z[-1], tr.t) for name, of in OF_LOGITS.items()}
    return {name: float(np.sum(row) / count(tr.case.net.loss, tr.t)) for name, row in rows.items()}  # type: ignore[arg-type]


def sums(each: list[Mapping[str, float]], losses: Array) -> Iterator[tuple[tuple[str, float], ...]]:
    """Sums of few terms, with simple coefficients, that are nearly these losses; those of fewer terms come first."""
    names = [name for name in each[0] if all(np.isfinite(of[name]) for of in each)]
    values = {name: np.array([of[name] for of in each]) for name in names}
    for number in range(1, MOST + 1):
        for chosen in combinations(names, number) if len(losses) > number + 2 else ():
            columns = np.stack([values[name] for name in chosen], axis=1)
            own, _, rank, _ = np.linalg.lstsq(columns, losses, rcond=None)
            near = np.allclose(columns @ own, losses, rtol=1e-9, atol=1e-12)
            simple = [next((s for s in SIMPLE if abs(abs(c) - s) < 1e-6 * s), None) for c in own]
            if rank == number and near and None not in simple:
                yield tuple((name, float(np.sign(c)) * s) for name, c, s in zip(chosen, own, simple, strict=True) if s)


def formula(chosen: tuple[tuple[str, float], ...]) -> str:
    """For example ``-Σ t·log p - (1-t)``, over N or as the described loss is."""
    text = " ".join(f"{'-' if c < 0 else '+'} {'' if abs(c) == 1 else f'{abs(c):g}·'}{name}" for name, c in chosen)
    return f"L = Σ [{text.removeprefix('+ ').replace('- ', '-', 1) if chosen[0][1] < 0 else text.removeprefix('+ ')}]"


def epsilon_loss(tr: Trace, epsilon: float) -> float:
    """The loss of log(p + ε)."""
    if isinstance(tr.net.loss, fr.OtherLoss):
        return float(tr.net.loss.value(tr.y + epsilon, tr.t))
    p = fr.probability(tr.net, tr.y)
    return _of_logarithms(tr, p + epsilon, 1 - p + epsilon)


def clipped_loss(tr: Trace, bound: float) -> float:
    """The loss of probabilities that are kept so far from 0 and 1."""
    p = np.clip(fr.probability(tr.net, tr.y), bound, 1 - bound)
    return _of_logarithms(tr, p, 1 - p)


def floored_loss(tr: Trace, bound: float) -> float:
    """The loss of probabilities that are kept so far from 0 alone."""
    p = fr.probability(tr.net, tr.y)
    return _of_logarithms(tr, np.maximum(p, bound), np.maximum(1 - p, bound))


def _of_logarithms(tr: Trace, p: Array, q: Array) -> float:
    """The loss of these probabilities; q, which is 1-p, counts for outputs that are independent."""
    loss, logs = tr.net.loss, tr.t * np.log(p)
    if isinstance(loss, BinaryCrossEntropy):
        logs = logs + (1 - tr.t) * np.log(q)
    return float(-np.sum(logs) / count(cast("CrossEntropy", loss), tr.t))


# What people put inside a logarithm, by its name.
OF_LOGARITHMS: dict[str, Callable[[Trace, float], float]] = {
    "epsilon": epsilon_loss,
    "clip": clipped_loss,
    "floor": floored_loss,
}
