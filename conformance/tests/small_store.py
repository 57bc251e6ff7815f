"""A folder with one case, however wrong, for the tests of the store."""

import copy
import hashlib
import json
import struct

import numpy as np
import pytest

from nn_conformance.cases.encoding import digest, encode_document
from nn_conformance.cases.store import LoadedCase, Store
from nn_conformance.judge.verdict import one_line
from nn_reference import datasets
from nn_reference.errors import DataError
from nn_reference.fixture_files import fixtures_root

ID, SYSTEM = "xor-tanh/probe-one", "xor-tanh/documented"
FILE = f"{ID}.json"
INTACT = (fixtures_root() / FILE).read_bytes()
GIVEN = json.loads(INTACT)
TENSORS = {digest(a): a for a in (np.arange(6, dtype=np.float32).reshape(2, 3), np.array([-0.0, np.inf, np.nan]))}
FIRST = next(iter(TENSORS))


def write(root, case=INTACT, arrays=None):
    """A folder with one case and a file of arrays, both as its index says, so that only their form can be wrong."""
    files = {FILE: case} | ({} if arrays is None else {"arrays/tiny.safetensors": arrays})
    return write_files(root, files, {"id": ID, "version": 1, "purpose": "", "flags": []})


def write_files(root, files, case):
    """A folder with files, one of which is a case, and an index as the build writes it."""
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    index = {
        "format": 1,
        "files": [{"path": p, "size": len(d), "sha256": hashlib.sha256(d).hexdigest()} for p, d in files.items()],
        "cases": [{key: case[key] for key in ("id", "version", "purpose", "flags")}],
        "systems": {case.get("system", SYSTEM): [case["id"]]},
    }
    (root / "index.json").write_bytes(encode_document(index))
    return Store(root)


def relist(root, path, data):
    """Writes a file so that the index agrees with it."""
    (root / path).parent.mkdir(exist_ok=True)
    (root / path).write_bytes(data)
    index = json.loads((root / "index.json").read_bytes())
    files = {file["path"]: file for file in index["files"]}
    files[path] = {"path": path, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (root / "index.json").write_bytes(encode_document(index | {"files": list(files.values())}))


def read(store):
    """Every array of the case, whether or not they fit each other."""
    loaded = LoadedCase(store, store.record(ID))
    return {field: loaded.array(array, field) for field, array in loaded.every_array()}


def refusal(function, *arguments):
    """The one line with which something is refused."""
    with pytest.raises(DataError) as caught:
        function(*arguments)
    message = str(caught.value)
    assert message == one_line(message)
    return message


def changed(place, value, given=GIVEN):
    """The case with another value at a place such as ``x.shape``."""
    document = copy.deepcopy(given)
    *parents, last = place.split(".")
    inner = document
    for key in parents:
        inner = inner[key]
    inner[last] = value
    return json.dumps(document).encode()


def with_x(**fields):
    """The case with another `x`: that of a file, of a dataset, or of neither."""
    return changed("x", {"dtype": "float32", "shape": [2, 3], "sha256": FIRST} | fields)


def container(header, data=b"", length=None):
    """A safetensors file, however wrong."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(dtype="F32", shape=(2, 3), offsets=(0, 24)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def tiny_images(monkeypatch):
    """MNIST with five images and four."""
    rng = np.random.default_rng(7)
    tiny = datasets.Images(
        *(
            rng.integers(0, high, shape, dtype=np.uint8)
            for n in (5, 4)
            for high, shape in ((256, (n, 28, 28)), (10, (n,)))
        )
    )
    monkeypatch.setattr(datasets, "load_images", lambda name: tiny)
    return tiny
