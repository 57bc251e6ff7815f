"""One network written in the ways that people write it, each with the conventions that say so."""

import numpy as np
from door_problems import fresh, load
from homework import sigmoid

from nn_conformance.adapt.claims import conforms
from nn_conformance.judge.ladder import judge
from nn_conformance.subjects import subject_of


def two_layers(w1, b1, w2, b2, x, t):
    """Sigmoids, (N, D) and W (in, out): Σ(ŷ-t)², without any mean, and its gradients; written out for these tests."""
    h = sigmoid(x @ w1 + b1)
    y = sigmoid(h @ w2 + b2)
    d = 2 * (y - t) * y * (1 - y)
    e = d @ w2.T * h * (1 - h)
    return np.sum((y - t) ** 2), x.T @ e, e.sum(0), h.T @ d, d.sum(0)


def mean(found, count):
    return found[0] / count, dict(zip(("W1", "b1", "W2", "b2"), (g / count for g in found[1:]), strict=True))


def columns(p, x, t):
    """Weights (out, in), samples as columns, biases (H, 1)."""
    loss, g = mean(two_layers(p["W1"].T, p["b1"].T, p["W2"].T, p["b2"].T, x.T, t.T), t.size)
    return loss, {"W1": g["W1"].T, "b1": g["b1"][:, None], "W2": g["W2"].T, "b2": g["b2"][:, None]}


def folded(first):
    """The bias as the first or last row of the weights, the constant 1 in x."""

    def function(p, x, t):
        cut = (lambda w: (w[1:], w[0])) if first else (lambda w: (w[:-1], w[-1]))
        join = (lambda w, b: np.vstack([b, w])) if first else (lambda w, b: np.vstack([w, b]))
        assert np.all(x[:, 0 if first else -1] == 1)
        x = x[:, 1:] if first else x[:, :-1]
        loss, g = mean(two_layers(*cut(p["W1"]), *cut(p["W2"]), x, t), t.size)
        return loss, {"W1": join(g["W1"], g["b1"]), "W2": join(g["W2"], g["b2"])}

    return function


def vectors(p, x, t):
    """One sample, (D,) and (C,)."""
    assert x.ndim == t.ndim == 1
    return mean(two_layers(p["W1"], p["b1"], p["W2"], p["b2"], x[None], t[None]), t.size)


def renamed(p, x, t):
    loss, g = mean(two_layers(p["first"], p["bias_1"], p["w2"], p["bias_2"], x, t), t.size)
    return loss, {"first": g["W1"], "bias_1": g["b1"], "w2": g["W2"], "bias_2": g["b2"]}


def scaled(loss_by, gradient_by):
    """The loss and the gradients over something else; N samples and C outputs are t's."""

    def function(p, x, t):
        found = two_layers(p["W1"], p["b1"], p["W2"], p["b2"], x, t)
        return found[0] * loss_by(*t.shape), mean(found, 1 / gradient_by(*t.shape))[1]

    return function


# What each function above does otherwise, and so declares.
FUNCTIONS = {
    "columns": (columns, {"layout": "out,in", "samples": "columns", "bias": "column"}),
    "first": (folded(first=True), {"bias": "first", "ones": True}),
    "last": (folded(first=False), {"bias": "last", "ones": True}),
    "vectors": (vectors, {"batch": "vector"}),
    "renamed": (renamed, {"names": {"W1": "first", "W": "w{}", "b": "bias_{}"}}),
    "sum": (scaled(lambda n, c: 1, lambda n, c: 1), {"loss_reduction": "sum"}),
    "half": (scaled(lambda n, c: 0.5 / n / c, lambda n, c: 0.5 / n / c), {"loss_factor": 0.5}),
    "half in the loss": (
        scaled(lambda n, c: 0.5 / n / c, lambda n, c: 1 / n / c),
        {"loss_factor": 0.5, "gradient_factor": 1.0},
    ),
    "1/N in the update": (scaled(lambda n, c: 1 / n / c, lambda n, c: 1), {"gradient_reduction": "sum"}),
    "uphill": (scaled(lambda n, c: 1 / n / c, lambda n, c: -1 / n / c), {"negative_gradient": True}),
}


def judged(function, conventions, case="xor-sigmoid/probe-rectangular", dtype="float64"):
    """Verdicts of a function with these conventions."""
    marked = conforms("xor-sigmoid", **conventions)(fresh(function))
    return judge(load(case), subject_of(marked).target, dtype, trusted=True)
