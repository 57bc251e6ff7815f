"""Which source lines of document 001's class warn, and in which order, until its weights are NaN."""

import warnings

import numpy as np

from nn_reference.arithmetic import Array
from nn_reference.systems import System

SAMPLES = 100  # after which every weight is NaN: 43 is the most that 21 seeds took
SIGMOID, QUOTIENT = "sigmoid", "its derivative"


def warning_lines(system: System, seed: int) -> str:
    """The lines by name, one for each warning that Python shows: of a line, each message once.

    The document's arithmetic, which warns: 1/(1+e^-x), and for its derivative e^-x/(e^-x+1)^2.

    Args:
        system: `mnist-sigmoid-numpy/documented`.
        seed: of the starting weights.
    """
    data, lines = system.load(), dict[tuple[str, str], None]()

    def noted(line: str, function: "np.ufunc | object", z: Array) -> Array:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result: Array = function(z)  # type: ignore[operator]
        lines.update(dict.fromkeys((line, str(warning.message)) for warning in caught))
        return result

    def sigmoid(z: Array) -> Array:
        return noted(SIGMOID, lambda x: 1 / (1 + np.exp(-x)), z)

    def slope(z: Array) -> Array:
        return noted(QUOTIENT, lambda x: np.exp(-x) / ((np.exp(-x) + 1) ** 2), z)

    W1, W2, W3 = (p.copy() for p in system.start(seed).values())
    rate = system.recipe.optimizer.learning_rate
    for x, t in zip(data.train_x[:SAMPLES], data.train_t[:SAMPLES], strict=True):
        z1 = W1 @ x
        a1 = sigmoid(z1)
        z2 = W2 @ a1
        a2 = sigmoid(z2)
        z3 = W3 @ a2
        e = np.exp(z3 - np.max(z3))
        y = e / np.sum(e)
        d3 = 2 * (y - t) / len(y) * (y * (1 - y))
        d2 = (W3.T @ d3) * slope(z2)
        d1 = (W2.T @ d2) * slope(z1)
        W3 -= rate * np.outer(d3, a2)
        W2 -= rate * np.outer(d2, a1)
        W1 -= rate * np.outer(d1, x)
        if np.isnan(W1).all():
            break
    return ", ".join(line for line, _ in lines)
