"""The few operations whose NumPy form differs between arithmetics.

Everything else in the reference is plain NumPy and runs unchanged on five kinds of array: ``float32``,
``float64``, ``complex128`` (complex step: the real part is the value, the imaginary part a tangent of about
1e-200), and object arrays of Arb balls (python-flint) at any precision. The functions here are the places where
that needs care: a comparison of balls may have no answer, and a complex number must be compared by its real part.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nn_reference.errors import UndecidedError

Array: TypeAlias = NDArray[Any]
Params: TypeAlias = dict[str, Array]


def real(z: Array) -> Array:
    """The value without its complex-step tangent; a view, so assigning to it would write through."""
    return z.real if z.dtype.kind == "c" else z


def positive(z: Array) -> NDArray[np.bool_]:
    """Where z > 0, as booleans of z's shape; NaN is not. Raises `UndecidedError` where a ball's sign is unknown."""
    if z.dtype == object:
        return _decided(z > 0, z <= 0)
    return np.asarray(real(z) > 0)


def outside(z: Array, low: float, high: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where z < low and where z > high, by the real part. Raises `UndecidedError` where a ball lies across a bound."""
    if z.dtype == object:
        return _decided(z < low, z >= low), _decided(z > high, z <= high)
    value = real(z)
    return np.asarray(value < low), np.asarray(value > high)


def log1p(z: Array) -> Array:
    """log(1+z). NumPy's of a complex number is that of its modulus, and loses the digits of a small z."""
    if z.dtype.kind != "c":
        return np.log1p(z)
    return np.asarray(np.log1p(z.real) + 1j * (z.imag / (1 + z.real)), z.dtype)


def exact(value: float, like: Array) -> Any:
    """`value` for arithmetic with `like`: a float, or a ball of radius zero, so that no power is rounded early."""
    return type(like.flat[0])(value) if like.dtype == object else value


def zeros_like(a: Array) -> Array:
    """Zeros of a's shape and arithmetic (NumPy's own would put the integer 0 among balls)."""
    return np.zeros_like(a) if a.dtype != object else np.asanyarray(a * 0, dtype=object)


def copied(arrays: Params) -> Params:
    """Copies, which may be changed in place."""
    return {name: a.copy() for name, a in arrays.items()}


def _decided(yes: Array, no: Array) -> NDArray[np.bool_]:
    """`yes`, if every element is either certainly yes or certainly no."""
    yes = np.asarray(yes, dtype=bool)
    undecided = ~(yes | np.asarray(no, dtype=bool))
    if undecided.any():
        where = tuple(int(i) for i in np.argwhere(undecided)[0])
        raise UndecidedError(
            f"comparison of the ball at index {where}: expected a ball on one side of the kink, "
            "got one that lies across it; raise the working precision"
        )
    return yes
