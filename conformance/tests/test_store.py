"""Reading test vectors: what is intact is read to the last bit, and anything else is one line that names file and place."""

import hashlib
import json

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save
from small_store import FILE, GIVEN, ID, INTACT, TENSORS, changed, read, refusal, tiny_images, with_x, write

from nn_conformance.cases import format as fmt
from nn_conformance.cases.encoding import digest, inline
from nn_conformance.cases.store import MOST, LoadedCase
from nn_conformance.judge.verdict import one_line
from nn_reference.errors import DataError
from nn_reference.fixture_files import RESTORE
from nn_reference.preprocessing import flatten_pixels, normalized_pixels, one_hot, unit_pixels

REQUIRED = [field.name for field in msgspec.structs.fields(fmt.Case) if field.required]


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


def test_a_link_is_followed_and_what_was_changed_is_not_believed(tmp_path):
    """Whoever sets a link owns the folder; what it leads to has the index's digest, or is refused."""
    (tmp_path / "elsewhere").write_bytes(INTACT)
    store = write(tmp_path / "root")
    (tmp_path / "root" / FILE).unlink()
    (tmp_path / "root" / FILE).symlink_to(tmp_path / "elsewhere")

    assert read(store)
    (tmp_path / "elsewhere").write_bytes(INTACT.replace(b"0.", b"1.", 1))
    assert "expected sha256 " in refusal(read, store)


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


# What is done to the bytes of the file, and what the message says of it.
DAMAGED_TEXT = {
    "truncated": (lambda raw: raw[:777], "truncated"),
    "list": (lambda raw: b"[]", "Expected `object`, got `array`"),
    "number-beyond-float64": (lambda raw: raw.replace(b'"data":[', b'"data":[1e400,', 1), "x.data[0]"),
    "integer-of-100000-digits": (
        lambda raw: raw.replace(b'"data":[', b'"data":[' + b"7" * 10**5 + b",", 1),
        "out of range - at `$.x.data[0]",
    ),
    "deep-objects": (lambda raw: b'{"a":' * 10**5, "unknown field `a`"),
    "not-utf-8": (lambda raw: raw.replace(b"tanh", b"t\xffnh"), "utf-8"),
    "half-a-surrogate": (lambda raw: raw.replace(b'"purpose":"', b'"purpose":"\\ud800'), "case of format 1"),
}


# The place, the value put there, and what the message says of it.
DAMAGED_FORM = {
    "other-format": ("format", 3, "$.format"),
    "version-as-truth": ("version", True, "$.version"),
    "layers-many": ("network.layers", GIVEN["network"]["layers"] * 20, "$.network.layers"),
    "unknown-dtype": ("x.dtype", "float16", "'float16' - at `$.x.dtype`"),
    "unknown-inner-field": ("x.pickle", "gASVCg==", "unknown field `pickle` - at `$.x`"),
    "terminal-code-for-field": ("\x1b[2J\u202e\n", 1, "unknown field"),
    "other-id": ("id", "xor-tanh/probe-two", "id: expected xor-tanh/probe-one, got xor-tanh/probe-two"),
    "id-with-parents": ("id", "../../etc/passwd", "$.id"),
    "id-with-line-break": ("id", f"{ID}\n", "expected xor-tanh/probe-one"),
    "too-few-numbers": ("x.data", [0.5], "x: expected 5 numbers for shape [1, 5], got 1"),
    "other-numbers": ("x.data", [0.5] * 5, "x: expected numbers with digest"),
    "number-beyond-float32": ("x", {**GIVEN["x"], "dtype": "float32", "data": [1e300] * 5}, "x: expected numbers with"),
    "empty-shape": ("x.shape", [], "x: expected 1 numbers for shape [], got 5"),
    "shape-of-10-to-30-in-parts": ("x.shape", [10**8, 10**8, 10**8, 10**6], f"x: expected at most {MOST} numbers"),
    "shape-of-five-axes": ("x.shape", [1, 1, 1, 1, 2], "$.x.shape"),
    "other-digest": ("params.W1.sha256", "0" * 64, f"params.W1: expected numbers with digest {'0' * 64}"),
    "digest-with-line-break": ("x.sha256", GIVEN["x"]["sha256"] + "\n", "x: expected numbers with digest"),
    "no-numbers": ("x", {**GIVEN["x"], "data": None}, "x: expected one of data, file and dataset"),
    "two-sources": ("x", {**GIVEN["x"], "file": "tiny.safetensors"}, "x: expected one of data, file and dataset"),
    "deep-place": ("evaluation.layers", [{"z": GIVEN["x"]}], "field `a` - at `$.evaluation.layers[0]`"),
}


DAMAGED = {name: (spoil(INTACT), expected) for name, (spoil, expected) in DAMAGED_TEXT.items()}
DAMAGED |= {name: (changed(place, value), expected) for name, (place, value, expected) in DAMAGED_FORM.items()}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_case_is_one_line(damage, tmp_path):
    """What is no JSON of ours, or has a value of another type, size or meaning, is refused by file and place."""
    data, expected = DAMAGED[damage]
    message = refusal(read, write(tmp_path, data))

    assert message.startswith(f"{FILE}: ")
    assert expected in message


@pytest.mark.parametrize("field", REQUIRED)
def test_a_missing_field_is_named(field, tmp_path):
    """A case lacks nothing that the format requires."""
    case = json.dumps({key: value for key, value in GIVEN.items() if key != field}).encode()

    assert refusal(read, write(tmp_path, case)) == (
        f"{FILE}: expected a case of format 1 or 2, got Object missing required field `{field}`: {RESTORE}"
    )


# What means something in JSON or in a header.
PIECES = [b"NaN", b"1e999", b"-0", b"[", b"{", b'"', b"\\u0000", b"null", b"99999999999999999999", b"\xff", b"\0" * 8]


def mutated(raw, data):
    """The bytes with pieces replaced by others of them, by what means something, by anything or by nothing."""
    found = bytearray(raw)
    for _ in range(data.draw(st.integers(1, 4))):
        i, j, k, end = data.draw(st.tuples(*[st.integers(0, len(found))] * 4))
        found[min(i, j) : max(i, j)] = data.draw(
            st.one_of(st.sampled_from(PIECES), st.binary(max_size=20), st.just(bytes(found[k:end][:1000])))
        )
    return bytes(found)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """One folder for all examples of a test: each writes all that it reads."""
    return tmp_path_factory.mktemp("scratch")


@pytest.mark.parametrize("what", ["case", pytest.param("tensors", marks=pytest.mark.slow)])
@given(data=st.data())
def test_what_is_mutated_is_read_right_or_refused(what, data, scratch):
    """Whatever happens to a file's bytes, its numbers have their digests or it is refused in one line, without a warning."""
    if what == "case":
        store = write(scratch, mutated(INTACT, data))
    else:
        store = write(scratch, with_x(file="tiny.safetensors"), mutated(save(TENSORS), data))
    try:
        loaded = LoadedCase(store, store.record(ID))
        found = [(array, loaded.array(array, field)) for field, array in loaded.every_array()]
    except DataError as error:
        found, message = [], str(error)
        assert message == one_line(message)
        assert FILE in message
    for array, a in found:
        assert (a.dtype.name, list(a.shape)) == (array.dtype, array.shape)
        assert hashlib.sha256(a.tobytes()).hexdigest() == array.sha256
