"""Arrays, numbers and records as JSON, and back, with proof that nothing was lost."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
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


def signs(size: int, mask: int) -> arithmetic.Array:
    """±1 for each of `size` entries: (-1)^(number of ones in i AND mask), a Walsh function; float64."""
    return 1.0 - 2.0 * (np.bitwise_count(np.arange(size) & mask) & 1)


def arrays_of(record: Any, field: str = "") -> Iterator[tuple[str, Array]]:
    """(field, array) for all arrays of a record, in the order of the file."""
    if isinstance(record, Array):
        yield field, record
    elif isinstance(record, msgspec.Struct):
        for name in record.__struct_fields__:
            yield from arrays_of(getattr(record, name), f"{field}.{name}" if field else name)
    elif isinstance(record, dict):
        for name, value in record.items():
            yield from arrays_of(value, f"{field}.{name}")
    elif isinstance(record, list) and record and not isinstance(record[0], (int, float, str)):
        for k, value in enumerate(record):
            yield from arrays_of(value, f"{field}[{k}]")


def encode_document(document: Any) -> bytes:
    """A record as JSON with a line for each field, and for each record of a list of records: small, and still to be compared."""
    lines = []
    for key, value in msgspec.to_builtins(document).items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            records = b",\n  ".join(msgspec.json.encode(record) for record in value)
            encoded = b"[\n  " + records + b"\n ]"
        elif isinstance(value, dict) and value and all(isinstance(v, (dict, list)) for v in value.values()):
            records = b",\n  ".join(msgspec.json.encode(k) + b":" + msgspec.json.encode(v) for k, v in value.items())
            encoded = b"{\n  " + records + b"\n }"
        else:
            encoded = msgspec.json.encode(value)
        lines.append(b" " + msgspec.json.encode(key) + b":" + encoded)
    return b"{\n" + b",\n".join(lines) + b"\n}\n"
