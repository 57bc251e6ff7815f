"""Arrays and numbers as JSON, and back, with proof that nothing was lost."""

import hashlib
from collections.abc import Iterable

import numpy as np

from nn_conformance.cases.format import DTYPES, Array, Dtype, Number
from nn_reference import arithmetic

INLINE = 4096  # numbers; larger arrays go beside the case


def digest(a: arithmetic.Array) -> str:
    """SHA-256 of the array's little-endian bytes in row-major order."""
    return hashlib.sha256(np.ascontiguousarray(a, a.dtype.newbyteorder("<")).tobytes()).hexdigest()


def numbers(a: arithmetic.Array) -> list[Number]:
    """Row-major, each as the shortest decimal that gives the same number back."""
    flat = a.ravel()
    # str of a NumPy float32 is its own shortest decimal, where float() of it would print the float64's.
    found: list[Number] = [float(str(value)) for value in flat]
    for k in np.flatnonzero(~np.isfinite(flat) | ((flat == 0) & np.signbit(flat))):
        found[k] = number(float(flat[k]))
    return found


def number(value: float) -> Number:
    """A float as JSON has it, or by name where JSON has no number for it."""
    if value == 0:
        return "-0" if np.signbit(value) else 0.0
    if np.isfinite(value):
        return float(value)
    return "nan" if np.isnan(value) else "inf" if value > 0 else "-inf"


def values(encoded: Iterable[Number], dtype: str) -> arithmetic.Array:
    """The numbers of a list, as a flat array."""
    with np.errstate(all="ignore"):  # a number beyond float32 becomes inf, and has another digest
        return np.array(list(encoded), dtype=np.float64).astype(dtype, copy=False)  # NumPy reads the names as well


def dtype_name(a: arithmetic.Array) -> Dtype:
    """The dtype, if it is one of the format's.

    Raises:
        TypeError: any other dtype.
    """
    for name in DTYPES:
        if a.dtype.name == name:
            return name
    raise TypeError(f"expected an array of {' or '.join(DTYPES)}, got {a.dtype}")


def inline(a: arithmetic.Array) -> Array:
    """An array with its numbers in place."""
    return Array(dtype=dtype_name(a), shape=list(a.shape), sha256=digest(a), data=numbers(a))
