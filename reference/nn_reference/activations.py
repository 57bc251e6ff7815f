"""Activations as forward/backward pairs.

Legend: z pre-activation, a = φ(z) activation, both of shape (..., N, C): any leading axes, N samples, C units.
`da` is the gradient of the loss with respect to a, `dz` with respect to z. ReLU′(0) is 0 here, as in the
documents; any value in [0, 1] is a right one. Leaky ReLU and ELU too take the slope of the left side at 0.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, Literal

import numpy as np

from nn_reference.arithmetic import Array, log1p, positive, real
from nn_reference.errors import InputError
from nn_reference.validation import check_choice, check_number, shown

# The float64 nearest to √(2/π): GELU's tanh form is defined by this number.
GELU_SCALE, GELU_CUBIC = 0.7978845608028654, 0.044715


@dataclass(frozen=True)
class Activation:
    """A function with the rule that takes a gradient back through it; where a document's rule is another, with that."""

    name: str  # the field's name for it
    forward: Callable[[Array], Array]  # z -> a, same shape and dtype
    backward: Callable[[Array, Array, Array], Array]  # (z, a, da) -> dz, same shape and dtype
    elementwise: bool = True  # each output depends on its own input only
    derivative: str = "exact"  # which rule `backward` is, where there are several for one function
    axis: int | None = None  # of a softmax: -1 or -2
    alpha: float | None = None  # leaky ReLU's slope below 0, or ELU's α
    jumps: bool = False  # whether the slope jumps at 0, from α, or 0 where it has none, to 1


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


def relu(z: Array) -> Array:
    """a = max(z, 0); NaN stays NaN. Raises `UndecidedError` where a ball contains zero and more than zero."""
    # np.maximum would compare complex numbers by their tangents where the values are equal.
    return z * positive(z) if z.dtype.kind in "cO" else np.maximum(z, 0)


def relu_backward(z: Array, a: Array, da: Array) -> Array:
    """dz = da where z > 0, else 0."""
    return da * positive(z)


def leaky_relu(z: Array, alpha: float) -> Array:
    """a = z where z > 0, else α·z. Raises as `relu` does."""
    right = positive(z)
    return z * right + z * ~right * alpha


def leaky_relu_backward(z: Array, a: Array, da: Array, alpha: float) -> Array:
    """dz = da where z > 0, else α·da."""
    right = positive(z)
    return da * right + da * ~right * alpha


def elu(z: Array, alpha: float) -> Array:
    """a = z where z > 0, else α(e^z-1). Raises as `relu` does."""
    right = positive(z)
    return z * right + (np.exp(z * ~right) - 1) * alpha


def elu_backward(z: Array, a: Array, da: Array, alpha: float) -> Array:
    """dz = da where z > 0, else da · (a+α), which is α·e^z."""
    right = positive(z)
    return da * right + da * ~right * (a + alpha)


def softplus(z: Array) -> Array:
    """a = log(1+e^z), as max(z,0) + log(1+e^-|z|), which overflows for no z."""
    size = magnitude(z)
    return (z + size) / 2 + log1p(np.exp(-size))


def softplus_backward(z: Array, a: Array, da: Array) -> Array:
    """dz = da · 1/(1+e^-z)."""
    return da * sigmoid(z)


def silu(z: Array) -> Array:
    """a = z/(1+e^-z), also called swish."""
    return z * sigmoid(z)


def silu_backward(z: Array, a: Array, da: Array) -> Array:
    """dz = da · s(1 + z(1-s)) with s = 1/(1+e^-z)."""
    s = sigmoid(z)
    return da * (s * (1 + z * (1 - s)))


def gelu(z: Array) -> Array:
    """a = z/2 · (1 + tanh(√(2/π)·(z + 0.044715 z³))), the tanh form."""
    return z / 2 * (1 + np.tanh(_gelu_inner(z)))


def gelu_backward(z: Array, a: Array, da: Array) -> Array:
    """dz = da · ((1+τ)/2 + z/2·(1-τ²)·√(2/π)(1 + 3·0.044715 z²)), τ the tanh of `gelu`."""
    tau = np.tanh(_gelu_inner(z))
    slope = (z * z * GELU_CUBIC * 3 + 1) * GELU_SCALE
    return da * ((1 + tau) / 2 + z / 2 * (1 - tau * tau) * slope)


def _gelu_inner(z: Array) -> Array:
    return (z + z * z * z * GELU_CUBIC) * GELU_SCALE


def softmax(z: Array, axis: int = -1) -> Array:
    """a = e^z / Σ e^z along `axis` (-1 the units of a sample, -2 the samples of a batch), shifted by the maximum."""
    e = np.exp(z - np.max(real(z), axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def softmax_backward(z: Array, a: Array, da: Array, axis: int = -1) -> Array:
    """dz = a · (da - Σ a·da): the full Jacobian, diag(a) - a aᵀ."""
    return a * (da - np.sum(a * da, axis=axis, keepdims=True))


def log_softmax(z: Array, axis: int = -1) -> Array:
    """Log softmax(z) without forming the quotient, so that no probability underflows to log 0."""
    shifted = z - np.max(real(z), axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def magnitude(z: Array) -> Array:
    """|z|, differentiable by complex step (np.abs of a complex number would be its modulus).

    Of a ball across zero it is -z, not |z|: what sigmoid and binary cross-entropy make of it holds for either sign.
    """
    return np.where(real(z) >= 0, z, -z) if z.dtype.kind in "cO" else np.abs(z)


def LeakyReLU(slope: float = 0.01) -> Activation:  # noqa: N802 - reads as a class
    """Leaky ReLU with that slope below 0. Raises `InputError` where it is no number in [0, 1)."""
    check_number("slope", slope, least=0, below=1)
    return _with("alpha", leaky_relu, leaky_relu_backward, name="leaky_relu", alpha=float(slope), jumps=True)


def ELU(alpha: float = 1.0) -> Activation:  # noqa: N802 - reads as a class
    """ELU with that α. Raises `InputError` where it is no finite number ≥ 0."""
    check_number("alpha", alpha, least=0)
    return _with("alpha", elu, elu_backward, name="elu", alpha=float(alpha), jumps=float(alpha) != 1)


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
    exact = _with("axis", softmax, softmax_backward, name="softmax", elementwise=False, axis=axis)
    # Document 001 has only the Jacobian's diagonal, a(1-a) as a sigmoid's: the gradient of no loss.
    return exact if derivative == "exact" else replace(exact, backward=sigmoid_backward, derivative=derivative)


@cache  # partial functions are equal only to themselves, and equal declarations should be
def _with(parameter: str, forward: Callable[..., Array], backward: Callable[..., Array], **fields: Any) -> Activation:
    """An activation whose functions take one of its fields, alpha or axis."""
    given = {parameter: fields[parameter]}
    return Activation(forward=partial(forward, **given), backward=partial(backward, **given), **fields)


def identity(*given: Array) -> Array:
    """Z as it is, and da on the way back: the last that is given."""
    return given[-1]


def tanh_backward(_z: Array, a: Array, da: Array) -> Array:
    """A slope of 1 - a²."""
    return da * (1 - a * a)


# Functions of the module, and not lambdas, which pickle refuses: people run networks in several processes.
IDENTITY = Activation("identity", identity, identity)
SIGMOID = Activation("sigmoid", sigmoid, sigmoid_backward)
SIGMOID_QUOTIENT = Activation("sigmoid", sigmoid, sigmoid_backward_quotient, derivative="quotient")
TANH = Activation("tanh", np.tanh, tanh_backward)
RELU = Activation("relu", relu, relu_backward, jumps=True)
SOFTPLUS = Activation("softplus", softplus, softplus_backward)
SILU = Activation("silu", silu, silu_backward)
GELU = Activation("gelu", gelu, gelu_backward)
SOFTMAX = Softmax()
