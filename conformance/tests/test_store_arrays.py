"""Reading test vectors: arrays of files and of datasets that are not the case's, or ask for more than there is."""

import tracemalloc

import numpy as np
import pytest
from safetensors.numpy import save
from small_store import FILE, FIRST, TENSORS, container, read, refusal, tensor, tiny_images, with_x, write

from nn_reference import datasets


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
    "shorter-than-its-length": (b"\x08\0\0\0", "header too small"),
    "header-of-2-to-63": (container(b"{}", length=2**63), "header too large"),
    "header-list": (container([]), "invalid JSON"),
    "truncated": (save(TENSORS)[:-1], "not fully covered"),
    "outside": (container({FIRST: tensor(offsets=(0, 24))}, bytes(8)), "not fully covered"),
    "shape-disagrees": (container({FIRST: tensor(shape=(2, 4))}, bytes(24)), "invalid shape"),
    "huge": (container({FIRST: tensor(shape=(10**12,), offsets=(0, 4 * 10**12))}, bytes(24)), "not fully covered"),
    "huge-and-empty": (container({FIRST: tensor(shape=(0, 2**62), offsets=(0, 0))}), "too big"),
    "missing": (save({"b": np.zeros(3)}), "not contain"),
    "brain-float": (container({FIRST: tensor("BF16", offsets=(0, 12))}, bytes(12)), "bfloat16"),
    "four-bit-float": (container({FIRST: tensor("F4", offsets=(0, 3))}, bytes(3)), "float4"),
    "integers": (container({FIRST: tensor("I32")}, bytes(24)), "expected float32 [2, 3], got int32 [2, 3]"),
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
