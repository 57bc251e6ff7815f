"""Reading test vectors: names, folders, pipes, giants and other indexes are one line, and nothing else is opened."""

import errno
import json
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save
from small_store import FILE, FIRST, ID, SYSTEM, TENSORS, container, read, refusal, tensor, tiny_images, with_x, write

from nn_conformance.cases.store import Store
from nn_reference import datasets
from nn_reference.fixture_files import READABLE, RESTORE


@pytest.mark.parametrize(
    "name",
    [
        "",
        "../../etc/passwd",
        "../tiny.safetensors",
        "/srv/tiny.safetensors",
        "..\\tiny.safetensors",
        "C:\\tiny.safetensors",
        "tiny.safetensors\0",
        "tiny.safetensors\n",
        "tiny.pickle",
        "other.safetensors",
    ],
)
def test_a_file_outside_arrays_cannot_be_named(name, tmp_path):
    """The name of a file of arrays is a plain one: nothing that leads out of the folder, even where a file is there."""
    (tmp_path / "tiny.safetensors").write_bytes(save(TENSORS))
    store = write(tmp_path, with_x(file=name), save(TENSORS))

    assert refusal(read, store).startswith(f"{FILE}: ")


def make_giant(path):
    path.touch()
    os.truncate(path, READABLE + 1)  # sparse: takes no room


@pytest.mark.parametrize("file", ["index.json", FILE, "arrays/tiny.safetensors"])
@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda path: None, "expected a file, got none"),
        (Path.mkdir, "expected a file, got a folder"),
        (os.mkfifo, "expected a file, got a pipe or device"),
        (lambda path: path.symlink_to("/dev/zero"), "expected a file, got a pipe or device"),
        (lambda path: path.symlink_to(path), f"expected a file, got {os.strerror(errno.ELOOP)}"),
        (make_giant, f"expected at most {READABLE} bytes, got {READABLE + 1}"),
    ],
)
def test_what_is_no_file_of_ours_is_not_opened(file, make, expected, tmp_path):
    """A missing file, a folder, a pipe, a device without an end and a giant are one line, and nobody waits for them."""
    store = write(tmp_path, with_x(file="tiny.safetensors"), save(TENSORS))
    (tmp_path / file).unlink()
    make(tmp_path / file)

    assert refusal(read, store).endswith(f"{file}: {expected}: {RESTORE}")


@pytest.mark.parametrize("file", ["index.json", FILE])
def test_a_file_that_may_not_be_read_is_one_line(file, tmp_path, monkeypatch):
    """What the system refuses is said with the file's name and the system's reason."""
    store, intact = write(tmp_path), Path.open

    def refuse(path, *mode):
        if path == tmp_path / file:
            raise PermissionError(13, "Permission denied", str(path))
        return intact(path, *mode)

    monkeypatch.setattr(Path, "open", refuse)

    assert refusal(read, store) == f"{file}: expected a file that can be read, got Permission denied: {RESTORE}"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", 2),
        ("files", [{"path": FILE, "size": 10**30, "sha256": "0" * 64}]),
        ("files", [{"path": FILE, "size": 1, "sha256": "A" * 64}]),
        *(
            ("files", [{"path": path, "size": 1, "sha256": "0" * 64}])
            for path in (
                "../etc/passwd.json",
                "xor-tanh/../../passwd.json",
                "xor-tanh/probe\0one.json",
                "probe-one.json",
            )
        ),
        ("cases", [{"id": "../probe-one", "version": 1, "purpose": "", "flags": []}]),
        ("cases", [{"id": ID, "version": 1, "purpose": ""}]),
        ("systems", {SYSTEM: ["/etc/passwd"]}),
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
    assert refusal(store.case, ID) == f"index.json: files: expected {FILE}, got none: {RESTORE}"
    assert refusal(store.of_system, SYSTEM) == f"index.json: systems: expected {SYSTEM}, got none: {RESTORE}"


@pytest.mark.parametrize("case_id", ["", "../index", "a\nb\x1b[2J", None, 7, "xor-tanh/probe-one/", "x" * 1000])
def test_an_id_that_no_case_has_is_one_line(case_id, tmp_path):
    """Whatever is asked for, only the index's own ids become paths."""
    assert refusal(write(tmp_path).case, case_id).startswith("case: no case has the id ")


# Arrays of files and of datasets.


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


SHORT = save(TENSORS)


@pytest.mark.parametrize(
    ("case", "arrays"),
    [
        (with_x(shape=[10**8], file="tiny.safetensors"), SHORT),
        (with_x(file="tiny.safetensors"), container(b"{}", length=99_000_000)),
        (with_x(shape=[10**8], data=[0.5]), SHORT),
        (with_x(shape=[10**8, 784], dataset="mnist", part="train", scaling="unit", rows=[0]), SHORT),
        (with_x(shape=[10**5, 784], dataset="mnist", part="train", scaling="unit", rows=[0] * 10**5), SHORT),
        (b"[" * 10**6, SHORT),
    ],
    ids=["tensor", "header", "numbers", "images", "one-image-often", "brackets"],
)
def test_a_short_file_asks_for_much_and_gets_nothing(case, arrays, tmp_path, monkeypatch):
    """What a file says of sizes makes nobody reserve memory: no more than a few times the file's own size is used."""
    tiny_images(monkeypatch)
    store = write(tmp_path, case, arrays)
    assert store.ids  # the index is there before anything is counted

    tracemalloc.start()
    refusal(read, store)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 2**20 + 16 * len(case)
