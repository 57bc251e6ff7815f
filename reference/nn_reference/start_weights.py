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


def _decode(value: dict[str, Any]) -> Array:
    """An array from its dtype, shape, decimals in row-major order, and the SHA-256 of its little-endian bytes."""
    if value["dtype"] not in DTYPES:
        raise ValueError(f"dtype: expected one of {', '.join(DTYPES)}, got {value['dtype']!r}")
    with np.errstate(over="ignore"):  # a number too large for float32 is caught by its digest
        array = np.array(value["data"], dtype=value["dtype"]).reshape(value["shape"])
    digest = hashlib.sha256(array.astype(array.dtype.newbyteorder("<")).tobytes()).hexdigest()
    if digest != value["sha256"]:
        raise ValueError(f"digest: expected {value['sha256']}, got {digest}")
    return array
