"""Reading test vectors: names, folders, pipes, giants and other indexes are one line, and nothing else is opened."""

import errno
import json
import os
from pathlib import Path

import pytest
from safetensors.numpy import save
from small_store import FILE, ID, SYSTEM, TENSORS, read, refusal, with_x, write

from nn_conformance.cases.store import Store
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
