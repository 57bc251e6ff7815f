"""Every limit of the suite, and where it comes from.

u is the unit roundoff, K the longest sum of products behind a value, ‖·‖ the norm of a whole array. An honest error of
a sum of K products grows like u·√K of what is summed; LAPACK's own tests refuse from 30 times that on, and so do we.
No limit grows with the number of entries: it would let large arrays be wrong. `python -m nn_maintain audit` measures how far
honest implementations stay below each limit, and by how much the nearest mistake exceeds it.

Legend: N samples, H units of a layer, C outputs; g a gradient going back, M the same with magnitudes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import build_activation, build_network
from nn_reference.activations import GELU_CUBIC, GELU_SCALE, sigmoid, softmax
from nn_reference.arithmetic import Array, Params
from nn_reference.network import LayerOutput

ROUNDOFF: dict[fmt.Dtype, float] = {"float32": 2.0**-24, "float64": 2.0**-53}
# The threshold of LAPACK's tests (TESTING/dtest.in).
FACTOR = 30.0
# Roundings behind one term: of an activation, of its derivative, and of the products with either.
ROUNDINGS = 4.0
# Powers of β held in float32, as some optimisers do: 1 - 0.999ᵗ keeps so few of its digits that the root of it is off
# by up to 222 u, at t = 3 by repeated multiplication. This much and FACTOR, which stands beside it, are more than that.
# RMSProp has no powers, but a 1 - β₂ that float32 keeps as few digits of.
ADAM_FLOAT32 = 200.0
# Of a value: a limit beyond this shows nothing.
BLIND = 0.1


@dataclass(frozen=True)
class Limit:
    """The largest error that passes, a norm, and the reason for it."""

    value: float
    reason: str

    def plus(self, value: float, reason: str) -> "Limit":
        """A wider limit, where a target's answer has an uncertainty of its own."""
        return Limit(self.value + value, f"{self.reason} + {reason}") if value else self


def longest_sum(network: fmt.Network, samples: int) -> int:
    """K: no sum of products behind any value of a call is longer."""
    return max(network.inputs, samples, *(layer.units for layer in network.layers))


def value_limit(expected: Array, dtype: fmt.Dtype, longest: int) -> Limit:
    """For z, a and the loss."""
    return Limit(FACTOR * _unit(dtype, longest) * norm(expected), "30·u·√K·‖expected‖")


def loss_limit(network: fmt.Network, y: Array, t: Array, expected: float, dtype: fmt.Dtype, longest: int) -> Limit:
    """For the loss of outputs y.

    A loss near 0 may be the sum of what is rounded at a larger size: the terms of Σ t·y have either sign; log p of a p
    near 1 moves by u when p does, and log(1 - p) by u where p is near 0, and by u·p/(1 - p) where it is near 1.
    """
    limit, size = value_limit(np.array(expected), dtype, longest), np.abs(t)
    if network.loss.kind == "linear":
        terms, text = size * np.abs(y), "4·u·√K·Σ|t·y|"
    elif network.loss.kind == "cross_entropy" and not network.loss.from_logits:
        terms, text = size, "4·u·√K·Σ|t|"
    elif network.loss.kind == "binary_cross_entropy" and not network.loss.from_logits:
        inside = np.clip(y, 0, 1 - (network.loss.clip or ROUNDOFF[dtype]))
        terms, text = size + np.abs(1 - t) / (1 - inside), "4·u·√K·Σ(|t| + |1 - t|/(1 - p))"
    else:
        return limit
    count = loss_count(network.loss, t)
    return limit.plus(ROUNDINGS * _unit(dtype, longest) * float(np.sum(terms)) / count, f"{text}/{count}")


def loss_count(loss: fmt.Loss, t: Array) -> int:
    """What the loss's sum is divided by: 1, N or N·C, doubled with ½."""
    return {"sum": 1, "samples": len(t), "elements": t.size}[loss.reduction] * (2 if loss.half else 1)


def gradient_limit(expected: Array, magnitude: Array, dtype: fmt.Dtype, longest: int) -> Limit:
    """For a gradient; `magnitude` is its M of `magnitudes`."""
    value = _unit(dtype, longest) * (FACTOR * norm(expected) + ROUNDINGS * norm(magnitude))
    return Limit(value, "u·√K·(30·‖expected‖ + 4·‖M‖), M the gradient of magnitudes")


def honest_error(expected: Array, magnitude: Array, dtype: fmt.Dtype, longest: int) -> Array:
    """What honest code, which needs at most a third of a limit, is off by in each entry of a gradient."""
    return np.asarray(_unit(dtype, longest) * (FACTOR * np.abs(expected) + ROUNDINGS * np.abs(magnitude)) / 3)


def update_limit(move: float, after: float, optimizer: fmt.Optimizer, dtype: fmt.Dtype, longest: int) -> Limit:
    """For parameters after an update, from the norms of the move and of the parameters after it."""
    adam = optimizer.kind in ("adam", "rmsprop") and dtype == "float32"
    share = FACTOR * np.sqrt(longest) + (ADAM_FLOAT32 if adam else 0.0)
    value = ROUNDOFF[dtype] * (share * move + ROUNDINGS * after)
    return Limit(float(value), f"u·((30·√K{' + 200' if adam else ''})·‖move‖ + 4·‖after‖)")


def magnitudes(network: fmt.Network, params: Params, layers: Sequence[LayerOutput], x: Array, t: Array) -> Params:
    """M of every parameter, and of ``x``: backpropagation in which each term counts with its magnitude.

    It bounds what rounding may do in any order of addition, where terms cancel: 1 - a of a rounded a close to 1 has lost
    digits that no later step gives back.

    Args:
        network: the description.
        params: of the description's shapes.
        layers: certified z and a of every layer.
        x: (N, D).
        t: targets, (N, C) or (N,).
    """
    outputs = [layer.a for layer in layers]
    built = build_network(network)
    of_loss = _loss_magnitude(network, layers[-1], t)
    g = back = _through(network.layers[-1], layers[-1], of_loss, fused=built.loss_takes_logits_of_softmax)
    found: Params = {}
    for k in range(len(layers), 0, -1):
        layer = built.layers[k - 1]
        if layer.bias:
            found[f"b{k}"] = np.asarray(g.sum(axis=0))
        found[f"W{k}"] = layer.weight_gradient(np.abs(outputs[k - 2] if k > 1 else x), g)
        below = layer.input_gradient(g, np.abs(params[f"W{k}"]))
        back = below + back if layer.skip else below
        if k > 1:
            g = _through(network.layers[k - 2], layers[k - 2], back)
    if network.penalty is not None:
        for name in found:
            if network.penalty.biases or name.startswith("W"):
                found[name] = found[name] + np.abs(params[name]) * penalty_slope(network.penalty, len(x))
    return found | {"x": back}


def penalty_slope(penalty: fmt.Penalty, samples: int) -> float:
    """What a parameter is multiplied by in the gradient of the penalty."""
    return 2 * penalty.strength / ((2 if "2" in penalty.scaling else 1) * (samples if "N" in penalty.scaling else 1))


def blind(limit: float, expected: Array) -> bool:
    """Whether a limit lets a tenth of a value pass: within it, nothing is shown. What is 0 must still be 0."""
    return limit > BLIND * norm(expected) > 0


def norm(a: Array) -> float:
    """The root of the sum of squares of all entries, in float64; infinite where that overflows."""
    flat = np.asarray(a, np.float64).ravel(order="K")
    with np.errstate(over="ignore"):
        return sqrt(flat.dot(flat))  # as np.linalg.norm has it, in half the time for a small array


def _unit(dtype: fmt.Dtype, longest: int) -> float:
    return float(ROUNDOFF[dtype] * np.sqrt(longest))


def _loss_magnitude(network: fmt.Network, output: LayerOutput, t: Array) -> Array:
    loss, y, size = network.loss, output.a, np.abs(t)
    count = loss_count(loss, t)
    with np.errstate(over="ignore"):
        match loss.kind:
            case "squared_error":
                return (np.abs(y) + size) * 2 / count
            case "linear":
                return size / count
            case "cross_entropy":
                if not loss.from_logits and not build_network(network).loss_takes_logits_of_softmax:
                    return np.divide(size, y, out=np.zeros_like(y), where=size > 0) / count
                p = softmax(y) if loss.from_logits else y
                return (p * size.sum(axis=-1, keepdims=True) + size) / count
            case "binary_cross_entropy":
                if loss.from_logits:
                    return (sigmoid(y) + size) / count
                inside = (y >= loss.clip) & (y <= 1 - (loss.clip or 0.0))
                p = np.where(inside, y, 0.5)
                return np.where(inside, (p + size) / (p * (1 - p) ** 2), 0.0) / count


def _through(layer: fmt.Layer, output: LayerOutput, g: Array, *, fused: bool = False) -> Array:
    """g back through an activation, with the magnitudes of its derivative's terms."""
    activation = layer.activation
    if activation.kind == "softmax" and fused:
        return g
    a = build_activation(activation).forward(output.z) if layer.skip else output.a
    if activation.kind == "softmax" and activation.backward != "diagonal":
        axis = 0 if activation.axis == "batch" else -1
        return a * (g + (a * g).sum(axis=axis, keepdims=True))
    return g * SLOPES[activation.kind](output.z, a, activation.alpha or 0.0)


def _gelu_slope(z: Array, _: Array, __: float) -> Array:
    inner = np.abs(z) * (1 + GELU_CUBIC * z * z) * GELU_SCALE
    slope = (1 + 3 * GELU_CUBIC * z * z) * GELU_SCALE
    # Beyond 20 the tanh is ±1 in either precision, and 1 - tanh² is 0.
    return 1 + np.abs(z) * slope * (inner < 20)


# The derivatives, each term with its magnitude: (z, a, α) -> what g is multiplied by. Where z is 0 either side may be taken.
SLOPES: dict[str, Callable[[Array, Array, float], Array]] = {
    "identity": lambda z, a, alpha: np.ones_like(z),
    "sigmoid": lambda z, a, alpha: a * (1 + a),
    "softmax": lambda z, a, alpha: a * (1 + a),  # the diagonal of its Jacobian
    "tanh": lambda z, a, alpha: 1 + a * a,
    "relu": lambda z, a, alpha: z >= 0,
    "leaky_relu": lambda z, a, alpha: np.where(z >= 0, 1.0, alpha),
    "elu": lambda z, a, alpha: np.where(z > 0, 1.0, np.maximum(np.abs(a) + alpha, z == 0)),
    "softplus": lambda z, a, alpha: sigmoid(z),
    "silu": lambda z, a, alpha: sigmoid(z) * (1 + np.abs(z) * (1 + sigmoid(z))),
    "gelu": _gelu_slope,
}
