"""Activations and losses of `quick`: in place on fresh arrays, for one sample as a vector as well as for a batch.

z becomes a in place; `backward` takes a and the gradient with respect to it. A loss returns its value and its gradient.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from nn_reference.arithmetic import Array
from nn_reference.losses import BinaryCrossEntropy, CrossEntropy, SquaredError
from nn_reference.network import Dense, Network

Forward = Callable[[Array], Array]
Backward = Callable[[Array, Array], Array]
LossRule = Callable[[Array, Array], tuple[Any, Array]]


def rules(network: Network, layer: Dense) -> tuple[Forward, Backward] | None:
    """Forward and backward of a layer's activation; None where there is none here.

    Softmax before its cross-entropy is left to the loss, which takes the logits.
    """
    activation = layer.activation
    if layer.vector or activation.derivative != "exact":
        return None
    if layer is network.layers[-1] and network.loss_takes_logits_of_softmax:
        return identity, identity_backward
    if activation.name == "softmax":
        axis = -1 if activation.axis is None else activation.axis
        return partial(softmax, axis=axis), partial(softmax_backward, axis=axis)
    return RULES.get(activation.name)


def loss_rule(network: Network) -> LossRule | None:
    """Value and gradient of the network's loss; None where there is none here."""
    match network.loss:
        case SquaredError(reduction="elements", half=False):
            return squared_error
        case BinaryCrossEntropy(from_logits=True):
            return binary_cross_entropy
        case BinaryCrossEntropy(clip=clip):
            return partial(clipped_binary_cross_entropy, clip=clip)
        case CrossEntropy(from_logits=from_logits) if from_logits or network.loss_takes_logits_of_softmax:
            return cross_entropy
    return None


def identity(z: Array) -> Array:
    """a = z."""
    return z


def identity_backward(a: Array, d: Array) -> Array:  # noqa: ARG001 - one signature for every rule
    """The gradient as it is."""
    return d


def sigmoid(z: Array) -> Array:
    """1/(1+e^-z): where e^-z overflows, 0, as it should be; the caller silences that."""
    np.negative(z, out=z)
    np.exp(z, out=z)
    np.add(z, 1, out=z)
    return np.divide(1, z, out=z)


def sigmoid_backward(a: Array, d: Array) -> Array:
    """d·a(1-a)."""
    slope = 1 - a
    slope *= a
    slope *= d
    return slope


def tanh(z: Array) -> Array:
    """Tanh z."""
    return np.tanh(z, out=z)


def tanh_backward(a: Array, d: Array) -> Array:
    """d·(1-a²)."""
    slope = a * a
    np.subtract(1, slope, out=slope)
    slope *= d
    return slope


def relu(z: Array) -> Array:
    """max(z, 0)."""
    return np.maximum(z, 0, out=z)


def relu_backward(a: Array, d: Array) -> Array:
    """D where a > 0, which is where z was."""
    return d * (a > 0)


def softmax(z: Array, axis: int) -> Array:
    """e^z / Σ e^z, shifted by the maximum."""
    np.subtract(z, np.maximum.reduce(z, axis=axis, keepdims=True), out=z)
    np.exp(z, out=z)
    np.divide(z, np.add.reduce(z, axis=axis, keepdims=True), out=z)
    return z


def softmax_backward(a: Array, d: Array, axis: int) -> Array:
    """a·(d - Σ a·d)."""
    return a * (d - np.add.reduce(a * d, axis=axis, keepdims=True))


def squared_error(y: Array, t: Array) -> tuple[Any, Array]:
    """Mean over samples and outputs of (y-t)²."""
    error = y - t
    return np.vdot(error, error) / t.size, error * (2 / t.size)


def binary_cross_entropy(y: Array, t: Array) -> tuple[Any, Array]:
    """From logits; wider targets promote the loss, and what goes back is narrow again."""
    terms = np.maximum(y, 0) - y * t + np.log1p(np.exp(-np.abs(y)))
    d = (sigmoid(y.copy()) - t) / t.size
    return np.add.reduce(terms, axis=None) / t.size, d.astype(y.dtype, copy=False)


def clipped_binary_cross_entropy(y: Array, t: Array, clip: float) -> tuple[Any, Array]:
    """From probabilities clipped to [clip, 1-clip], without a gradient outside."""
    p = np.minimum(np.maximum(y, clip), 1 - clip)
    q = 1 - p
    value = -np.add.reduce(t * np.log(p) + (1 - t) * np.log(q), axis=None) / t.size
    return value, ((p - t) / (p * q) * (p == y) / t.size).astype(y.dtype, copy=False)


def cross_entropy(y: Array, t: Array) -> tuple[Any, Array]:
    """From logits, mean over samples."""
    n = t.size // t.shape[-1]
    shifted = y - np.maximum.reduce(y, axis=-1, keepdims=True)
    e = np.exp(shifted)
    total = np.add.reduce(e, axis=-1, keepdims=True)
    value = np.vdot(t, np.log(total) - shifted) / n
    return value, ((e / total - t) / n).astype(y.dtype, copy=False)


RULES: dict[str, tuple[Forward, Backward]] = {
    "identity": (identity, identity_backward),
    "sigmoid": (sigmoid, sigmoid_backward),
    "tanh": (tanh, tanh_backward),
    "relu": (relu, relu_backward),
}
