"""The described networks in NumPy, as an adapter: requests on stdin, replies on stdout, one JSON object a line."""

import json
import re
import sys
from functools import partial

import numpy as np


def gelu(z):
    """The tanh form, and its slope."""
    tau = np.tanh(0.7978845608028654 * (z + 0.044715 * z**3))  # √(2/π)
    return z / 2 * (1 + tau), (1 + tau) / 2 + z / 2 * (1 - tau * tau) * 0.7978845608028654 * (1 + 0.134145 * z * z)


most, total = partial(np.max, axis=1, keepdims=True), partial(np.sum, keepdims=True)
sigmoid = lambda z: np.where(z < 0, np.exp(-abs(z)), 1) / (1 + np.exp(-abs(z)))  # does not overflow
log_softmax = lambda z: z - most(z) - np.log(total(np.exp(z - most(z)), axis=1))
ACTIVATIONS = {  # by piece: a of z and α; dz of z, a, α and da
    "identity": (lambda z, _: z, lambda z, a, _, da: da),
    "relu": (lambda z, _: np.maximum(z, 0), lambda z, a, _, da: da * (z > 0)),
    "leaky_relu": (lambda z, c: np.where(z > 0, z, c * z), lambda z, a, c, da: np.where(z > 0, da, c * da)),
    "elu": (lambda z, c: np.where(z > 0, z, c * np.expm1(z)), lambda z, a, c, da: np.where(z > 0, da, da * (a + c))),
    "tanh": (lambda z, _: np.tanh(z), lambda z, a, _, da: da * (1 - a * a)),
    "sigmoid": (lambda z, _: sigmoid(z), lambda z, a, _, da: da * a * (1 - a)),
    "softplus": (lambda z, _: np.logaddexp(z, 0 * z), lambda z, a, _, da: da * sigmoid(z)),
    "silu": (lambda z, _: z * sigmoid(z), lambda z, a, _, da: da * sigmoid(z) * (1 + z * sigmoid(-z))),
    "gelu": (lambda z, _: gelu(z)[0], lambda z, a, _, da: da * gelu(z)[1]),
    "softmax": (lambda z, _: np.exp(log_softmax(z)), lambda z, a, _, da: a * (da - total(da * a, axis=1))),
    "batch_softmax": (lambda z, _: np.exp(log_softmax(z.T)).T, lambda z, a, _, da: a * (da - total(da * a, axis=0))),
    "diagonal_softmax": (lambda z, _: np.exp(log_softmax(z)), lambda z, a, _, da: da * a * (1 - a)),
}
LOSSES = {  # terms and slopes of y and t
    "squared_error": lambda y, t: ((y - t) ** 2, 2 * (y - t)),
    "linear": lambda y, t: (t * y, t),
    "cross_entropy": lambda y, t: (-t * np.log(np.where(t == 0, 1, y)), -t / np.where(t == 0, 1, y)),  # 0 log 0 is 0
    "cross_entropy logits": lambda y, t: (-t * log_softmax(y), np.exp(log_softmax(y)) * total(t, axis=1) - t),
    "binary_cross_entropy": lambda p, t: (-t * np.log(p) - (1 - t) * np.log1p(-p), (p - t) / (p * (1 - p))),
    "binary_cross_entropy logits": lambda y, t: (np.logaddexp(0 * y, y) - y * t, sigmoid(y) - t),
}


def loss_and_gradient(loss, y, t):
    """The loss of y, and dy."""
    count = {"sum": 1, "samples": len(t), "elements": t.size}[loss["reduction"]] * (2 if loss.get("half") else 1)
    p = np.clip(y, *np.array([loss["clip"], 1 - loss["clip"]], y.dtype)) if loss.get("clip") else y
    terms, slopes = LOSSES[loss["kind"] + " logits" * loss.get("from_logits", False)](p, t)
    return terms.sum() / count, slopes * (p == y) / count  # beyond the bounds of a clip p is constant


def evaluate(network, params, x, t):
    """z and a of each layer, (N, units), the loss, the gradients; a vector layer is computed with one unit."""
    layers, loss, penalty, values, a, gradients = network["layers"], network["loss"], network.get("penalty"), [], x, {}
    weights = [(params[f"W{k}"], layer["layout"]) for k, layer in enumerate(layers, 1)]  # made (inputs, units):
    weights = [w[:, None] if w.ndim == 1 else w.T if layout == "out,in" else w for w, layout in weights]
    for k, (w, layer) in enumerate(zip(weights, layers, strict=True), 1):
        rule, z = layer["activation"], a @ w + params.get(f"b{k}", 0)
        prefix = "batch_" * (rule.get("axis") == "batch") + "diagonal_" * (rule.get("backward") == "diagonal")
        forward, backward = ACTIVATIONS[prefix + rule["kind"]]
        phi = forward(z, rule.get("alpha"))
        values.append((a, partial(backward, z, phi, rule.get("alpha")), z, phi + a if layer.get("skip") else phi))
        a = values[-1][3]
    if prefix + rule["kind"] == "softmax" and loss["kind"] == "cross_entropy" and not loss.get("from_logits"):
        value, dz = loss_and_gradient({**loss, "from_logits": True}, z, t)  # together, so that no p becomes 0
    else:
        value, da = loss_and_gradient(loss, a, t.reshape(len(t), -1))
        dz = values[-1][1](da)
    for k in reversed(range(len(layers))):
        dw, passed = values[k][0].T @ dz, da if layers[k].get("skip") else 0
        gradients[f"W{k + 1}"] = dw.T if layers[k]["layout"] == "out,in" else dw
        gradients[f"b{k + 1}"], da = dz.sum(axis=0), dz @ weights[k].T + passed
        dz = values[k - 1][1](da) if k else None
    gradients = {name: gradients[name].reshape(p.shape) for name, p in params.items()}
    for name in [name for name in params if penalty and (name[0] == "W" or penalty.get("biases"))]:
        scale = penalty["strength"] / {"1": 1, "1/2": 2, "1/N": len(x), "1/2N": 2 * len(x)}[penalty["scaling"]]
        value, gradients[name] = value + scale * (params[name] ** 2).sum(), gradients[name] + 2 * scale * params[name]
    shown = [{"z": z, "a": a} for *_, z, a in [*values[:-1], (z.reshape(t.shape), a.reshape(t.shape))]]
    return shown, float(value), gradients


def update(optimizer, params, gradients, step, moments):
    """The parameters after a step, counted from 1; the moments change in place."""
    rate, kind, mu, after = optimizer["learning_rate"], optimizer["kind"], optimizer.get("momentum", 0), {}
    beta1, beta2, epsilon = (optimizer.get(word) for word in ("beta1", "beta2", "epsilon"))
    v, m, dialect = moments.setdefault("v", {}), moments.setdefault("m", {}), optimizer.get("dialect")
    c1, c2 = (1 - beta1**step, (1 - beta2**step) ** 0.5) if kind == "adam" else (1, 1)
    for name, g in gradients.items():
        old = v.get(name, 0)
        if kind == "sgd":
            v[name] = mu * old + {"rate": rate * g, "averaged": (1 - mu) * g}.get(dialect, g)
            move = {"rate": v[name], "nesterov": rate * (g + mu * v[name])}.get(dialect, rate * v[name])
        else:
            m[name] = beta1 * m.get(name, 0) + (1 - beta1) * g if kind == "adam" else g
            v[name] = old + g * g if kind == "adagrad" else beta2 * old + (1 - beta2) * g * g
            keras = (np.sqrt(v[name]) + epsilon) / c2 if kind == "adam" else np.sqrt(v[name] + epsilon)
            size = keras if optimizer["placement"] == "keras" else np.sqrt(v[name]) / c2 + epsilon
            move = rate / c1 * m[name] / size
        after[name] = params[name] - move
    return after


def answer(ask):
    without = lambda cut, arrays: {name: np.where(cut.get(name, False), 0, a) for name, a in arrays.items()}
    if ask["do"] == "echo":
        return {"values": read(ask["values"], "float64")}
    if ask["do"] not in START["does"]:
        raise KeyError(ask["do"])
    network, (params, x, t) = ask["network"], (read(ask[name], ask["dtype"]) for name in ("params", "x", "t"))
    if ask["do"] == "evaluate":
        return dict(zip(("layers", "loss", "gradients"), evaluate(network, params, x, t), strict=True))
    state, cut, losses = ask.get("state") or {"step": 0, "moments": {}}, {}, []
    moments = read(state["moments"], ask["dtype"])
    if ask["do"] == "prune":
        cut = {name: abs(params[name]) < ask["threshold"] for name in ask["names"]}
        params = left = without(cut, params)
        cut = cut if ask["keep_mask"] else {}
        moments = {name: without(cut, moment) for name, moment in moments.items()}
    for step, rows in enumerate(ask.get("batches", [slice(None)]), state["step"] + 1):
        _, loss, gradients = evaluate(network, params, x[rows], t[rows])
        params, losses = update(ask["optimizer"], params, without(cut, gradients), step, moments), [*losses, loss]
    return {"left": left, "after": params} if ask["do"] == "prune" else {"losses": losses, "params": params}


def read(value, dtype):
    if isinstance(value, dict):
        return {name: read(inner, dtype) for name, inner in value.items()}
    return np.array(value, np.float64).astype(dtype)  # NumPy reads "nan", "inf" and "-0" too


def write(reply):
    text = json.dumps(reply, default=lambda array: array.tolist())
    return re.sub(r"(?<=[\[ ])(NaN|-?Infinity|-0\.0)(?=[],}])", lambda number: NAMED[number[0]], text)


NAMED = {"NaN": '"nan"', "Infinity": '"inf"', "-Infinity": '"-inf"', "-0.0": '"-0"'}  # JSON has no numbers for these
PIECES = [*ACTIVATIONS, *LOSSES, "penalty", "skip", "sgd", "momentum", "adam", "rmsprop", "adagrad"]
START = {"protocol": 1, "name": "numpy_adapter", "version": "2", "dtypes": ["float32", "float64"], "networks": "any",
         "does": ["evaluate", "train", "prune"], "conventions": {}, "pieces": PIECES}  # fmt: skip
VERBS = {"start": lambda _: START, "run": answer, "stop": lambda _: {}}
np.seterr(all="ignore")
for line in sys.stdin:
    ask = json.loads(line)
    try:
        reply = {"seq": ask["seq"], "status": "ok", **VERBS[ask["verb"]](ask)}
    except KeyError as word:
        reply = {"seq": ask["seq"], "status": "unsupported", "reason": f"{word} is unknown here"}
    print(write(reply), flush=True)
    if ask["verb"] == "stop":
        break
