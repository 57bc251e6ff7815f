"""A network of two layers with rules of one's choice, and slips in it: for the tests of `explain`."""

from dataclasses import replace
from functools import cache

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import build_network, describe_network
from nn_conformance.cases.text import network
from nn_conformance.explain import Budget, explain
from nn_conformance.judge.target import Answer
from nn_conformance.oracles import reference
from nn_conformance.subjects import subject_of
from nn_reference.network import loss_and_gradients
from nn_reference.systems import get

AMPLE = Budget(150, 600.0)  # the clock of a busy machine decides nothing here
LINEAR = network("3-2, squared-error")


def sigma(z):
    return 1 / (1 + np.exp(-z))


def xor(**rules):
    """A backward pass for xor-sigmoid, of which some rules are others."""
    rule = {
        "error": lambda o, t: 2 * (o - t) / t.size,
        "output": lambda o, z, e: o * (1 - o),
        "sent": lambda d2, e: d2,
        "back": lambda d2, W2: d2 @ W2.T,
        "hidden": lambda h, z: h * (1 - h),
        "W2": lambda h, d2, z: h.T @ d2,
        "b2": lambda d2: d2.sum(0),
        "W1": lambda x, d1: x.T @ d1,
        "b1": lambda d1: d1.sum(0),
        "loss": lambda e: np.mean(e**2),
        **rules,
    }

    def function(params, x, t):
        z1 = x @ params["W1"] + params["b1"]
        h = sigma(z1)
        z2 = h @ params["W2"] + params["b2"]
        o = sigma(z2)
        e = rule["error"](o, t)
        d2 = e * rule["output"](o, z2, o - t)
        d1 = rule["back"](rule["sent"](d2, e), params["W2"]) * rule["hidden"](h, z1)
        found = {"W1": rule["W1"](x, d1), "b1": rule["b1"](d1), "W2": rule["W2"](h, d2, z1), "b2": rule["b2"](d2)}
        return rule["loss"](o - t), found

    return function


def relu_network(slope=0.0, decay=0.0, clip=0.0, epsilon=None):
    """A ReLU and softmax network with constants of its author's choice."""

    def function(params, x, t):
        z1 = x @ params["W1"] + params["b1"]
        h = np.maximum(z1, 0)
        z2 = h @ params["W2"] + params["b2"]
        z2 = z2 - z2.max(1, keepdims=True)
        log_p = z2 - np.log(np.exp(z2).sum(1, keepdims=True))
        d2 = (np.exp(log_p) - t) / len(x)
        d1 = d2 @ params["W2"].T * np.where(z1 > 0, 1.0, slope)
        g = {
            "W1": x.T @ d1 + decay * params["W1"],
            "b1": d1.sum(0),
            "W2": h.T @ d2 + decay * params["W2"],
            "b2": d2.sum(0),
        }
        if clip:
            size = np.sqrt(sum((v**2).sum() for v in g.values()))
            g = {k: v * min(1, clip / size) for k, v in g.items()}
        with np.errstate(all="ignore"):
            logs = log_p if epsilon is None else np.log(np.exp(log_p) + epsilon)
            return -(t * logs).sum() / len(x), g

    return function


def of(function, name="xor-sigmoid/documented", budget=AMPLE, **more):
    system = get(name)
    return explain(subject_of(function, [system.id]).target, describe_network(system.network), budget=budget, **more)


@cache
def of_slip(name):
    """What is said of one of `SLIPS`."""
    return of(SLIPS[name][0])


class Changed:
    """The reference with other answers: a function of its loss and gradients, and of the batch."""

    name, does = "changed", ("evaluate",)

    def __init__(self, change, dtype=np.float64):
        self.change, self.dtype = change, dtype

    def evaluate(self, network, params, x, t, **_):
        narrow = {name: p.astype(self.dtype) for name, p in params.items()}
        answer = reference.evaluate(network, narrow, x.astype(self.dtype), t.astype(self.dtype))
        gradients = {name: answer.gradients[name].astype(np.float64) for name in params}
        return Answer(*self.change(float(answer.loss), gradients, x))


class Direct:
    """A function of parameters, x and t, as a target of any network."""

    name, does = "direct", ("evaluate",)

    def __init__(self, function):
        self.function = function

    def evaluate(self, network, params, x, t, **_):
        return self.function(params, x, t)


class Sloped:
    """The reference with another backward pass through some layers' activations."""

    name, does = "sloped", ("evaluate",)

    def __init__(self, slope, layers):
        self.slope, self.layers = slope, layers

    def evaluate(self, network, params, x, t, **_):
        built = build_network(network)
        layers = [
            replace(layer, activation=replace(layer.activation, backward=self.slope)) if k in self.layers else layer
            for k, layer in enumerate(built.layers, 1)
        ]
        loss, gradients = loss_and_gradients(replace(built, layers=tuple(layers)), params, x, t)
        return Answer(float(loss), gradients)


def described(hidden, last, loss):
    """A network 3-4-3 of given activations."""
    alphas = {"leaky_relu": 0.01, "elu": 1.0}
    layers = [
        fmt.Layer(
            units,
            fmt.Activation(kind, axis="outputs" if kind == "softmax" else None, alpha=alphas.get(kind)),
            bias=True,
            layout="in,out",
        )
        for units, kind in ((4, hidden), (3, last))
    ]
    return fmt.Network(3, layers, fmt.Loss(loss, "samples", clip=1e-7 if loss == "binary_cross_entropy" else None))


# A function, the slugs that it is named by, and what its report says in its formulas.
SLIPS = {
    "one number for all biases": (xor(b1=lambda d1: np.full(d1.shape[1], d1.sum())), {"bias-grand-total"}, "δ.sum()"),
    "the last sample's bias": (xor(b1=lambda d1: d1[-1]), {"bias-of-last-sample"}, "δ[-1]"),
    "divided once more": (xor(W1=lambda x, d: x.T @ d / len(x), b1=lambda d: d.mean(0)), {"array-scaled"}, "1/N"),
    "a constant of its own": (xor(W2=lambda h, d, z: 0.37 * h.T @ d), {"array-scaled"}, "0.37"),
    "one function in both layers": (
        xor(output=lambda o, z, e: z * (1 - z), hidden=lambda h, z: z * (1 - z)), {"z-for-a"}, "z(1-z)",
    ),
    "overwritten": (xor(W1=lambda x, d: np.outer(x[-1], d[-1])), {"overwritten"}, "last sample"),
    "a flat spot filled": (xor(hidden=lambda h, z: h * (1 - h) + 0.07), {"derivative-shifted"}, "0.07"),
    "loss shifted": (xor(loss=lambda e: np.mean(e**2) + 3e-4), {"loss-constant"}, "0.0003"),
    "loss halved": (xor(loss=lambda e: np.mean(e**2) / 2), {"loss-half"}, "½"),
    "an absolute error": (xor(back=lambda d, W: np.abs(d @ W.T)), {"error-magnitude"}, "|δWᵀ|"),
    "weights of norm 1": (xor(back=lambda d, W: d @ (W / np.linalg.norm(W)).T), {"weights-other"}, "W/‖W‖"),
    "a loss of two terms": (
        xor(loss=lambda e: np.mean(np.abs(e) ** 3) + np.mean(e**2)), {"loss-terms"}, "(y-t)²",
    ),
    "two at once": (
        xor(error=lambda o, t: 2 * (o - t), b2=lambda d: d[0]), {"bias-of-one-sample"}, "δ[0]",
    ),
    "three at once": (
        xor(output=lambda o, z, e: 1, hidden=lambda h, z: h, loss=lambda e: np.sum(e**2)), {"output-derivative-missing", "sigmoid-first-power"}, "a",
    ),
}  # fmt: skip
