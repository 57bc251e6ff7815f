"""The described networks in JAX, as an adapter: the forward pass and the loss; `jax.value_and_grad` does the rest."""

import json
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


ACTIVATIONS = {  # kind, axis and backward rule
    "identity": lambda z: z,
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "sigmoid": sigmoid,
    "sigmoid quotient": sigmoid,  # the same function, and so the same derivative
    "softmax outputs": partial(softmax, axis=1),
    "softmax outputs diagonal": through_diagonal,
    "softmax batch": partial(softmax, axis=0),
}


def loss_of(loss, y, t):
    """The loss of the last activation y."""
    kind, logits = loss["kind"], loss.get("from_logits", False)
    if kind == "squared_error":
        count = {"sum": 1, "samples": len(t), "elements": t.size}[loss["reduction"]] * (2 if loss.get("half") else 1)
        return ((y - t) ** 2).sum() / count
    if kind == "cross_entropy":
        log_p = log_softmax(y, axis=1) if logits else jnp.log(jnp.where(t == 0, 1, y))  # 0 log 0 is 0
        return -(t * log_p).sum() / len(t)
    if kind == "binary_cross_entropy" and logits:
        return (jax.nn.softplus(y) - y * t).sum() / t.size
    if kind == "binary_cross_entropy":
        p = jnp.clip(y, *np.array([loss["clip"], 1 - loss["clip"]], y.dtype))
        return -(t * jnp.log(p) + (1 - t) * jnp.log1p(-p)).sum() / t.size
    raise KeyError(kind)


def forward(network, params, x, t):
    """The loss; and z and a of each layer, (N, units) or, of a vector layer, (N,)."""
    outputs, loss, a = [], network["loss"], x
    for k, layer in enumerate(network["layers"], 1):
        w, words = params[f"W{k}"], [layer["activation"].get(word) for word in ("kind", "axis", "backward")]
        name = " ".join(word for word in words if word not in {None, "exact"})
        z = a @ (w.T if layer["layout"] == "out,in" else w) + params.get(f"b{k}", 0)  # .T leaves a vector as it is
        a = ACTIVATIONS[name](z)
        outputs.append({"z": z, "a": a})
    if name == "softmax outputs" and loss["kind"] == "cross_entropy" and not loss.get("from_logits"):
        return loss_of({**loss, "from_logits": True}, z, t), outputs  # together, so that no p becomes 0
    return loss_of(loss, a, t), outputs


@partial(jax.jit, static_argnums=0)
def evaluate(network, params, x, t):
    """The loss with all outputs, and the gradients; compiled once for each network and its shapes."""
    return jax.value_and_grad(partial(forward, json.loads(network)), has_aux=True)(params, x, t)


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
        params = update(ask["optimizer"], params, jax.device_get(gradients), step, moments)
        losses.append(loss)
    return {"losses": losses, "params": params}


def read(value, dtype):
    if isinstance(value, dict):
        return {name: read(inner, dtype) for name, inner in value.items()}
    return np.array(value, np.float64).astype(dtype)  # NumPy reads "nan", "inf" and "-0" too


def write(value):
    if isinstance(value, dict):
        return {name: write(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [write(inner) for inner in value]
    if isinstance(value, (jax.Array, np.ndarray, np.generic)):
        return write(value.tolist())
    return NAMED.get(repr(value), value)


NAMED = {"nan": "nan", "inf": "inf", "-inf": "-inf", "-0.0": "-0"}  # JSON has no numbers for these
START = {"protocol": 1, "name": "jax_adapter", "version": jax.__version__, "dtypes": ["float32", "float64"],
         "networks": "any", "does": ["evaluate", "train"], "conventions": {}}  # fmt: skip
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
