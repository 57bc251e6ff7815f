"""The described networks in plain Python, as an adapter: requests on stdin, replies on stdout, a JSON object a line."""

import json
import sys
from functools import partial
from math import exp, log, log1p, tanh
from operator import add, itemgetter, mul


def each(f, *values):
    """f of the numbers at each place of lists or dicts of one form."""
    if isinstance(values[0], dict):
        return {name: each(f, *(value[name] for value in values)) for name in values[0]}
    return [each(f, *inner) for inner in zip(*values, strict=True)] if isinstance(values[0], list) else f(*values)


def transposed(a):
    return [list(column) for column in zip(*a, strict=True)]


def product(rows, columns):
    return [[sum(map(mul, row, column)) for column in columns] for row in rows]


def sigmoid(z):
    return 1 / (1 + exp(-z)) if z >= 0 else exp(z) / (1 + exp(z))  # neither overflows


def log_softmax(z):
    shifted = [[value - max(row) for value in row] for row in z]
    return [[value - log(sum(map(exp, row))) for value in row] for row in shifted]


ACTIVATIONS = {  # a of z; da/dz by a, which for softmax is the diagonal alone
    "identity": (lambda z: z, lambda a: 1.0),
    "relu": (lambda z: max(z, 0.0), lambda a: float(a > 0)),
    "tanh": (tanh, lambda a: 1 - a * a),
    "sigmoid": (sigmoid, lambda a: a * (1 - a)),
    **dict.fromkeys(("softmax", "batch_softmax", "diagonal_softmax"), (None, lambda a: a * (1 - a))),
}
LOSSES = {  # of each y and t: the term, and its slope in y
    "squared_error": (lambda y, t: (y - t) ** 2, lambda y, t: 2 * (y - t)),
    "cross_entropy": (lambda y, t: -t * log(y) if t else 0.0, lambda y, t: -t / y if t else 0.0),  # 0 log 0 is 0
    "binary_cross_entropy": (lambda p, t: -t * log(p) - (1 - t) * log1p(-p), lambda p, t: (p - t) / (p * (1 - p))),
    "binary_cross_entropy logits": (lambda y, t: max(y, 0) - y * t + log1p(exp(-abs(y))), lambda y, t: sigmoid(y) - t),
}


def activate(activation, z):
    if activation["kind"] != "softmax":
        return each(ACTIVATIONS[activation["kind"]][0], z)
    turned = transposed if activation["axis"] == "batch" else list
    return turned(each(exp, log_softmax(turned(z))))


def back(activation, a, da):
    """dz of da; the rule `quotient` is the derivative."""
    if activation["kind"] != "softmax" or activation.get("backward") == "diagonal":
        return each(lambda a, da: da * ACTIVATIONS[activation["kind"]][1](a), a, da)
    turned = transposed if activation["axis"] == "batch" else list
    sums = turned([[sum(map(mul, p, dp))] * len(p) for p, dp in zip(turned(a), turned(da), strict=True)])
    return each(lambda a, da, s: a * (da - s), a, da, sums)


def loss_and_gradient(loss, y, t):
    """The loss of y, and dy."""
    kind, clip = loss["kind"] + " logits" * loss.get("from_logits", False), loss.get("clip", 0.0)
    count = {"sum": 1, "samples": len(t), "elements": len(t) * len(t[0])}[loss["reduction"]] * (1 + loss.get("half", 0))
    if kind == "cross_entropy logits":
        log_p, sums = log_softmax(y), [[sum(row)] * len(row) for row in t]
        terms, dy = each(lambda p, t: -t * p, log_p, t), each(lambda p, t, s: exp(p) * s - t, log_p, t, sums)
    else:
        term, slope = LOSSES[kind]
        p = each(lambda y: min(max(y, clip), 1 - clip), y) if clip else y
        terms, dy = each(term, p, t), each(lambda p, y, t: slope(p, t) if p == y else 0.0, p, y, t)
    return sum(map(sum, terms)) / count, each(lambda d: d / count, dy)


def evaluate(network, params, x, t):
    """z and a of each layer, the loss, the gradients; a vector layer is computed with one unit."""
    layers, loss, outputs, weights, gradients = network["layers"], network["loss"], [{"a": x}], [], {}
    for k, layer in enumerate(layers, 1):
        w, b = params[f"W{k}"], params.get(f"b{k}", [0.0] * layer["units"])
        if vector := layer.get("vector", False):
            w, b, t = [w], [params.get(f"b{k}", 0.0)], [[v] for v in t]
        weights.append(transposed(w) if layer["layout"] == "in,out" and not vector else w)
        z = [list(map(add, row, b)) for row in product(outputs[-1]["a"], weights[-1])]
        outputs.append({"z": z, "a": activate(layer["activation"], z)})
    last, a = layers[-1]["activation"], outputs[-1]["a"]
    plain = last["kind"] == "softmax" and last["axis"] == "outputs" and last.get("backward") != "diagonal"
    if plain and loss["kind"] == "cross_entropy" and not loss.get("from_logits"):
        value, dz = loss_and_gradient({**loss, "from_logits": True}, z, t)  # together, so that no p becomes 0
    else:
        value, dy = loss_and_gradient(loss, a, t)
        dz = back(last, a, dy)
    for k, layer in reversed(list(enumerate(layers, 1))):
        columns, below = transposed(dz), outputs[k - 1]["a"]
        dw, db = product(columns, transposed(below)), list(map(sum, columns))
        dw = transposed(dw) if layer["layout"] == "in,out" and not layer.get("vector") else dw
        gradients |= {f"W{k}": dw[0], f"b{k}": db[0]} if layer.get("vector") else {f"W{k}": dw, f"b{k}": db}
        dz = back(layers[k - 2]["activation"], below, product(dz, transposed(weights[k - 1]))) if k > 1 else None
    outputs[-1] = {name: [v for (v,) in values] if vector else values for name, values in outputs[-1].items()}
    return outputs[1:], value, {name: gradients[name] for name in params}


def updated(optimizer, step, p, g, m, v):
    """A number and its moments after a step, counted from 1."""
    rate = optimizer["learning_rate"]
    if optimizer["kind"] == "sgd":
        v = optimizer.get("momentum", 0.0) * v + g
        return p - rate * v, m, v
    beta1, beta2, epsilon = optimizer["beta1"], optimizer["beta2"], optimizer["epsilon"]
    m, v, root = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g, (1 - beta2**step) ** 0.5
    size = {"torch": v**0.5 / root + epsilon, "keras": (v**0.5 + epsilon) / root}[optimizer["placement"]]
    return p - rate / (1 - beta1**step) * m / size, m, v


def answer(ask):
    """What a run replies."""
    if ask["do"] not in {"echo", *START["does"]}:
        raise KeyError(ask["do"])
    if ask["do"] == "echo":
        return {"values": each(float, ask["values"])}
    network, (params, x, t) = ask["network"], (each(float, ask[name]) for name in ("params", "x", "t"))  # float("-0")
    if ask["do"] == "evaluate":
        return dict(zip(("layers", "loss", "gradients"), evaluate(network, params, x, t), strict=True))
    state, zeros, losses = ask.get("state") or {"step": 0, "moments": {}}, each(lambda p: 0.0, params), []
    m, v = (each(float, state["moments"].get(name, zeros)) for name in "mv")
    for step, rows in enumerate(ask["batches"], state["step"] + 1):
        _, loss, gradients = evaluate(network, params, [x[row] for row in rows], [t[row] for row in rows])
        moved = each(partial(updated, ask["optimizer"], step), params, gradients, m, v)
        losses, (params, m, v) = [*losses, loss], (each(itemgetter(i), moved) for i in range(3))
    return {"losses": losses, "params": params}


NAMED = {"nan": "nan", "inf": "inf", "-inf": "-inf", "-0.0": "-0"}  # JSON has no numbers for these
START = {"protocol": 1, "name": "plain_python_adapter", "does": ["evaluate", "train"],
         "pieces": [*ACTIVATIONS, *LOSSES, "cross_entropy", "sgd", "momentum classical", "adam"]}  # fmt: skip
for line in sys.stdin:
    ask = json.loads(line)
    try:
        reply = {"start": lambda _: START, "run": answer, "stop": lambda _: {}}[ask["verb"]](ask)
        reply = {"status": "ok", **each(lambda value: NAMED.get(repr(value), value), reply)}
    except KeyError as word:
        reply = {"status": "unsupported", "reason": f"{word} is unknown here"}
    except (ArithmeticError, ValueError) as error:  # log 0, exp 1000
        reply = {"status": "error", "message": str(error), "failure": "raised"}
    print(json.dumps({"seq": ask["seq"], **reply}), flush=True)
    if ask["verb"] == "stop":
        break
