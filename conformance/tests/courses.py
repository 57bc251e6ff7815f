"""Twenty networks as courses have them, written for these tests in five ways, right and with one of five mistakes.

`TARGETS` has each by a name such as ``logistic_rows_right``; on a command line it is ``courses.py:NAME``.
"""

from functools import partial

import numpy as np

from nn_conformance import conforms, network
from nn_conformance.cases.store import Store
from nn_conformance.judge.target import Answer, Run, Unsupported
from nn_conformance.judge_run import JudgeRun
from nn_conformance.subjects import subject_of

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
G = np.sqrt(2 / np.pi)


def sigmoid(z):
    e = np.exp(-abs(z))
    return np.where(z < 0, e, 1) / (1 + e)


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def gelu_slope(z):
    u = np.tanh(G * (z + 0.044715 * z**3))
    return (1 + u) / 2 + z / 2 * (1 - u * u) * G * (1 + 3 * 0.044715 * z * z)


ACTIVATIONS = {  # a of z; its slope of z and a
    "identity": (lambda z: z, lambda z, a: np.ones_like(z)),
    "sigmoid": (sigmoid, lambda z, a: a * (1 - a)),
    "tanh": (np.tanh, lambda z, a: 1 - a * a),
    "relu": (lambda z: np.maximum(z, 0), lambda z, a: (z > 0).astype(z.dtype)),
    "leaky_relu": (lambda z: np.where(z > 0, z, z * z.dtype.type(0.01)), lambda z, a: np.where(z > 0, 1, 0.01)),
    "elu": (lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))), lambda z, a: np.where(z > 0, 1, a + 1)),
    "softplus": (lambda z: np.maximum(z, 0) + np.log1p(np.exp(-abs(z))), lambda z, a: sigmoid(z)),
    "silu": (lambda z: z * sigmoid(z), lambda z, a: sigmoid(z) + a * (1 - sigmoid(z))),
    "gelu": (lambda z: z * (1 + np.tanh(G * (z + 0.044715 * z**3))) / 2, lambda z, a: gelu_slope(z)),
    "softmax": (softmax, None),
}


def none(_, value, **sizes):
    """No mistake."""
    return value


def loss_and_error(net, z, y, t):
    """Σ over samples and outputs, and what is dz of it but for the slope of a squared error's last activation."""
    if net.loss.kind == "squared_error":
        return np.sum((y - t) ** 2), 2 * (y - t) * ACTIVATIONS[net.layers[-1].activation.kind][1](z, y)
    if net.loss.kind == "binary_cross_entropy":
        return np.sum(np.maximum(z, 0) - z * t + np.log1p(np.exp(-abs(z)))), y - t
    shifted = z - z.max(axis=1, keepdims=True)
    return -np.sum(t * (shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))), y - t


def passes(net, p, x, t, slip=none):
    """Σ of the loss over samples and outputs, and its gradients; `slip` changes a value by its name."""
    outputs, a = [], x
    for k, layer in enumerate(net.layers, 1):
        z = a @ p[f"W{k}"] + p[f"b{k}"]
        outputs.append((a, z, ACTIVATIONS[layer.activation.kind][0](z)))
        a = outputs[-1][2] + a if layer.skip else outputs[-1][2]
    loss, d = loss_and_error(net, z, a, t)
    sizes = {"n": len(x), "c": t.shape[1], "last": len(net.layers)}
    d, da, g = slip("error", d, **sizes), 0, {}
    for k in range(len(net.layers), 0, -1):
        g[f"W{k}"] = slip(f"W{k}", outputs[k - 1][0].T @ d, **sizes)
        g[f"b{k}"] = slip(f"b{k}", d.sum(axis=0), **sizes)
        if k > 1:
            da = d @ p[f"W{k}"].T + (slip("skip", da, **sizes) if net.layers[k - 1].skip else 0)
            slope = ACTIVATIONS[net.layers[k - 2].activation.kind][1](*outputs[k - 2][1:])
            d = da * slip(f"slope{k - 1}", slope, **sizes)
    return loss, g


def scaled(net, p, x, t, slip=none):
    """The loss as it is described, and its gradients."""
    loss, g = passes(net, p, x, t, slip)
    return finished(net, p, loss, g, len(x), t.shape[1], slip)


def finished(net, p, loss, g, n, c, slip):
    count = {"sum": 1, "samples": n, "elements": n * c}[net.loss.reduction] * (2 if net.loss.half else 1)
    loss, g = loss / count, {name: a / count for name, a in g.items()}
    if net.penalty:
        over = {"1": 1, "1/2": 0.5, "1/N": 1 / n, "1/2N": 0.5 / n}[net.penalty.scaling] * net.penalty.strength
        for name in (name for name in p if name[0] == "W"):
            loss = loss + over * np.sum(p[name] ** 2)
            g[name] = g[name] + slip("penalty", 2 * over * p[name], n=n, c=c, last=len(net.layers))
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
        return finished(net, params, sum(loss for loss, _ in each), total, len(x), t.shape[1], slip)

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
    """Evaluates, and trains with momentum or Adam; `slip` changes numbers of the update by name."""

    name = "trainer"

    def __init__(self, line, slip=none, refuses=()):
        self.net, self.slip, self.refuses = network(line), slip, refuses

    def evaluate(self, described, params, x, t, *, gradients=True):
        loss, g = scaled(described, params, x, t)
        return Answer(loss, g if gradients else {})

    def train(self, asked):
        optimizer, params, state, x, t = asked.optimizer, asked.params, asked.state, asked.x, asked.t
        if optimizer.kind in self.refuses or optimizer.kind not in ("sgd", "adam"):
            raise Unsupported(optimizer.kind)
        start = state.step + 1 if state else 1
        m, v = (
            {n: state.moments[k][n] if state and k in state.moments else 0 * p for n, p in params.items()} for k in "mv"
        )
        o, slip, losses = optimizer, partial(self.slip, n=0, c=0, last=0), []
        for step, batch in enumerate(asked.batches, start):
            loss, g = scaled(asked.network, params, x[batch], t[batch])
            losses.append(loss)
            for n in params:
                if o.kind == "sgd":
                    v[n] = slip("momentum", o.momentum) * v[n] + g[n]
                    params = params | {n: params[n] - slip("rate", o.learning_rate) * v[n]}
                    continue
                m[n] = o.beta1 * m[n] + (1 - slip("beta1", o.beta1)) * g[n]
                v[n] = o.beta2 * v[n] + (1 - slip("beta2", o.beta2)) * g[n] ** 2
                root = np.sqrt(v[n] / (1 - o.beta2 ** slip("step", step)))
                size = root + o.epsilon if o.placement == "torch" else root + o.epsilon / np.sqrt(1 - o.beta2**step)
                params = params | {n: params[n] - slip("rate", o.learning_rate) * m[n] / (1 - o.beta1**step) / size}
        return Run(losses, {n: np.asarray(p, x.dtype) for n, p in params.items()})


UPDATE_SLIPS = {
    "momentum": lambda at, value, **_: value * (0.5 if at == "momentum" else 1),
    "rate": lambda at, value, **_: value * (2 if at == "rate" else 1),
    "beta1": lambda at, value, **_: 0 if at == "beta1" else value,
    "beta2": lambda at, value, **_: value**2 if at == "beta2" else value,
    "step": lambda at, value, **_: value + 1 if at == "step" else value,
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
