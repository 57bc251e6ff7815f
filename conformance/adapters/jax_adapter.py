"""The described networks in JAX, as an adapter: the forward pass and the loss; `jax.value_and_grad` does the rest."""

import json
import re
import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.nn import log_softmax, sigmoid, softmax

jax.config.update("jax_enable_x64", val=True)  # or every float64 would be a float32


def through_diagonal(z):
    """Softmax as a function that has only the diagonal of the Jacobian: to first order it is a + a(1 - a)(z - z0)."""
    a = lax.stop_gradient(softmax(z, axis=1))
    return a + a * (1 - a) * (z - lax.stop_gradient(z))


ACTIVATIONS = {  # by piece
    "identity": lambda z: z,
    "relu": jax.nn.relu,
    "leaky_relu": jax.nn.leaky_relu,
    "elu": jax.nn.elu,
    "tanh": jnp.tanh,
    "sigmoid": sigmoid,  # also where the rule is `quotient`: the same function, and so the same derivative
    "softplus": jax.nn.softplus,
    "silu": jax.nn.silu,
    "gelu": jax.nn.gelu,  # in its tanh form
    "softmax": partial(softmax, axis=1),
    "batch_softmax": partial(softmax, axis=0),
    "diagonal_softmax": through_diagonal,
}


def loss_of(loss, y, t):
    """The loss of the last activation y."""
    kind, logits = loss["kind"], loss.get("from_logits", False)
    count = {"sum": 1, "samples": len(t), "elements": t.size}[loss["reduction"]] * (2 if loss.get("half") else 1)
    if kind == "squared_error":
        return ((y - t) ** 2).sum() / count
    if kind == "linear":
        return (t * y).sum() / count
    if kind == "cross_entropy":
        log_p = log_softmax(y, axis=1) if logits else jnp.log(jnp.where(t == 0, 1, y))  # 0 log 0 is 0
        return -(t * log_p).sum() / count
    if logits:
        return (jax.nn.softplus(y) - y * t).sum() / count
    p = jnp.clip(y, *np.array([loss["clip"], 1 - loss["clip"]], y.dtype))
    return -(t * jnp.log(p) + (1 - t) * jnp.log1p(-p)).sum() / count


def penalty_of(penalty, params, samples):
    """What an L2 penalty adds to the loss."""
    scale = penalty["strength"] / {"1": 1, "1/2": 2, "1/N": samples, "1/2N": 2 * samples}[penalty["scaling"]]
    return scale * sum((p**2).sum() for name, p in params.items() if name[0] == "W" or penalty.get("biases"))


def forward(network, params, x, t):
    """The loss; and z and a of each layer, (N, units) or, of a vector layer, (N,)."""
    outputs, loss, a, added = [], network["loss"], x, 0
    if network.get("penalty"):
        added = penalty_of(network["penalty"], params, len(x))
    for k, layer in enumerate(network["layers"], 1):
        w, rule = params[f"W{k}"], layer["activation"]
        prefix = "batch_" * (rule.get("axis") == "batch") + "diagonal_" * (rule.get("backward") == "diagonal")
        name, alpha = prefix + rule["kind"], [rule[word] for word in rule if word == "alpha"]
        z = a @ (w.T if layer["layout"] == "out,in" else w) + params.get(f"b{k}", 0)  # .T leaves a vector as it is
        a = ACTIVATIONS[name](z, *alpha) + (a if layer.get("skip") else 0)
        outputs.append({"z": z, "a": a})
    if name == "softmax" and loss["kind"] == "cross_entropy" and not loss.get("from_logits"):
        return added + loss_of({**loss, "from_logits": True}, z, t), outputs  # together, so that no p becomes 0
    return added + loss_of(loss, a, t), outputs


@partial(jax.jit, static_argnums=0)
def evaluate(network, params, x, t):
    """The loss with all outputs, and the gradients; compiled once for each network and its shapes."""
    return jax.value_and_grad(partial(forward, json.loads(network)), has_aux=True)(params, x, t)


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
    """What a run replies."""
    if ask["do"] not in {"echo", *START["does"]}:
        raise KeyError(ask["do"])
    if ask["do"] == "echo":
        return {"values": read(ask["values"], "float64")}
    network = json.dumps(ask["network"])  # hashable
    params, x, t = (read(ask[name], ask["dtype"]) for name in ("params", "x", "t"))
    if ask["do"] == "evaluate":
        (loss, layers), gradients = evaluate(network, params, x, t)
        return {"layers": layers, "loss": loss, "gradients": gradients}
    state, losses = ask.get("state") or {"step": 0, "moments": {}}, []
    moments = read(state["moments"], ask["dtype"])
    for step, rows in enumerate(ask["batches"], state["step"] + 1):
        (loss, _), gradients = evaluate(network, params, x[rows], t[rows])
        params, losses = update(ask["optimizer"], params, jax.device_get(gradients), step, moments), [*losses, loss]
    return {"losses": losses, "params": params}


def read(value, dtype):
    if isinstance(value, dict):
        return {name: read(inner, dtype) for name, inner in value.items()}
    return np.array(value, np.float64).astype(dtype)  # NumPy reads "nan", "inf" and "-0" too


def write(reply):
    text = json.dumps(reply, default=lambda array: array.tolist())
    return re.sub(r"(?<=[\[ ])(NaN|-?Infinity|-0\.0)(?=[],}])", lambda number: NAMED[number[0]], text)


NAMED = {"NaN": '"nan"', "Infinity": '"inf"', "-Infinity": '"-inf"', "-0.0": '"-0"'}  # JSON has no numbers for these
LOSSES = ["squared_error", "cross_entropy", "binary_cross_entropy", "linear"]
PIECES = [*ACTIVATIONS, *LOSSES, "penalty", "skip", "sgd", "momentum", "adam", "rmsprop", "adagrad"]
START = {"protocol": 1, "name": "jax_adapter", "version": jax.__version__, "dtypes": ["float32", "float64"],
         "does": ["evaluate", "train"], "pieces": PIECES}  # fmt: skip
for line in sys.stdin:
    ask = json.loads(line)
    try:
        reply = {"start": lambda _: START, "run": answer, "stop": lambda _: {}}[ask["verb"]](ask)
        reply = {"seq": ask["seq"], "status": "ok", **reply}
    except KeyError as word:
        reply = {"seq": ask["seq"], "status": "unsupported", "reason": f"{word} is unknown here"}
    print(write(reply), flush=True)
    if ask["verb"] == "stop":
        break
