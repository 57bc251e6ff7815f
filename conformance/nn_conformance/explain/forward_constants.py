"""Rules of the forward pass with a constant of the author's own, which is fitted."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.explain.forward_rules import leaky
from nn_reference.activations import Activation
from nn_reference.arithmetic import Array

GRID = np.sort([*np.geomspace(1e-4, 64.0, 60), 0.999, 1.001])
STEPS = 60  # of a bisection


class Family(NamedTuple):
    """A rule with a constant s: its formula, the slug, what it makes of an activation, or of x and t."""

    slug: str
    formula: str
    of: Callable[..., Any]


# Functions of u with a constant s, and their slopes.
Map = tuple[Callable[[Array, float], Array], Callable[[Array, float], Any]]
TIMES: Map = (lambda u, s: s * u, lambda u, s: s)
PLUS: Map = (lambda u, s: u + s, lambda u, s: 1.0)
WITHIN: Map = (lambda u, s: np.clip(u, -s, s), lambda u, s: np.abs(u) < s)
AT_LEAST: Map = (np.maximum, lambda u, s: u > s)


def _after(of: Map) -> Callable[[Activation, float], Activation]:
    """A map of what an activation has made."""

    def rule(right: Activation, s: float) -> Activation:
        def back(z: Array, _: Array, g: Array) -> Array:
            a = right.forward(z)
            return right.backward(z, a, g * of[1](a, s))

        return replace(right, forward=lambda z: of[0](right.forward(z), s), backward=back)

    return rule


def _before(of: Map) -> Callable[[Activation, float], Activation]:
    """An activation of what a map makes of z."""

    def rule(right: Activation, s: float) -> Activation:
        def back(z: Array, a: Array, g: Array) -> Array:
            return of[1](z, s) * right.backward(of[0](z, s), a, g)

        return replace(right, forward=lambda z: right.forward(of[0](z, s)), backward=back)

    return rule


def _leaky(right: Activation, s: float) -> Activation:
    if right.name not in ("relu", "leaky_relu"):
        raise ValueError("no slope")
    return replace(leaky(s), name=right.name)


ACTIVATIONS = {
    "scaled": Family("activation-scaled", "a = {s}·φ(z)", _after(TIMES)),
    "steeper": Family("activation-scaled", "a = φ({s}·z)", _before(TIMES)),
    "leaky": Family("leaky-slope", "a = z, and {s}·z where z < 0", _leaky),
    "bounded": Family("activation-bounded", "a = φ(z), kept within ±{s}", _after(WITHIN)),
    "of bounded": Family("activation-bounded", "a = φ(z), z kept within ±{s}", _before(WITHIN)),
    "least": Family("activation-bounded", "a = max(φ(z), {s})", _after(AT_LEAST)),
    "raised": Family("activation-scaled", "a = φ(z) + {s}", _after(PLUS)),
}
DATA = {
    "inputs": Family("inputs-scaled", "{s}·x for x", lambda x, t, s: (s * x, t)),
    "labels": Family("labels-smoothed", "(1-{s})·t + {s}/C for t", lambda x, t, s: (x, (1 - s) * t + s / t.shape[-1])),
    "labels of two": Family("labels-smoothed", "(1-{s})·t + {s}/2 for t", lambda x, t, s: (x, (1 - s) * t + s / 2)),
}
FAMILIES = ACTIVATIONS | DATA


def places(network: fmt.Network) -> Iterator[tuple[int, str]]:
    """Layers and families: all hidden layers are 0, as is the data."""
    last = len(network.layers)
    for name in ACTIVATIONS:
        yield from ((k, name) for k in ([0] if last > 1 else []) + ([*range(1, last)] if last > 2 else []) + [last])
    yield from ((0, name) for name in DATA)


def solutions(off: Callable[[float], float], grid: Array = GRID) -> Iterator[float]:
    """Where a function of the constant is 0, on a grid of which neighbours have other signs."""
    values = [off(float(s)) for s in grid]
    for k in range(len(grid) - 1):
        if np.isfinite(values[k : k + 2]).all() and values[k] * values[k + 1] < 0:
            a, b = map(float, grid[k : k + 2])
            for _ in range(STEPS):
                middle = (a + b) / 2
                a, b = (middle, b) if off(middle) * values[k] > 0 else (a, middle)
            yield a
