"""Twenty networks as courses have them, called in five ways, right and with one of five mistakes.

`TARGETS` has each by a name such as ``logistic_rows_right``; on a command line it is ``courses.py:NAME``.
"""

from dataclasses import replace

import msgspec
import numpy as np

from nn_conformance import conforms, network
from nn_conformance.cases.families import build_network
from nn_conformance.cases.store import Store
from nn_conformance.judge.target import Unsupported
from nn_conformance.judge_run import JudgeRun
from nn_conformance.oracles import reference
from nn_conformance.subjects import subject_of
from nn_reference.network import loss_and_gradients

COURSES = {
    "linear": "4-1, squared-error half samples",
    "logistic": "4-1 sigmoid, bce",
    "softmax": "4-3 softmax, cross-entropy",
    "softmax_l2": "4-3 softmax, cross-entropy, l2 0.125/2",
    "tanh_sigmoid": "3-4 tanh-1 sigmoid, bce",
    "three_sigmoid": "6-5 sigmoid-4 sigmoid-10 sigmoid, squared-error half samples",
    "sum_of_squares": "4-5 sigmoid-3 sigmoid, squared-error half sum",
    "xor": "2-3 tanh-1 tanh, squared-error",
    "relu_relu_softmax": "4-6 relu-5 relu-3 softmax, cross-entropy",
    "deep_relu": "4-5 relu-5 relu-5 relu-1 sigmoid, bce",
    "leaky_l2": "4-5 leaky-3 softmax, cross-entropy, l2 0.125/2N",
    "regression": "4-5 tanh-1, squared-error",
    "regression_three": "4-5 relu-3, squared-error samples",
    "ridge": "5-2, squared-error, l2 0.25/N",
    "labels": "4-5 relu-3 sigmoid, bce",
    "elu": "3-4 elu-2, squared-error samples",
    "softplus": "3-4 softplus-1 sigmoid, bce samples",
    "silu": "3-4 silu-2 softmax, cross-entropy",
    "gelu": "3-4 gelu-2, squared-error half",
    "skip": "3-4 tanh-4 tanh skip-2, squared-error",
}


def none(_, value, **sizes):
    """No mistake."""
    return value


def passes(net, p, x, t, slip=none):
    """Σ of the loss over samples and outputs, and its gradients; `slip` changes a value by its name."""
    sizes = {"n": len(x), "c": t.shape[1], "last": len(net.layers)}
    loss = msgspec.structs.replace(net.loss, reduction="sum", half=False)
    units = [msgspec.structs.replace(layer, units=p[f"W{k}"].shape[1]) for k, layer in enumerate(net.layers, 1)]
    built = build_network(msgspec.structs.replace(net, inputs=x.shape[1], layers=units, loss=loss, penalty=None))
    layers = [
        replace(
            layer, activation=replace(layer.activation, backward=slipping(layer.activation, slip, f"slope{k}", sizes))
        )
        for k, layer in enumerate(built.layers[:-1], 1)
    ]
    loss, g = loss_and_gradients(replace(built, layers=(*layers, built.layers[-1])), p, x, t)
    return loss, {name: slip(name, slip("error", a, **sizes), **sizes) for name, a in g.items()}


def slipping(activation, slip, name, sizes):
    """Its way back, with a slip in the slope."""
    return lambda z, a, da: slip(name, activation.backward(z, a, da), **sizes)


def scaled(net, p, x, t, slip=none):
    """The loss as it is described, and its gradients."""
    return finished(net, p, *passes(net, p, x, t, slip), len(x), t.shape[1])


def finished(net, p, loss, g, n, c):
    count = {"sum": 1, "samples": n, "elements": n * c}[net.loss.reduction] * (2 if net.loss.half else 1)
    loss, g = loss / count, {name: a / count for name, a in g.items()}
    if net.penalty:
        over = {"1": 1, "1/2": 0.5, "1/N": 1 / n, "1/2N": 0.5 / n}[net.penalty.scaling] * net.penalty.strength
        for name in (name for name in p if name[0] == "W"):
            loss = loss + over * np.sum(p[name] ** 2)
            g[name] = g[name] + 2 * over * p[name]
    return float(loss), {name: np.asarray(g[name], a.dtype) for name, a in p.items()}


def rows(net, slip):
    return lambda params, x, t: scaled(net, params, x, t, slip)


def columns(net, slip):
    """Samples are columns, W (out, in), biases (units, 1)."""

    def function(params, x, t):
        flat = {name: a.T if name[0] == "W" else a[:, 0] for name, a in params.items()}
        loss, g = scaled(net, flat, x.T, t.T, slip)
        return loss, {name: a.T if name[0] == "W" else a[:, None] for name, a in g.items()}

    return function


def loops(net, slip):
    """One sample after another, gradients added up."""

    def function(params, x, t):
        def whole(name, value, *, n, c, last):  # a slip of the sizes is one of the whole batch
            return slip(name, value, n=len(x), c=c, last=last)

        each = [passes(net, params, x[k : k + 1], t[k : k + 1], whole) for k in range(len(x))]
        total = {name: sum(g[name] for _, g in each) for name in params}
        return finished(net, params, sum(loss for loss, _ in each), total, len(x), t.shape[1])

    return function


def updates(net, slip):
    """In place, with a learning rate."""

    def function(params, x, t, lr):
        loss, g = scaled(net, params, x, t, slip)
        for name in params:
            params[name] -= lr * g[name]
        return loss

    return function


def a_class(net, slip):
    class Net:
        def set_weights(self, params):
            self.params = params

        def step(self, x, t, lr):
            loss, g = scaled(net, self.params, x, t, slip)
            self.params = {name: p - lr * g[name] for name, p in self.params.items()}
            return loss

        def get_weights(self):
            return self.params

    return Net


class Trainer:
    """Trains with momentum or Adam, whose constants `slip` changes."""

    name, evaluate = "trainer", staticmethod(reference.evaluate)

    def __init__(self, slip=lambda optimizer: {}, refuses=()):
        self.slip, self.refuses = slip, refuses

    def train(self, asked):
        optimizer = asked.optimizer
        if optimizer.kind in self.refuses or optimizer.kind not in ("sgd", "adam"):
            raise Unsupported(optimizer.kind)
        used = msgspec.structs.replace(optimizer, **self.slip(optimizer))
        return reference.train(replace(asked, optimizer=used))


UPDATE_SLIPS = {
    "momentum": lambda o: {"momentum": o.momentum / 2},
    "rate": lambda o: {"learning_rate": 2 * o.learning_rate},
    "beta1": lambda o: {"beta1": 0.0} if o.kind == "adam" else {},
    "beta2": lambda o: {"beta2": o.beta2**2} if o.kind == "adam" else {},
}
STYLES = {
    "rows": (rows, {}),
    "columns": (columns, {"layout": "out,in", "samples": "columns", "bias": "column"}),
    "loops": (loops, {}),
    "updates": (updates, {}),
    "class": (a_class, {}),
}


def of(name, factor):
    """Multiplies one value."""

    def slip(at, value, *, n, c, last):
        return value * factor(n, c, value) if at == name.format(last=last) else value

    return slip


SLIPS = {
    "times_outputs": of("error", lambda n, c, _: c + 1),
    "mean_twice": of("error", lambda n, c, _: 1 / n),
    "bias_averaged": of("b{last}", lambda n, c, _: 1 / n),
    "half_in_one": of("W{last}", lambda n, c, _: 0.5),
    "entry_lost": of("W1", lambda n, c, value: np.arange(value.size).reshape(value.shape) > 0),
}


def made(course, style, slip=none):
    make, conventions = STYLES[style]
    target = make(network(COURSES[course]), slip)
    return conforms(COURSES[course], **conventions)(target)


def failures(target, dtypes=("float64",)):
    """Each verdict that fails, without what a report says beside them."""
    subject = subject_of(target)
    systems = subject.claimed(())
    run = JudgeRun(subject.target, systems, Store(), dtypes=dtypes, offers=subject.offers)
    return (v for s in systems for pair in run.pairs(s) for v in run.verdicts(*pair).values() if v.failed)


def caught(target):
    """Whether a check fails; the rest is not asked then."""
    return any(failures(target))


TARGETS = {
    f"{course}_{style}_{name}": made(course, style, slip)
    for course in COURSES
    for style in STYLES
    for name, slip in {"right": none, **SLIPS}.items()
}
globals().update(TARGETS)
