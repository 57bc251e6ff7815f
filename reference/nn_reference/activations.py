"""Activations as forward/backward pairs.

Legend: z pre-activation, a = φ(z) activation, both of shape (..., N, C): any leading axes, N samples, C units.
`da` is the gradient of the loss with respect to a, `dz` with respect to z. ReLU′(0) is 0 here, as in the
documents; any value in [0, 1] is a right one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Literal

import numpy as np

from nn_reference.arithmetic import Array, positive, real
from nn_reference.errors import InputError
from nn_reference.validation import check_choice, shown


@dataclass(frozen=True)
class Activation:
    """A function with the rule that takes a gradient back through it.

    Attributes:
        name: the field's name for it.
        forward: z -> a, same shape and dtype.
        backward: (z, a, da) -> dz, same shape and dtype. Where a document's rule is not the derivative of its
            function, this is the document's rule.
        elementwise: each output depends on its own input only.
        derivative: which rule `backward` is, where there are several for one function.
    """

    name: str
    forward: Callable[[Array], Array]
    backward: Callable[[Array, Array, Array], Array]
    elementwise: bool = True
    derivative: str = "exact"
    axis: int | None = None


def identity(z: Array) -> Array:
    """a = z; the same array, not a copy."""
    return z


def identity_backward(z: Array, a: Array, da: Array) -> Array:
    """dz = da."""
    return da


def sigmoid(z: Array) -> Array:
    """a = 1/(1+e^-z), by e^-|z|, which cannot overflow: for z < 0 it is e^z/(1+e^z), the same function."""
    e = np.exp(-magnitude(z))
    return np.where(real(z) >= 0, 1, e) / (1 + e)


def sigmoid_backward(z: Array, a: Array, da: Array) -> Array:
    """dz = da · a(1-a)."""
    return da * (a * (1 - a))


def sigmoid_backward_quotient(z: Array, a: Array, da: Array) -> Array:
    """dz = da · e^-z/(e^-z+1)², the same function as a(1-a), but inf/inf = NaN once e^-z overflows (document 001)."""
    with np.errstate(over="ignore", invalid="ignore"):
        e = np.exp(-z)
        return da * (e / (e + 1) ** 2)


def tanh(z: Array) -> Array:
    """a = tanh z."""
    return np.tanh(z)


def tanh_backward(z: Array, a: Array, da: Array) -> Array:
    """dz = da · (1-a²)."""
    return da * (1 - a * a)


def relu(z: Array) -> Array:
    """a = max(z, 0); NaN stays NaN.

    Raises:
        UndecidedError: z is a ball that contains zero and more than zero.
    """
    # np.maximum would compare complex numbers by their tangents where the values are equal.
    return z * positive(z) if z.dtype.kind in "cO" else np.maximum(z, 0)


def relu_backward(z: Array, a: Array, da: Array) -> Array:
    """dz = da where z > 0, else 0."""
    return da * positive(z)


def softmax(z: Array, axis: int = -1) -> Array:
    """a = e^z / Σ e^z along `axis` (-1 the units of a sample, -2 the samples of a batch), shifted by the maximum."""
    e = np.exp(z - np.max(real(z), axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def softmax_backward(z: Array, a: Array, da: Array, axis: int = -1) -> Array:
    """dz = a · (da - Σ a·da): the full Jacobian, diag(a) - a aᵀ."""
    return a * (da - np.sum(a * da, axis=axis, keepdims=True))


def softmax_backward_diagonal(z: Array, a: Array, da: Array, axis: int = -1) -> Array:
    """dz = da · a(1-a): only the Jacobian's diagonal, so the gradient of no loss (document 001)."""
    return da * (a * (1 - a))


def log_softmax(z: Array, axis: int = -1) -> Array:
    """Log softmax(z) without forming the quotient, so that no probability underflows to log 0."""
    shifted = z - np.max(real(z), axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def magnitude(z: Array) -> Array:
    """|z|, differentiable by complex step (np.abs of a complex number would be its modulus).

    Of a ball across zero it is -z, not |z|: what sigmoid and binary cross-entropy make of it holds for either sign.
    """
    return np.where(real(z) >= 0, z, -z) if z.dtype.kind in "cO" else np.abs(z)


def Softmax(axis: int = -1, derivative: Literal["exact", "diagonal"] = "exact") -> Activation:  # noqa: N802 - reads as a class
    """Softmax over `axis`: -1 the units of each sample, -2 the samples of the batch (document 004's defect).

    Raises:
        InputError: another axis, or a derivative that is neither.
    """
    if not isinstance(axis, int) or axis not in {-1, -2}:
        raise InputError(
            f"axis: expected -1 (the units of a sample) or -2 (the samples of a batch), got {shown(axis)}; "
            "count from the end, as z may have further leading axes"
        )
    check_choice("derivative", derivative, ("exact", "diagonal"))
    return _softmax_over(axis, derivative)


@cache  # partial functions are equal only to themselves, and equal declarations should be
def _softmax_over(axis: int, derivative: Literal["exact", "diagonal"]) -> Activation:
    backward = softmax_backward if derivative == "exact" else softmax_backward_diagonal
    return Activation(
        name="softmax",
        forward=partial(softmax, axis=axis),
        backward=partial(backward, axis=axis),
        elementwise=False,
        derivative=derivative,
        axis=axis,
    )


IDENTITY = Activation("identity", identity, identity_backward)
SIGMOID = Activation("sigmoid", sigmoid, sigmoid_backward)
SIGMOID_QUOTIENT = Activation("sigmoid", sigmoid, sigmoid_backward_quotient, derivative="quotient")
TANH = Activation("tanh", tanh, tanh_backward)
RELU = Activation("relu", relu, relu_backward)
SOFTMAX = Softmax()
