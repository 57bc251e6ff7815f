"""The described networks in NumPy, as an adapter: requests on stdin, replies on stdout, one JSON object a line."""

import json
import sys

import numpy as np


def sigmoid(z):
    e = np.exp(-abs(z))  # does not overflow
    return np.where(z < 0, e, 1) / (1 + e)


def log_softmax(z):
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


def through_softmax(z, a, da):
    return a * (da - (da * a).sum(axis=1, keepdims=True))


ACTIVATIONS = {  # kind, axis and backward rule: a of z; dz of z, a and da
    "identity": (lambda z: z, lambda z, a, da: da),
    "relu": (lambda z: np.maximum(z, 0), lambda z, a, da: da * (z > 0)),
    "tanh": (np.tanh, lambda z, a, da: da * (1 - a * a)),
    "sigmoid": (sigmoid, lambda z, a, da: da * a * (1 - a)),
    "sigmoid quotient": (sigmoid, lambda z, a, da: da * a * (1 - a)),
    "softmax outputs": (lambda z: np.exp(log_softmax(z)), through_softmax),
    "softmax outputs diagonal": (lambda z: np.exp(log_softmax(z)), lambda z, a, da: da * a * (1 - a)),
    "softmax batch": (lambda z: np.exp(log_softmax(z.T)).T, lambda z, a, da: through_softmax(z.T, a.T, da.T).T),
}


def loss_and_gradient(loss, y, t):
    """The loss of y, and dy."""
    n, kind, logits = len(t), loss["kind"], loss.get("from_logits", False)
    if kind == "squared_error":
        count = {"sum": 1, "samples": n, "elements": t.size}[loss["reduction"]] * (2 if loss.get("half") else 1)
        return ((y - t) ** 2).sum() / count, 2 * (y - t) / count
    if kind == "cross_entropy" and logits:
        log_p = log_softmax(y)
        return -(t * log_p).sum() / n, (np.exp(log_p) * t.sum(axis=1, keepdims=True) - t) / n
    if kind == "cross_entropy":
        p = np.where(t == 0, 1, y)  # 0 log 0 is 0
        return -(t * np.log(p)).sum() / n, -t / p / n
    if kind == "binary_cross_entropy" and logits:
        return (np.maximum(y, 0) - y * t + np.log1p(np.exp(-abs(y)))).sum() / t.size, (sigmoid(y) - t) / t.size
    if kind == "binary_cross_entropy":
        p = np.clip(y, *np.array([loss["clip"], 1 - loss["clip"]], y.dtype))
        dy = (p - t) / (p * (1 - p)) * (p == y)  # beyond the bounds p is constant
        return -(t * np.log(p) + (1 - t) * np.log1p(-p)).sum() / t.size, dy / t.size
    raise KeyError(kind)


def evaluate(network, params, x, t):
    """z and a of each layer, (N, units), the loss, the gradients; a vector layer is computed with one unit."""
    layers, loss, outputs, gradients = network["layers"], network["loss"], [], {}
    words = [[layer["activation"].get(word) for word in ("kind", "axis", "backward")] for layer in layers]
    rules = [ACTIVATIONS[" ".join(word for word in some if word not in {None, "exact"})] for some in words]
    weights = [(params[f"W{k}"], layer["layout"]) for k, layer in enumerate(layers, 1)]  # made (inputs, units):
    weights = [w[:, None] if w.ndim == 1 else w.T if layout == "out,in" else w for w, layout in weights]
    for k, w in enumerate(weights):
        z = (outputs[-1][1] if k else x) @ w + params.get(f"b{k + 1}", 0)
        outputs.append((z, rules[k][0](z)))
    if rules[-1] is ACTIVATIONS["softmax outputs"] and loss["kind"] == "cross_entropy" and not loss.get("from_logits"):
        value, dz = loss_and_gradient({**loss, "from_logits": True}, z, t)  # together, so that no p becomes 0
    else:
        value, dy = loss_and_gradient(loss, outputs[-1][1], t.reshape(len(t), -1))
        dz = rules[-1][1](*outputs[-1], dy)
    for k in reversed(range(len(layers))):
        dw = (outputs[k - 1][1] if k else x).T @ dz
        gradients[f"W{k + 1}"] = dw.T if layers[k]["layout"] == "out,in" else dw
        gradients[f"b{k + 1}"] = dz.sum(axis=0)
        if k:
            dz = rules[k - 1][1](*outputs[k - 1], dz @ weights[k].T)
    shown = [{"z": z, "a": a} for z, a in (*outputs[:-1], [last.reshape(t.shape) for last in outputs[-1]])]
    return shown, float(value), {name: gradients[name].reshape(p.shape) for name, p in params.items()}


def update(optimizer, params, gradients, step, moments):
    """The parameters after a step, counted from 1; the moments change in place."""
    rate, after = optimizer["learning_rate"], {}
    v, m = (moments.setdefault(name, {}) for name in "vm")
    for name, g in gradients.items():
        if optimizer["kind"] == "sgd":
            v[name] = optimizer.get("momentum", 0) * v.get(name, 0) + g
            after[name] = params[name] - rate * v[name]
        else:
            beta1, beta2, epsilon = optimizer["beta1"], optimizer["beta2"], optimizer["epsilon"]
            m[name] = beta1 * m.get(name, 0) + (1 - beta1) * g
            v[name] = beta2 * v.get(name, 0) + (1 - beta2) * g * g
            size, root = np.sqrt(v[name]), (1 - beta2**step) ** 0.5
            size = {"torch": size / root + epsilon, "keras": (size + epsilon) / root}[optimizer["placement"]]
            after[name] = params[name] - rate / (1 - beta1**step) * m[name] / size
    return after


def answer(ask):
    without = lambda cut, arrays: {name: np.where(cut.get(name, False), 0, a) for name, a in arrays.items()}
    if ask["do"] not in {"echo", *START["does"]}:
        raise KeyError(ask["do"])
    if ask["do"] == "echo":
        return {"values": read(ask["values"], "float64")}
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
        params = update(ask["optimizer"], params, without(cut, gradients), step, moments)
        losses.append(loss)
    return {"left": left, "after": params} if ask["do"] == "prune" else {"losses": losses, "params": params}


def read(value, dtype):
    if isinstance(value, dict):
        return {name: read(inner, dtype) for name, inner in value.items()}
    return np.array(value, np.float64).astype(dtype)  # NumPy reads "nan", "inf" and "-0" too


def write(value):
    if isinstance(value, dict):
        return {name: write(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [write(inner) for inner in value]
    value = value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
    return write(value) if isinstance(value, list) else NAMED.get(repr(value), value)


NAMED = {"nan": "nan", "inf": "inf", "-inf": "-inf", "-0.0": "-0"}  # JSON has no numbers for these
START = {"protocol": 1, "name": "numpy_adapter", "version": "1", "dtypes": ["float32", "float64"], "networks": "any",
         "does": ["evaluate", "train", "prune"], "conventions": {}}  # fmt: skip
np.seterr(all="ignore")
for line in sys.stdin:
    ask = json.loads(line)
    try:
        reply = write({"start": lambda _: START, "run": answer, "stop": lambda _: {}}[ask["verb"]](ask))
        reply = {"seq": ask["seq"], "status": "ok", **reply}
    except KeyError as word:
        reply = {"seq": ask["seq"], "status": "unsupported", "reason": f"{word} is unknown here"}
    print(json.dumps(reply), flush=True)
    if ask["verb"] == "stop":
        break
