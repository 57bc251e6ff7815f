"""Reading test vectors: what is intact is read to the last bit, and anything else is one line that names file and place."""

import copy
import hashlib
import json
import os
import struct
import subprocess
import sys
import tracemalloc
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from nn_conformance.fixtures import format as fmt
from nn_conformance.fixtures.encoding import digest, inline
from nn_conformance.fixtures.store import MOST, READABLE, Store, one_line
from nn_reference import datasets
from nn_reference.errors import DataError
from nn_reference.paths import fixtures_root
from nn_reference.preprocessing import flatten_pixels, normalized_pixels, one_hot, unit_pixels

ID, SYSTEM = "xor-tanh/probe-one", "xor-tanh/documented"
FILE = f"{ID}.json"
INTACT = (fixtures_root() / FILE).read_bytes()
GIVEN = json.loads(INTACT)
REQUIRED = [field.name for field in msgspec.structs.fields(fmt.Case) if field.required]
TENSORS = {digest(a): a for a in (np.arange(6, dtype=np.float32).reshape(2, 3), np.array([-0.0, np.inf, np.nan]))}
FIRST = next(iter(TENSORS))


def write(root, case=INTACT, arrays=None):
    """A folder with one case and a file of arrays, both as its index says, so that only their form can be wrong."""
    files = {FILE: case} | ({} if arrays is None else {"arrays/tiny.safetensors": arrays})
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    index = {
        "format": 1,
        "files": [{"path": p, "size": len(d), "sha256": hashlib.sha256(d).hexdigest()} for p, d in files.items()],
        "cases": [{"id": ID, "version": 1, "purpose": "", "flags": []}],
        "systems": {SYSTEM: [ID]},
    }
    (root / "index.json").write_text(json.dumps(index))
    return Store(root)


def read(store):
    """Everything of the case."""
    loaded = store.case(ID)
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


def test_an_intact_case_is_read_to_the_last_bit(tmp_path):
    """Every array has dtype, shape and digest that the file says, and the record is the file's."""
    store = write(tmp_path)
    found = read(store)
    loaded = store.case(ID)

    assert json.loads(msgspec.json.encode(loaded.case)) == GIVEN
    for field, array in loaded.every_array():
        assert (found[field].dtype.name, list(found[field].shape)) == (array.dtype, array.shape)
        assert hashlib.sha256(found[field].tobytes()).hexdigest() == array.sha256
    np.testing.assert_array_equal(loaded.x, found["x"])
    np.testing.assert_array_equal(loaded.t, found["t"])
    assert loaded.params.keys() == GIVEN["params"].keys()


@pytest.mark.parametrize("dtype", fmt.DTYPES)
def test_special_numbers_survive(dtype, tmp_path):
    """The sign of zero, infinities, NaN and the smallest and largest numbers come back as they were."""
    limits = np.finfo(dtype)
    a = np.array([-0.0, 0.0, np.inf, -np.inf, np.nan, limits.max, limits.tiny, limits.smallest_subnormal, 0.1], dtype)
    case = changed("x", msgspec.to_builtins(inline(a)))

    found = read(write(tmp_path, case))["x"]

    assert found.tobytes() == a.tobytes()


def test_tensors_are_read_by_the_digest_of_their_bytes(tmp_path):
    """An array beside the case is found in its file by name, whatever else is in there."""
    for sha256, a in TENSORS.items():
        case = with_x(dtype=a.dtype.name, shape=list(a.shape), sha256=sha256, file="tiny.safetensors")
        assert read(write(tmp_path, case, save(TENSORS)))["x"].tobytes() == a.tobytes()


def test_a_link_is_followed(tmp_path):
    """Whoever sets a link owns the folder; what it leads to has the index's digest, or is refused."""
    (tmp_path / "elsewhere").write_bytes(INTACT)
    store = write(tmp_path / "root")
    (tmp_path / "root" / FILE).unlink()
    try:
        (tmp_path / "root" / FILE).symlink_to(tmp_path / "elsewhere")
    except OSError:
        pytest.skip("this system lets this user make no links")

    assert read(store)
    (tmp_path / "elsewhere").write_bytes(INTACT + b"\n")
    assert "bytes" in refusal(read, store)


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize(
    ("scaling", "expected"),
    [
        ("raw", lambda images, labels: flatten_pixels(images)),
        ("unit", lambda images, labels: unit_pixels(images)),
        ("mnist", lambda images, labels: normalized_pixels(images, 0.1307, 0.3081)),
        ("half", lambda images, labels: normalized_pixels(images, 0.5, 0.5)),
        ("one-hot", lambda images, labels: one_hot(labels, 10, dtype=np.float32)),
    ],
)
def test_rows_of_a_dataset_are_scaled_as_named(part, scaling, expected, tmp_path, monkeypatch):
    """Rows come in the order of the list, from the part and in the scaling that the case names."""
    tiny = tiny_images(monkeypatch)
    rows = [3, 0, 3]
    a = expected(getattr(tiny, f"{part}_images")[rows], getattr(tiny, f"{part}_labels")[rows])
    case = with_x(shape=list(a.shape), sha256=digest(a), dataset="mnist", part=part, scaling=scaling, rows=rows)

    assert read(write(tmp_path, case))["x"].tobytes() == a.tobytes()


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


# What is done to the bytes of the file, and what the message says of it.
DAMAGED_TEXT = {
    "empty": (lambda raw: b"", "truncated"),
    "truncated": (lambda raw: raw[:777], "truncated"),
    "no-json": (lambda raw: b"import os", "invalid character (byte 0)"),
    "list": (lambda raw: b"[]", "Expected `object`, got `array`"),
    "two-documents": (lambda raw: raw + raw, "trailing characters"),
    "key-twice": (lambda raw: raw.replace(b'"version":1', b'"version":1,"version":1'), "'version' stands twice"),
    "inner-key-twice": (lambda raw: raw.replace(b'"W1":', b'"b1":', 1), "'b1' stands twice"),
    "escaped-key-twice": (lambda raw: raw.replace(b'"params":{', b'"params":{"\\u0057\\u0031":0,'), "params"),
    "nan": (lambda raw: raw.replace(b'"data":[', b'"data":[NaN,', 1), "invalid character (byte"),
    "infinity": (lambda raw: raw.replace(b'"data":[', b'"data":[Infinity,', 1), "invalid character (byte"),
    "minus-infinity": (lambda raw: raw.replace(b'"data":[', b'"data":[-Infinity,', 1), "invalid character (byte"),
    "number-beyond-float64": (lambda raw: raw.replace(b'"data":[', b'"data":[1e400,', 1), "x.data[0]"),
    "integer-of-100000-digits": (
        lambda raw: raw.replace(b'"data":[', b'"data":[' + b"7" * 10**5 + b",", 1),
        "out of range - at `$.x.data[0]",
    ),
    "version-of-100000-digits": (
        lambda raw: raw.replace(b'"version":1', b'"version":' + b"1" * 10**5),
        "out of range - at `$.version`",
    ),
    "fraction-of-100000-digits": (lambda raw: raw.replace(b'"data":[', b'"data":[0.' + b"1" * 10**5 + b",", 1), "x"),
    "deep-list": (lambda raw: b"[" * 10**6, "Expected `object`, got `array`"),
    "deep-objects": (lambda raw: b'{"a":' * 10**5, "unknown field `a`"),
    "deep-field": (lambda raw: raw.replace(b'"flags":[', b'"flags":[' + b"[" * 10**5), "flags"),
    "not-utf-8": (lambda raw: raw.replace(b"tanh", b"t\xffnh"), "utf-8"),
    "latin-1": (lambda raw: raw.replace(b'"purpose":"', b'"purpose":"\xe9'), "utf-8"),
    "half-a-surrogate": (lambda raw: raw.replace(b'"purpose":"', b'"purpose":"\\ud800'), "case of format 1"),
    "utf-16": (lambda raw: raw.decode().encode("utf-16"), "utf-8"),
    "byte-order-mark": (lambda raw: b"\xef\xbb\xbf" + raw, "invalid character (byte 0)"),
}


@pytest.mark.parametrize("damage", DAMAGED_TEXT)
def test_damaged_text_is_one_line(damage, tmp_path):
    """Whatever is no JSON of ours, or not the same to every parser, is refused by file and place."""
    spoil, expected = DAMAGED_TEXT[damage]
    message = refusal(read, write(tmp_path, spoil(INTACT)))

    assert message.startswith(f"{FILE}: ")
    assert expected in message


# The place, the value put there, and what the message says of it.
DAMAGED_FORM = {
    "other-format": ("format", 2, "$.format"),
    "format-as-text": ("format", "1", "$.format"),
    "version-zero": ("version", 0, "$.version"),
    "version-as-fraction": ("version", 1.5, "$.version"),
    "version-as-truth": ("version", True, "$.version"),
    "purpose-null": ("purpose", None, "$.purpose"),
    "flags-as-text": ("flags", "square", "$.flags"),
    "params-as-list": ("params", [], "$.params"),
    "network-missing-fields": ("network", {}, "$.network"),
    "layers-empty": ("network.layers", [], "$.network.layers"),
    "layers-many": ("network.layers", GIVEN["network"]["layers"] * 20, "$.network.layers"),
    "unknown-loss": ("network.loss.kind", "hinge", "'hinge' - at `$.network.loss.kind`"),
    "unknown-dtype": ("x.dtype", "float16", "'float16' - at `$.x.dtype`"),
    "unknown-field": ("extra", 1, "unknown field `extra`"),
    "unknown-inner-field": ("x.pickle", "gASVCg==", "unknown field `pickle` - at `$.x`"),
    "terminal-code-for-field": ("\x1b[2J\u202e\n", 1, "unknown field"),
    "other-id": ("id", "xor-tanh/probe-two", "id: expected xor-tanh/probe-one, got xor-tanh/probe-two"),
    "id-with-parents": ("id", "../../etc/passwd", "$.id"),
    "id-absolute": ("id", "/etc/passwd", "$.id"),
    "id-with-backslash": ("id", "xor-tanh\\probe-one", "$.id"),
    "id-with-drive": ("id", "c:/probe-one", "$.id"),
    "id-with-nul": ("id", "xor-tanh/probe-one\0", "$.id"),
    "id-with-line-break": ("id", f"{ID}\n", "expected xor-tanh/probe-one"),
    "id-in-capitals": ("id", ID.upper(), "$.id"),
    "number-as-text": ("x.data", ["0.5", 1.0], "'0.5' - at `$.x.data[0]`"),
    "number-as-truth": ("x.data", [True, 1.0], "$.x.data[0]"),
    "number-null": ("x.data", [None, 1.0], "$.x.data[0]"),
    "nested-numbers": ("x.data", [[0.5, 1.0]], "$.x.data[0]"),
    "too-few-numbers": ("x.data", [0.5], "x: expected 5 numbers for shape [1, 5], got 1"),
    "too-many-numbers": ("x.data", [0.5] * 6, "x: expected 5 numbers for shape [1, 5], got 6"),
    "other-numbers": ("x.data", [0.5] * 5, "x: expected numbers with digest"),
    "number-beyond-float32": ("x", {**GIVEN["x"], "dtype": "float32", "data": [1e300] * 5}, "x: expected numbers with"),
    "other-shape": ("x.shape", [2, 2], "x: expected 4 numbers for shape [2, 2], got 5"),
    "empty-shape": ("x.shape", [], "x: expected 1 numbers for shape [], got 5"),
    "shape-of-nothing": ("x.shape", [0, 2], "x: expected 0 numbers"),
    "shape-negative": ("x.shape", [-1, 2], "$.x.shape[0]"),
    "shape-as-fraction": ("x.shape", [1.0, 2.0], "$.x.shape[0]"),
    "shape-as-truth": ("x.shape", [True, 2], "$.x.shape[0]"),
    "shape-of-10-to-30": ("x.shape", [10**30], "$.x.shape[0]"),
    "shape-of-10-to-30-in-parts": ("x.shape", [10**8, 10**8, 10**8, 10**6], f"x: expected at most {MOST} numbers"),
    "shape-of-100-axes": ("x.shape", [1] * 100, "$.x.shape"),
    "shape-of-five-axes": ("x.shape", [1, 1, 1, 1, 2], "$.x.shape"),
    "other-digest": ("params.W1.sha256", "0" * 64, f"params.W1: expected numbers with digest {'0' * 64}"),
    "digest-in-capitals": ("x.sha256", GIVEN["x"]["sha256"].upper(), "$.x.sha256"),
    "digest-cut": ("x.sha256", "abc", "$.x.sha256"),
    "digest-with-line-break": ("x.sha256", GIVEN["x"]["sha256"] + "\n", "x: expected numbers with digest"),
    "no-numbers": (
        "x",
        {k: v for k, v in GIVEN["x"].items() if k != "data"},
        "x: expected one of data, file and dataset",
    ),
    "two-sources": ("x", {**GIVEN["x"], "file": "tiny.safetensors"}, "x: expected one of data, file and dataset"),
    "deep-place": (
        "evaluation.layers",
        [{"z": GIVEN["x"]}],
        "missing required field `a` - at `$.evaluation.layers[0]`",
    ),
}


@pytest.mark.parametrize("damage", DAMAGED_FORM)
def test_a_damaged_form_is_one_line(damage, tmp_path):
    """A value of another type, size or meaning is refused by file and place, before anything is made of it."""
    place, value, expected = DAMAGED_FORM[damage]
    message = refusal(read, write(tmp_path, changed(place, value)))

    assert message.startswith(f"{FILE}: ")
    assert expected in message


@pytest.mark.parametrize("field", REQUIRED)
def test_a_missing_field_is_named(field, tmp_path):
    """A case lacks nothing that the format requires."""
    case = json.dumps({key: value for key, value in GIVEN.items() if key != field}).encode()

    assert refusal(read, write(tmp_path, case)) == (
        f"{FILE}: expected a case of format 1, got Object missing required field `{field}`"
    )


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".safetensors",
        "../../etc/passwd",
        "../tiny.safetensors",
        "/etc/passwd",
        "/srv/tiny.safetensors",
        "a/tiny.safetensors",
        "..\\tiny.safetensors",
        "C:tiny.safetensors",
        "C:\\tiny.safetensors",
        "tiny\0.safetensors",
        "tiny.safetensors\0",
        "tiny.safetensors/..",
        "tiny.safetensors\n",
        "~tiny.safetensors",
        "-tiny.safetensors",
        "tíny.safetensors",
        "tiny.pickle",
        "tiny.SAFETENSORS",
        "x" * 300 + ".safetensors",
        "other.safetensors",
    ],
)
def test_a_file_outside_arrays_cannot_be_named(name, tmp_path):
    """The name of a file of arrays is a plain one: nothing that leads out of the folder, even where a file is there."""
    (tmp_path / "tiny.safetensors").write_bytes(save(TENSORS))
    store = write(tmp_path, with_x(file=name), save(TENSORS))

    assert refusal(read, store).startswith(f"{FILE}: ")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"rows": None}, "part, scaling and at least one of rows"),
        ({"rows": []}, "part, scaling and at least one of rows"),
        ({"part": None}, "part, scaling and at least one of rows"),
        ({"scaling": None}, "part, scaling and at least one of rows"),
        ({"part": "validation"}, "$.x.part"),
        ({"dataset": "cifar"}, "$.x.dataset"),
        ({"dataset": "../mnist"}, "$.x.dataset"),
        ({"scaling": "eval"}, "$.x.scaling"),
        ({"rows": [-1, 0]}, "$.x.rows[0]"),
        ({"rows": [0.0, 1.0]}, "$.x.rows[0]"),
        ({"rows": [0, 10**30]}, "$.x.rows[1]"),
        ({"rows": [0, 5]}, "x: expected rows below 5, got 5"),
        ({"rows": [0, 4], "part": "test"}, "x: expected rows below 4, got 4"),
        ({"rows": [0]}, "x: expected shape [1, 784] for 1 rows, got [2, 784]"),
        ({"scaling": "one-hot"}, "x: expected shape [2, 10] for 2 rows, got [2, 784]"),
        ({"dtype": "float64"}, "x: expected float64 [2, 784], got float32 [2, 784]"),
        ({}, "x: expected numbers with digest"),
    ],
)
def test_rows_that_a_dataset_lacks_are_refused(fields, expected, tmp_path, monkeypatch):
    """Rows out of range, of another number than the shape, or of no dataset are refused by file and field."""
    tiny_images(monkeypatch)
    whole = {"shape": [2, 784], "dataset": "mnist", "part": "train", "scaling": "unit", "rows": [0, 1]}
    message = refusal(read, write(tmp_path, with_x(**whole | fields)))

    assert message.startswith(f"{FILE}: ")
    assert expected in message


def test_a_dataset_that_is_not_to_be_had_is_one_line(tmp_path, monkeypatch):
    """Where the images are missing, the line says so."""
    monkeypatch.setenv(datasets.FOLDER_VARIABLE, str(tmp_path / "nothing"))
    case = with_x(shape=[1, 784], dataset="mnist", part="train", scaling="unit", rows=[0])

    assert "nothing" in refusal(read, write(tmp_path, case))


# The file's bytes, and what the message says of them.
DAMAGED_TENSORS = {
    "empty": (b"", "header too small"),
    "shorter-than-its-length": (b"\x08\0\0\0", "header too small"),
    "header-of-2-to-63": (container(b"{}", length=2**63), "header too large"),
    "header-of-2-to-64": (container(b"{}", length=2**64 - 1), "header too large"),
    "header-longer-than-file": (container(b"{}", length=10**6), "header"),
    "header-no-json": (container(b"os.system('false')"), "invalid JSON"),
    "header-list": (container([]), "invalid JSON"),
    "header-deep": (container(b'{"a":' * 10**5), "header"),
    "header-not-utf-8": (container(b'{"\xff":1}'), "UTF-8"),
    "truncated": (save(TENSORS)[:-1], "not fully covered"),
    "longer": (save(TENSORS) + b"\0", "not fully covered"),
    "outside": (container({FIRST: tensor(offsets=(0, 24))}, bytes(8)), "not fully covered"),
    "hole": (container({FIRST: tensor(offsets=(4, 28))}, bytes(28)), "invalid offset"),
    "overlap": (container({FIRST: tensor(), "b": tensor(offsets=(12, 36))}, bytes(36)), "invalid offset"),
    "backwards": (container({FIRST: tensor(offsets=(24, 0))}, bytes(24)), "invalid offset"),
    "shape-disagrees": (container({FIRST: tensor(shape=(2, 4))}, bytes(24)), "invalid shape"),
    "huge": (container({FIRST: tensor(shape=(10**12,), offsets=(0, 4 * 10**12))}, bytes(24)), "not fully covered"),
    "huge-axes": (container({FIRST: tensor(shape=(2**40, 2**40))}, bytes(24)), "overflow"),
    "huge-and-empty": (container({FIRST: tensor(shape=(0, 2**62), offsets=(0, 0))}), "too big"),
    "hundred-axes": (container({FIRST: tensor(shape=[1] * 99 + [6])}, bytes(24)), "dimension"),
    "negative-axis": (container({FIRST: tensor(shape=(-2, -3))}, bytes(24)), "invalid value"),
    "missing": (save({"b": np.zeros(3)}), "not contain"),
    "unknown-dtype": (container({FIRST: tensor("F99")}, bytes(24)), "F99"),
    "brain-float": (container({FIRST: tensor("BF16", offsets=(0, 12))}, bytes(12)), "bfloat16"),
    "eight-bit-float": (container({FIRST: tensor("F8_E5M2", offsets=(0, 6))}, bytes(6)), "float8"),
    "four-bit-float": (container({FIRST: tensor("F4", offsets=(0, 3))}, bytes(3)), "float4"),
    "integers": (container({FIRST: tensor("I32")}, bytes(24)), "expected float32 [2, 3], got int32 [2, 3]"),
    "float64": (save({FIRST: np.zeros((2, 3))}), "expected float32 [2, 3], got float64 [2, 3]"),
    "other-shape": (save({FIRST: np.zeros((3, 2), np.float32)}), "expected float32 [2, 3], got float32 [3, 2]"),
    "other-numbers": (save({FIRST: np.zeros((2, 3), np.float32)}), "expected numbers with digest"),
}


@pytest.mark.parametrize("damage", DAMAGED_TENSORS)
def test_damaged_tensors_are_one_line(damage, tmp_path):
    """A safetensors file that is not one, or not the case's, is refused by file, field and reason."""
    data, expected = DAMAGED_TENSORS[damage]
    message = refusal(read, write(tmp_path, with_x(file="tiny.safetensors"), data))

    assert message.startswith(f"{FILE}: x: ")
    assert expected in message


def replace_by_nothing(path):
    path.unlink()


def replace_by_folder(path):
    path.unlink()
    path.mkdir()


def replace_by_pipe(path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    path.unlink()
    os.mkfifo(path)


def replace_by_device(path):
    if not Path("/dev/zero").is_char_device():
        pytest.skip("this system has no device without an end")
    path.unlink()
    path.symlink_to("/dev/zero")


def replace_by_link_to_itself(path):
    path.unlink()
    path.symlink_to(path)


def replace_by_giant(path):
    with path.open("r+b") as stream:
        stream.truncate(READABLE + 1)  # sparse: takes no room


@pytest.mark.parametrize("file", ["index.json", FILE, "arrays/tiny.safetensors"])
@pytest.mark.parametrize(
    ("replace", "expected"),
    [
        (replace_by_nothing, "expected a file, got none"),
        (replace_by_folder, "expected a file, got a folder"),
        (replace_by_pipe, "expected a file, got none"),
        (replace_by_device, "expected a file, got none"),
        (replace_by_link_to_itself, "expected a file, got none"),
        (replace_by_giant, f"expected at most {READABLE} bytes, got {READABLE + 1}"),
    ],
)
def test_what_is_no_file_of_ours_is_not_opened(file, replace, expected, tmp_path):
    """A missing file, a folder, a pipe, a device without an end and a giant are one line, and nobody waits for them."""
    store = write(tmp_path, with_x(file="tiny.safetensors"), save(TENSORS))
    replace(tmp_path / file)

    assert refusal(read, store).endswith(f"{file}: {expected}")


@pytest.mark.parametrize("file", ["index.json", FILE])
def test_a_file_that_may_not_be_read_is_one_line(file, tmp_path, monkeypatch):
    """What the system refuses is said with the file's name and the system's reason."""
    store, intact = write(tmp_path), Path.read_bytes

    def read_bytes(path):
        if path == tmp_path / file:
            raise PermissionError(13, "Permission denied", str(path))
        return intact(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)

    assert refusal(read, store) == f"{file}: expected a file that can be read, got Permission denied"


@pytest.mark.parametrize(
    "damage", [lambda raw: raw + b" ", lambda raw: raw.replace(b"0.", b"1.", 1), lambda raw: raw[:-2] + b"\t\n"]
)
def test_a_case_that_was_changed_is_not_believed(damage, tmp_path):
    """A case is read only as the index knows it: its losses have no digests of their own."""
    store = write(tmp_path)
    (tmp_path / FILE).write_bytes(damage(INTACT))
    message = refusal(read, store)

    assert message.startswith(f"{FILE}: expected ")
    assert message.endswith("restore the file, or reinstall nn-conformance")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", 2),
        ("files", None),
        ("files", [{"path": FILE, "size": -1, "sha256": "0" * 64}]),
        ("files", [{"path": FILE, "size": 10**30, "sha256": "0" * 64}]),
        ("files", [{"path": FILE, "size": 1, "sha256": "A" * 64}]),
        *(
            ("files", [{"path": path, "size": 1, "sha256": "0" * 64}])
            for path in (
                "../etc/passwd.json",
                "/etc/passwd.json",
                "xor-tanh/../../passwd.json",
                "xor-tanh\\probe-one.json",
                "c:/probe-one.json",
                "xor-tanh/probe\0one.json",
                "xor-tanh/probe-one.py",
                "probe-one.json",
                "",
            )
        ),
        ("cases", [{"id": "../probe-one", "version": 1, "purpose": "", "flags": []}]),
        ("cases", [{"id": ID, "version": "1", "purpose": "", "flags": []}]),
        ("cases", [{"id": ID, "version": 1, "purpose": ""}]),
        ("systems", {SYSTEM: ["/etc/passwd"]}),
        ("systems", {SYSTEM: ID}),
        ("systems", [ID]),
        ("more", 1),
    ],
)
def test_a_damaged_index_is_one_line(key, value, tmp_path):
    """The index is as strict as a case, and names no file outside its folder."""
    write(tmp_path)
    index = json.loads((tmp_path / "index.json").read_bytes())
    (tmp_path / "index.json").write_text(json.dumps(index | {key: value}))
    message = refusal(read, Store(tmp_path))

    assert message.startswith("index.json: expected an index of format 1, got ")
    assert key in message


def test_what_an_index_lacks_is_named(tmp_path):
    """An unknown case, a case without its file, and a system without cases are one line each."""
    write(tmp_path)
    index = json.loads((tmp_path / "index.json").read_bytes())
    (tmp_path / "index.json").write_text(json.dumps(index | {"files": [], "systems": {}}))
    store = Store(tmp_path)

    assert store.ids == (ID,)
    assert refusal(store.case, "xor-tanh/probe-won") == (
        f"case: no case has the id 'xor-tanh/probe-won', did you mean {ID!r}?; see fixtures list"
    )
    assert refusal(store.case, ID) == f"index.json: files: expected {FILE}, got none"
    assert refusal(store.of_system, SYSTEM) == f"index.json: systems: expected {SYSTEM}, got none"


@pytest.mark.parametrize("case_id", ["", "../index", "a\nb\x1b[2J", None, 7, "xor-tanh/probe-one/", "x" * 1000])
def test_an_id_that_no_case_has_is_one_line(case_id, tmp_path):
    """Whatever is asked for, only the index's own ids become paths."""
    assert refusal(write(tmp_path).case, case_id).startswith("case: no case has the id ")


@pytest.mark.parametrize(
    "case",
    [
        with_x(shape=[10**8], file="tiny.safetensors"),
        with_x(shape=[10**8], data=[0.5]),
        with_x(shape=[10**8, 784], dataset="mnist", part="train", scaling="unit", rows=[0]),
        with_x(shape=[10**5, 784], dataset="mnist", part="train", scaling="unit", rows=[0] * 10**5),
        b"[" * 10**6,
    ],
    ids=["tensor", "numbers", "images", "one-image-often", "brackets"],
)
def test_a_short_file_asks_for_much_and_gets_nothing(case, tmp_path, monkeypatch):
    """What a file says of sizes makes nobody reserve memory: no more than a few times the file's own size is used."""
    tiny_images(monkeypatch)
    store = write(tmp_path, case, save(TENSORS))
    assert store.ids  # the index is there before anything is counted

    tracemalloc.start()
    refusal(read, store)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 2**20 + 16 * len(case)


LIMITED = """
import resource, sys
from pathlib import Path
from nn_conformance.fixtures.store import Store
from nn_reference.errors import DataError

used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**26, used + 2**26))
for root in sys.argv[1:]:
    loaded = Store(Path(root)).case("xor-tanh/probe-one")
    try:
        loaded.x
    except DataError as error:
        print(error)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs a system that limits and reports memory")
def test_a_safetensors_header_asks_for_much_and_gets_nothing(tmp_path):
    """With 64 MB to spare, a header that claims more than that of tensors or of itself is still refused in one line."""
    claims = [
        container({FIRST: tensor(shape=(10**12,), offsets=(0, 4 * 10**12))}, bytes(24)),
        container({FIRST: tensor(shape=(2**26,), offsets=(0, 2**28))}, bytes(24)),
        container(b"{}", length=2**63),
        container(b"{}", length=99_000_000),
    ]
    for k, data in enumerate(claims):
        write(tmp_path / str(k), with_x(file="tiny.safetensors"), data)
    folders = [str(tmp_path / str(k)) for k in range(len(claims))]

    found = subprocess.run(  # noqa: S603 - our own code, in a process whose memory can be limited
        [sys.executable, "-c", LIMITED, *folders], capture_output=True, text=True, check=False
    )

    assert found.stderr == ""
    assert found.stdout.count(f"{FILE}: x: expected tensor") == found.stdout.count("\n") == len(claims)


def either_way(root, case, arrays=None):
    """Reads what was mutated: each array has the digest that is asked of it, or the message is one line."""
    store, message = write(root, case, arrays), ""
    try:
        loaded = store.case(ID)
        found = [(array, loaded.array(array, field)) for field, array in loaded.every_array()]
    except DataError as error:
        message, found = str(error), []
    assert message == one_line(message)
    assert message == "" or FILE in message
    for array, a in found:
        assert (a.dtype.name, list(a.shape)) == (array.dtype, array.shape)
        assert hashlib.sha256(a.tobytes()).hexdigest() == array.sha256


def mutate(raw, data):
    """Bytes flipped, cut out, doubled, moved or put in, up to four times."""
    mutated = bytearray(raw)
    for _ in range(data.draw(st.integers(1, 4))):
        i, j = sorted(data.draw(st.tuples(*[st.integers(0, len(mutated))] * 2)))
        kind = data.draw(st.sampled_from(["flip", "cut", "double", "move", "insert", "truncate"]))
        if kind == "flip" and i < len(mutated):
            mutated[i] ^= data.draw(st.integers(1, 255))
        elif kind == "cut":
            del mutated[i:j]
        elif kind == "double":
            mutated[i:i] = mutated[i:j][:1000]
        elif kind == "move":
            piece = mutated[i:j]
            del mutated[i:j]
            mutated[:0] = piece
        elif kind == "insert":
            mutated[i:i] = data.draw(st.one_of(st.binary(max_size=20), st.sampled_from(PIECES)))
        elif kind == "truncate":
            del mutated[i:]
    return bytes(mutated)


PIECES = [b"NaN", b"1e999", b"-0", b"[", b"{", b'"', b"\\u0000", b"null", b"99999999999999999999", b"\xff", b"\0" * 8]
JUNK = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.sampled_from([2**63, 10**30, -1, "nan", "-0", "inf", "float32", "\0", "\n", "\x1b[2J", "../../etc/passwd"]),
        st.floats(),
        st.text(max_size=5),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=4,
)


def places(value):
    """(container, key) of everything inside a JSON document."""
    if isinstance(value, (dict, list)):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places(value[key])


def rearrange(document, data):
    """Parts of a document replaced by others of it, by junk, or by nothing, up to three times."""
    document = copy.deepcopy(document)
    for _ in range(data.draw(st.integers(1, 3))):
        found = list(places(document))
        (inner, key), (other, other_key) = (found[data.draw(st.integers(0, len(found) - 1))] for _ in range(2))
        kind = data.draw(st.sampled_from(["swap", "copy", "junk", "drop", "rename"]))
        if kind == "copy":
            inner[key] = copy.deepcopy(other[other_key])
        elif kind == "swap":
            pair = copy.deepcopy(inner[key]), copy.deepcopy(other[other_key])
            other[other_key], inner[key] = pair
        elif kind == "junk":
            inner[key] = data.draw(JUNK)
        elif kind == "drop":
            del inner[key]
        elif isinstance(inner, dict):
            inner[data.draw(st.one_of(st.text(max_size=5), st.sampled_from(sorted(GIVEN))))] = inner.pop(key)
        if not list(places(document)):
            break
    return json.dumps(document).encode()


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """One folder for all examples of a test: each writes all that it reads."""
    return tmp_path_factory.mktemp("scratch")


@given(data=st.data())
def test_a_case_of_mutated_bytes_is_read_right_or_refused(data, scratch):
    """Whatever happens to a case's bytes, nothing but verified numbers or one line comes of it, and no warning."""
    either_way(scratch, mutate(INTACT, data))


@given(data=st.data())
def test_a_case_of_mutated_parts_is_read_right_or_refused(data, scratch):
    """Valid JSON of another structure, with other types and other values, is no way round the checks."""
    either_way(scratch, rearrange(GIVEN, data))


@given(data=st.data())
def test_mutated_tensors_are_read_right_or_refused(data, scratch):
    """Whatever happens to a safetensors file's bytes, nothing but verified numbers or one line comes of it."""
    either_way(scratch, with_x(file="tiny.safetensors"), mutate(save(TENSORS), data))


@given(data=st.data())
def test_tensors_with_a_mutated_header_are_read_right_or_refused(data, scratch):
    """A header that is still JSON, but says something else, is no way round the checks."""
    whole = save(TENSORS)
    end = 8 + int.from_bytes(whole[:8], "little")
    header = rearrange(json.loads(whole[8:end]), data)

    either_way(scratch, with_x(file="tiny.safetensors"), container(header, whole[end:]))
