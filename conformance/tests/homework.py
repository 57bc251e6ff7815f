"""Document 002's network as functions of parameters, right and wrong; on a command line `homework.py:NAME`."""

import numpy as np

from nn_conformance import conforms


def sigmoid(z):
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-z))


def slope(z, a):
    """The derivative of the sigmoid a of z."""
    return a * (1 - a)


def homework(hidden=slope, output=slope):
    """The network, written out for these tests: its loss and its gradients, with a derivative of z and a for each layer."""

    def implementation(params, x, t):
        W1, b1, W2, b2 = (params[name] for name in ("W1", "b1", "W2", "b2"))
        z1 = x @ W1.T + b1
        a1 = sigmoid(z1)
        z2 = a1 @ W2 + b2
        y = sigmoid(z2)
        d2 = (y - t) / len(x) * output(z2, y)
        d1 = np.outer(d2, W2) * hidden(z1, a1)
        return np.mean((y - t) ** 2) / 2, {"W1": d1.T @ x, "b1": d1.sum(axis=0), "W2": a1.T @ d2, "b2": d2.sum()}

    return implementation


def changed(change):
    """The right loss, and gradients each changed by a function of its name, itself and the batch."""

    def implementation(params, x, t):
        loss, gradients = right(params, x, t)
        return loss, {name: change(name, g, x) for name, g in gradients.items()}

    return implementation


def raising(params, x, t):
    raise RuntimeError("\x1b[31mno\nluck")


right = homework()
wrong = homework(hidden=lambda z, a: z * (1 - z))
without_slope = homework(output=lambda z, a: 1)
without_mean = changed(lambda name, g, x: g * len(x) if name == "W1" else g)
halved = changed(lambda name, g, x: g / 2)
shifted = changed(lambda name, g, x: g + 1 if name == "b1" else g)
declared = conforms("homework", dtypes=("float64",), gradient_reduction="sum")(changed(lambda _, g, x: g * len(x)))
for name in ("right", "wrong", "without_slope", "without_mean", "halved", "shifted", "declared"):
    globals()[name].__name__ = name  # which reports show
