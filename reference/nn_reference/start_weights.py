"""Starting weights that ship as data, in `fixtures/weights/`, with a digest for each array."""

import hashlib
import json
from typing import Any

import numpy as np

from nn_reference.arithmetic import Array, Params
from nn_reference.fixture_files import decoding, fixtures_root, read_listed

DTYPES = ("float32", "float64")


def load_params(name: str) -> Params:
    """The parameters in `fixtures/weights/<name>.json`, the file and each array verified against its digest.

    Raises:
        DataError: a file that is missing, damaged, not listed, or whose numbers are not those of its digest.
    """
    where = f"weights/{name}.json"
    data = read_listed(fixtures_root() / "weights", f"{name}.json", where)
    with decoding(where, "parameters"):
        return {key: _decode(value) for key, value in json.loads(data)["params"].items()}


def encode(array: Array) -> dict[str, Any]:
    """An array as JSON: dtype, shape, shortest decimals that round-trip, SHA-256 of the little-endian bytes."""
    little = array.astype(array.dtype.newbyteorder("<"))
    # float64 holds every float32 exactly, but prints more digits: str() of the NumPy scalar is the shortest form.
    decimals = [float(str(value)) for value in array.ravel()]
    return {
        "dtype": array.dtype.name,
        "shape": list(array.shape),
        "data": decimals,
        "sha256": hashlib.sha256(little.tobytes()).hexdigest(),
    }


def _decode(value: dict[str, Any]) -> Array:
    if value["dtype"] not in DTYPES:
        raise ValueError(f"dtype: expected one of {', '.join(DTYPES)}, got {value['dtype']!r}")
    with np.errstate(over="ignore"):  # a number too large for float32 is caught by its digest
        array = np.array(value["data"], dtype=value["dtype"]).reshape(value["shape"])
    if encode(array)["sha256"] != value["sha256"]:
        raise ValueError(f"digest: expected {value['sha256']}, got {encode(array)['sha256']}")
    return array
