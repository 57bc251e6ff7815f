"""`fixtures check`: what is intact has no problem, and what is damaged is one line that names the file."""

import json

import msgspec
import numpy as np
import pytest
from safetensors.numpy import save
from small_store import ID, SYSTEM, relist, write_files

from nn_conformance.cases.encoding import digest, encode_document, inline
from nn_conformance.cases.integrity import check
from nn_conformance.cases.store import Store
from nn_conformance.judge.verdict import one_line
from nn_reference import datasets
from nn_reference.errors import DataError
from nn_reference.fixture_files import RESTORE, fixtures_root


def problems(root):
    """All lines, each of which is one."""
    found = list(check(Store(root)))
    assert found == [one_line(line) for line in found]
    return found


def flip(path, position, mask):
    """Changes one byte; the same again restores it."""
    with path.open("r+b") as stream:
        stream.seek(position)
        (byte,) = stream.read(1)
        stream.seek(position)
        stream.write(bytes([byte ^ mask]))


def small(root):
    """A folder as the build writes it: one case of one layer, with its weights in a file of arrays and x, t in a dataset."""
    case = json.loads((fixtures_root() / f"{ID}.json").read_bytes())
    x, t, weights, outputs = (np.zeros(shape, np.float32) for shape in ((1, 784), (1, 10), (784, 10), (1, 10)))
    t[0, 0] = 1
    rows = {"dataset": "mnist", "part": "train", "rows": [0]}
    for name, a, scaling in (("x", x, "raw"), ("t", t, "one-hot")):
        case[name] = {"dtype": "float32", "shape": list(a.shape), "sha256": digest(a), "scaling": scaling} | rows
    large = {"dtype": "float32", "shape": [784, 10], "sha256": digest(weights), "file": "tiny.safetensors"}
    z = msgspec.to_builtins(inline(outputs))
    case["network"] |= {
        "inputs": 784,
        "layers": [case["network"]["layers"][0] | {"units": 10, "bias": False, "layout": "in,out"}],
    }
    del case["steps"]
    case["params"], case["evaluation"]["gradients"] = {"W1": large}, {"W1": large}
    case["evaluation"]["layers"] = [{"z": z, "a": z}]
    schema = "schema/case.schema.json"
    files = {
        f"{ID}.json": encode_document(case),
        "arrays/tiny.safetensors": save({digest(weights): weights}),
        schema: (fixtures_root() / schema).read_bytes(),
    }
    write_files(root, files, case)
    return root


def write_index(root, index):
    (root / "index.json").write_bytes(encode_document(index))


def blank(patch):
    """MNIST with two blank images."""
    arrays = [np.zeros(shape, np.uint8) for _ in range(2) for shape in ((2, 28, 28), (2,))]
    patch.setattr(datasets, "load_images", lambda name: datasets.Images(*arrays))


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A small folder without a problem, to be damaged."""
    blank(monkeypatch)
    return small(tmp_path)


# What is done to the index, and the problem, which is the only one.
DAMAGED_INDEX = {
    "digest": (
        lambda index: index["files"][0].update(sha256="0" * 64),
        [f"{ID}.json: expected sha256 {'0' * 64}, got "],
    ),
    "size": (lambda index: index["files"][1].update(size=1), ["arrays/tiny.safetensors: expected 1 bytes, got "]),
    "path": (
        lambda index: index["files"][1].update(path="arrays/tinu.safetensors"),
        [
            "arrays/tinu.safetensors: expected a file, got none",
            "arrays/tiny.safetensors: expected no file that the index does not list",
        ],
    ),
    "file-twice": (
        lambda index: index["files"].append(index["files"][2]),
        ["index.json: files: expected 'schema/case.schema.json' once, got it 2 times"],
    ),
    "file-unlisted": (
        lambda index: index["files"].pop(0),
        [
            f"index.json: files: expected {ID}.json, got none",
            f"{ID}.json: expected no file that the index does not list",
        ],
    ),
    "version": (
        lambda index: index["cases"][0].update(version=2),
        [f"{ID}.json: version: expected 2 as in the index, got 1"],
    ),
    "purpose": (lambda index: index["cases"][0].update(purpose="none"), [f"{ID}.json: purpose: expected 'none' as in"]),
    "flags": (lambda index: index["cases"][0].update(flags=[]), [f"{ID}.json: flags: expected [] as in the index"]),
    "case-twice": (
        lambda index: index["cases"].append(index["cases"][0]),
        [f"index.json: cases: expected {ID!r} once, got it 2 times"],
    ),
    "case-unlisted": (
        lambda index: index["cases"].append(index["cases"].pop() | {"id": "xor-tanh/probe-two"}),
        [
            "index.json: files: expected xor-tanh/probe-two.json, got none",
            f"index.json: cases: expected one for {ID}.json, got none",
            f"index.json: systems.{SYSTEM}: no case has the id {ID!r}",
        ],
    ),
    "unknown-system": (
        lambda index: index["systems"].update({"xor-tanh/documentex": [ID]}),
        ["index.json: systems: no system has the id 'xor-tanh/documentex'"],
    ),
    "system-without-its-case": (
        lambda index: index["systems"].update({SYSTEM: []}),
        [f"index.json: systems.{SYSTEM}: expected {ID}, got none"],
    ),
    "system-with-an-unknown-case": (
        lambda index: index["systems"][SYSTEM].append("xor-tanh/probe-two"),
        [f"index.json: systems.{SYSTEM}: no case has the id 'xor-tanh/probe-two'"],
    ),
    "system-with-a-case-twice": (
        lambda index: index["systems"][SYSTEM].append(ID),
        [f"index.json: systems.{SYSTEM}: expected {ID!r} once, got it 2 times"],
    ),
}


@pytest.mark.parametrize("damage", DAMAGED_INDEX)
def test_an_index_that_contradicts_itself_is_found(damage, root):
    """Each contradiction within the index, or between it and the files, is one line; nothing else is reported."""
    spoil, expected = DAMAGED_INDEX[damage]
    index = json.loads((root / "index.json").read_bytes())
    spoil(index)
    write_index(root, index)
    found = problems(root)

    if damage == "case-twice":  # both are looked at
        found = list(dict.fromkeys(found))
    assert len(found) == len(expected)
    for line, start in zip(found, expected, strict=True):
        assert line.startswith(start)


def test_an_index_with_nothing_and_no_index_are_problems(tmp_path):
    """No cases are not no problems, and a folder without an index is no fixtures."""
    write_index(tmp_path, {"format": 1, "files": [], "cases": [], "systems": {}})
    assert problems(tmp_path) == ["index.json: cases: expected at least one, got none"]

    (tmp_path / "index.json").unlink()
    assert problems(tmp_path) == [f"index.json: expected a file, got none: {RESTORE}"]


def test_another_layout_of_the_index_is_a_problem(root):
    """The same words in other spacing are not what the build wrote."""
    index = json.loads((root / "index.json").read_bytes())
    (root / "index.json").write_text(json.dumps(index, indent=2))

    assert problems(root) == ["index.json: expected the layout that the maintainers' build gives it, got another"]


@pytest.mark.parametrize("name", ["xor-tanh/probe-two.json", "arrays/old.safetensors", "new-network/documented.json"])
def test_a_file_that_the_index_does_not_list_is_a_problem(name, root):
    """In an exported folder, what looks like a case or an array is named, and other files of the user are left alone."""
    for path in (name, "xor-tanh/.DS_Store", "arrays/notes.txt", "x.json", "a/b/c.json", "README.md"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"")

    assert problems(root) == [f"{name}: expected no file that the index does not list, got one: delete it, or list it"]


def test_a_damaged_file_of_arrays_is_named_once(root):
    """The cases that refer to it are not blamed, and everything else is still checked."""
    flip(root / "arrays" / "tiny.safetensors", 100, 4)
    flip(root / "schema" / "case.schema.json", 100, 4)

    assert [line.split(":")[0] for line in problems(root)] == ["arrays/tiny.safetensors", "schema/case.schema.json"]


def test_numbers_with_another_digest_are_named_by_field(root):
    """Where all files are as listed, each array that is not the case's is a line of its own."""
    case = json.loads((root / f"{ID}.json").read_bytes())
    for array in (case["x"], case["t"], case["evaluation"]["gradients"]["W1"]):
        array["sha256"] = "0" * 64
    relist(root, f"{ID}.json", encode_document(case))
    found = problems(root)

    assert [line.split(": expected")[0] for line in found] == [
        f"{ID}.json: {field}" for field in ("x", "t", "evaluation.gradients.W1")
    ]


def test_a_damaged_dataset_is_named_once(root, monkeypatch):
    """Where the images are damaged there is one line, however many arrays need them, and one attempt to read them."""
    attempts = []

    def missing(name):
        attempts.append(name)
        raise DataError(f"{name}: expected a sound file, got another")

    monkeypatch.setattr(datasets, "load_images", missing)

    assert problems(root) == ["mnist: expected a sound file, got another"]
    assert attempts == ["mnist"]


def test_images_that_are_not_here_are_named_and_not_fetched(root, monkeypatch, tmp_path_factory):
    """Where the images are not here nothing is downloaded: what else there is is checked, and the dataset is named."""
    monkeypatch.setenv(datasets.FOLDER_VARIABLE, str(tmp_path_factory.mktemp("empty")))
    monkeypatch.setattr(datasets, "load_images", lambda name: pytest.fail(f"{name} is asked for"))
    flip(root / "schema" / "case.schema.json", 100, 4)
    absent = set()

    assert [line.split(":")[0] for line in check(Store(root), absent)] == ["schema/case.schema.json"]
    assert absent == {"mnist"}
