"""The reader in JavaScript reads every test vector, and names file and field where one is damaged."""

import hashlib
import json
import re
import shutil
import struct
import subprocess
from pathlib import Path

import msgspec
import numpy as np
import pytest

from nn_conformance.cases.encoding import inline
from nn_conformance.cases.store import Store

READER = Path(__file__).resolve().parents[1] / "adapters" / "read_fixtures.mjs"
STORE = Store()
SMALL = "homework/probe-square"  # everything in place
LARGE = "mnist-sigmoid-torch/documented"  # tensors in arrays, images of MNIST


def read(*arguments):
    """Runs the reader in a process of its own, and returns its exit code and what it prints."""
    done = subprocess.run(  # noqa: S603 - our own script
        [shutil.which("node"), *map(str, arguments or [READER])],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    return done.returncode, done.stdout


SERVER = f"""
import {{ createInterface }} from "node:readline";
import {{ verify }} from {json.dumps(READER.as_uri())};
for await (const folder of createInterface({{ input: process.stdin }})) {{
  try {{ console.log(JSON.stringify([0, verify(folder)])); }} catch (error) {{ console.log(JSON.stringify([1, error.message])); }}
}}
"""


@pytest.fixture(scope="module")
def verify():
    """The reader on a folder, as its last lines use it: exit code and text. One process for all, which reads MNIST once."""
    with subprocess.Popen(  # noqa: S603 - our own script
        [shutil.which("node"), "--input-type=module", "--eval", SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as server:

        def ask(folder):
            print(folder, file=server.stdin, flush=True)
            return tuple(json.loads(server.stdout.readline()))

        yield ask


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A place for the copies, one after the other: the reader remembers the datasets by their path."""
    folder = tmp_path_factory.mktemp("copy")
    (folder / "datasets").symlink_to(STORE.root / "datasets")
    return folder


@pytest.fixture
def copy(folder):
    """Two cases with all that they need, and an index of their own."""
    arrays = {array.file for _, array in STORE.case(LARGE).every_array() if array.file is not None}
    paths = [f"{SMALL}.json", f"{LARGE}.json", *(f"arrays/{file}" for file in sorted(arrays))]
    for path in paths:
        (folder / path).parent.mkdir(exist_ok=True)
        shutil.copyfile(STORE.root / path, folder / path)
    write_index(folder, paths, [SMALL, LARGE])
    return folder


def write_index(root, paths, cases):
    """An index as it is when nobody has touched a file since."""
    files = [{"path": path, "sha256": hashlib.sha256((root / path).read_bytes()).hexdigest()} for path in paths]
    (root / "index.json").write_text(json.dumps({"files": files, "cases": [{"id": case} for case in cases]}))


def mend_index(root):
    """The index after a change to a file: its digests are right, so that the change must be found in the case."""
    index = json.loads((root / "index.json").read_text("utf-8"))
    write_index(root, [file["path"] for file in index["files"]], [case["id"] for case in index["cases"]])


def change(root, case, edit):
    """Changes a case as a record."""
    path = root / f"{case}.json"
    record = json.loads(path.read_text("utf-8"))
    edit(record)
    path.write_text(json.dumps(record), "utf-8")


def change_bytes(root, edit, path=None):
    """Changes a file, or the first tensor file that the large case needs."""
    file = root / path if path else min((root / "arrays").iterdir())
    file.write_bytes(edit(file.read_bytes()))


def flipped(data, position):
    """The bytes with one bit the other way round."""
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


@pytest.mark.slow
@pytest.mark.node
def test_reader_verifies_every_file_case_and_array():
    """On the test vectors themselves it counts what the index lists, and as many arrays as Python finds."""
    index = STORE.index
    arrays = sum(1 for case_id in STORE.ids for _ in STORE.case(case_id).every_array())

    assert read() == (0, f"{len(index.files)} files, {len(index.cases)} cases, {arrays} arrays verified\n")


@pytest.mark.node
def test_reader_takes_a_folder(verify, copy):
    """As a command it prints, of a damaged folder, what it complains of as a module, and exits with 1."""
    (copy / f"{SMALL}.json").write_text("{}")

    code, printed = verify(copy)
    assert printed.startswith(f"{SMALL}.json: sha256: expected ")
    assert read(READER, copy) == (code, f"{printed}\n") == (1, f"{printed}\n")


def file_of(path):
    """Flips a bit in the middle of a file, and leaves the index as it is."""
    return lambda root: change_bytes(root, lambda data: flipped(data, len(data) // 2), path)


def number_of(field):
    """Changes the first number of an array in its last place."""

    def edit(record):
        for key in field.split("."):
            record = record[int(key) if key.isdigit() else key]
        record["data"][0] = float(np.nextafter(record["data"][0], 9))

    return lambda root: change(root, SMALL, edit)


def inputs_of(case, edit):
    """Edits the record of a case's x."""
    return lambda root: change(root, case, lambda record: edit(record["x"]))


def tensors(edit):
    """Edits the bytes of the first file of arrays."""
    return lambda root: change_bytes(root, edit)


# What is done to the copy, and the beginning of what is said of it: a regular expression.
OF_SMALL, OF_LARGE, DIGEST = rf"{SMALL}\.json: ", rf"{LARGE}\.json: ", "sha256: expected "
ARRAYS = rf"{OF_LARGE}[\w.]+: arrays/[\w-]+\.safetensors: "
# The index is left as it is: what it lists is not there.
UNLISTED = {
    "bit of a small case": (file_of(f"{SMALL}.json"), OF_SMALL + DIGEST),
    "bit of a large case": (file_of(f"{LARGE}.json"), OF_LARGE + DIGEST),
    "bit of a tensor file": (file_of(None), rf"arrays/[\w-]+\.safetensors: {DIGEST}"),
    "no case": (lambda root: (root / f"{SMALL}.json").unlink(), f"{OF_SMALL}ENOENT"),
    "no index": (lambda root: (root / "index.json").unlink(), "index.json: ENOENT"),
}
# The index is mended, so that the file itself must tell.
LISTED = {
    **{field: (number_of(field), f"{OF_SMALL}{re.escape(field)}: {DIGEST}") for field in (
        "x", "params.W1", "evaluation.layers.1.z", "evaluation.gradients.b2", "steps.0.after.W2",
    )},
    "truncated case": (lambda root: change_bytes(root, lambda data: data[:2000], f"{SMALL}.json"), f"{OF_SMALL}.*JSON"),
    "last bit of a tensor": (tensors(lambda data: flipped(data, len(data) - 1)), rf"{OF_LARGE}[\w.]+: {DIGEST}"),
    "truncated tensor": (tensors(lambda data: data[:-4]), f"{ARRAYS}data_offsets: outside the file"),
    "truncated header": (tensors(lambda data: data[:100]), f"{ARRAYS}the header is too long"),
    "empty tensor file": (tensors(lambda _: b""), f"{ARRAYS}the header is too long"),
    "huge header": (tensors(lambda data: struct.pack("<Q", 2**63) + data[8:]), f"{ARRAYS}the header is too long"),
    "other type": (
        tensors(lambda data: data.replace(b'"F64"', b'"I64"').replace(b'"F32"', b'"I32"')), f"{ARRAYS}tensor: expected F",
    ),
    "other names": (
        tensors(lambda data: re.sub(rb'"[0-9a-f]{64}":', b'"' + b"0" * 64 + b'":', data)), f"{ARRAYS}no tensor ",
    ),
    **{name: (inputs_of(SMALL, edit), f"{OF_SMALL}x: {problem}") for name, edit, problem in (
        ("string", lambda x: x["data"].__setitem__(0, "0.5"), "data: 0.5 is no number"),
        ("null", lambda x: x["data"].__setitem__(0, None), "data: null is no number"),
        ("one too many", lambda x: x["data"].append(0.0), "numbers: expected 16, got 17"),
        ("shape", lambda x: x["shape"].append(2), "numbers: expected 32, got 16"),
        ("dtype", lambda x: x.update(dtype="float32"), DIGEST),
        ("parent folder", lambda x: x.update(file="../index.safetensors"), "file: ../index.safetensors is no plain name"),
        ("no file", lambda x: x.update(file="nobody.safetensors"), "ENOENT"),
    )},
    **{name: (inputs_of(LARGE, edit), f"{OF_LARGE}x: ") for name, edit in (
        ("scaling", lambda x: x.update(scaling="raw")),
        ("part", lambda x: x.update(part="test")),
        ("order", lambda x: x["rows"].reverse()),
        ("row beyond the last", lambda x: x["rows"].__setitem__(0, 60_000)),
    )},
}  # fmt: skip


@pytest.mark.node
@pytest.mark.parametrize("name", [*UNLISTED, *LISTED])
def test_damage_is_named_by_file_and_field(verify, copy, name):
    """Whatever is changed, cut off or missing in a file is reported with that file, and with the field where it is an array."""
    damage, said = (UNLISTED | LISTED)[name]
    damage(copy)
    if name in LISTED:
        mend_index(copy)

    code, printed = verify(copy)
    assert code == 1
    assert re.match(said, printed), printed


@pytest.mark.node
def test_reader_is_a_module_too():
    """Imported, it prints nothing by itself, and returns the numbers of a case by field, and of any array, special ones too."""
    special = msgspec.to_builtins(inline(np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324])))
    script = (
        f"import {{ readArray, readCase }} from {json.dumps(READER.as_uri())};"
        f"const {{ record, arrays }} = readCase({json.dumps(str(STORE.root))}, {json.dumps(SMALL)});"
        f"const verified = readArray('', {json.dumps(special)});"  # or it would throw
        'console.log(JSON.stringify([record.id, Array.from(arrays["params.b1"]), verified.length]));'
    )
    code, printed = read("--input-type=module", "--eval", script)

    assert code == 0
    assert json.loads(printed) == [SMALL, STORE.case(SMALL).params["b1"].astype(float).tolist(), 6]


def test_reader_is_short_and_needs_no_packages():
    """At most eighty lines of at most 120 characters, importing Node's own modules only."""
    lines = READER.read_text("utf-8").splitlines()
    imports = re.findall(r"""(?:\bfrom|\bimport|\brequire)\s*\(?\s*["']([^"']+)["']""", "\n".join(lines))

    assert len(lines) <= 80
    assert max(map(len, lines)) <= 120
    assert imports
    assert all(module.startswith("node:") for module in imports)
