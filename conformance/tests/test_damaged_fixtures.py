"""Damaged fixtures, through the command: one line names the file, what belongs there and the way out; nothing hangs."""

import errno
import json
import os
import shutil
import struct

import pytest
from small_store import relist

from nn_conformance.cases.encoding import encode_document
from nn_conformance.cases.export import export
from nn_conformance.cases.store import Store
from nn_conformance.replay.listed_files import renew_index
from nn_reference import fixture_files
from nn_reference.errors import DataError
from nn_reference.fixture_files import RESTORE
from nn_reference.systems import loading

CASE, LEDGER, WEIGHTS = (
    "xor-tanh/probe-square.json",
    "replays/mnist-tanh.documented.numpy.json",
    "weights/iris-relu-adam.json",
)
SHOW, VERIFY, SHORT = ("fixtures", "show", "xor-tanh/probe-square"), ("verify", "xor-tanh"), ("replay", "xor-tanh")
REPLAY, VERIFY_IRIS = ("replay", "mnist-tanh", "--out", "replays"), ("verify", "iris-relu-adam")
DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    """The fixtures of two networks that need no images, with all ledgers, weights and small datasets."""
    root = tmp_path_factory.mktemp("intact") / "fixtures"
    store, source = Store(), fixture_files.fixtures_root()
    ids = [*store.of_system("xor-tanh/documented"), *store.of_system("iris-relu-adam/documented")]
    export(store, root, ids, as_json=False, progress=lambda _: None)
    for folder in ("replays", "weights", "datasets"):
        shutil.copytree(source / folder, root / folder, ignore=shutil.ignore_patterns("*.gz"))
    return root


@pytest.fixture
def root(intact, tmp_path, monkeypatch):
    """A copy of them to be damaged, in which the command runs."""
    shutil.copytree(intact, tmp_path / "fixtures")
    monkeypatch.setattr(fixture_files, "__file__", str(tmp_path / "reference" / "nn_reference" / "paths.py"))
    monkeypatch.chdir(tmp_path / "fixtures")
    loading.iris.cache_clear()  # what an earlier test has read
    return tmp_path / "fixtures"


def edited(change):
    """Changes a case and lists it as it then is, so that only its completeness can be at fault."""

    def damage(root):
        case = json.loads((root / CASE).read_bytes())
        change(case)
        relist(root, CASE, encode_document(case))

    return damage


def replaced(path, make):
    """Puts something else in a file's place."""

    def damage(root):
        (root / path).unlink()
        make(root / path)

    return damage


def overwritten(path, old, new):
    """Replaces a part of a file, and leaves the index as it is."""

    def damage(root):
        data = (root / path).read_bytes()
        assert old in data
        (root / path).write_bytes(data.replace(old, new, 1))

    return damage


def lying(length):
    """Gives the case weights in a safetensors file whose header claims what is not there."""

    def damage(root):
        relist(root, "arrays/liar.safetensors", struct.pack("<Q", length) + b'{"a":{}}')
        edited(lambda case: case["params"]["W1"].update(file="liar.safetensors") or case["params"]["W1"].pop("data"))(
            root
        )

    return damage


def link_to_itself(path):
    path.symlink_to(path)


def link_to_zeros(path):
    path.symlink_to("/dev/zero")


NAMES = "expected W1 b1 W2 b2, got "
LOOP, PIPE = f"expected a file, got {os.strerror(errno.ELOOP)}", "expected a file, got a pipe or device"
# What is done; the file or field that is named; what is said of it; the commands, beside `fixtures check`, that say so.
DAMAGE = {
    "layer-missing": (edited(lambda c: c["evaluation"]["layers"].pop()), f"{CASE}: evaluation.layers", "expected 2, one for each layer of the network, got 1", (SHOW, VERIFY)),
    "parameter-missing": (edited(lambda c: c["params"].pop("b1")), f"{CASE}: params", f"{NAMES}W1 W2 b2", (SHOW, VERIFY)),
    "update-missing": (edited(lambda c: c["steps"][0]["after"].pop("W2")), f"{CASE}: steps[0].after", f"{NAMES}W1 b1 b2", (SHOW, VERIFY)),
    "inputs-without-axes": (edited(lambda c: c["x"].update(shape=[])), f"{CASE}: x", "expected shape [1, 4], got []", (SHOW, VERIFY)),
    "row-too-large": (edited(lambda c: c["steps"][0]["rows"].append(99)), f"{CASE}: steps[0].rows", "expected at least one row, each below 4, got 99", (SHOW, VERIFY)),
    "nested-case": (lambda root: relist(root, CASE, DEEP), CASE, "expected a case of format 1 or 2, got ", (SHOW, VERIFY)),
    "nested-index": (lambda root: (root / "index.json").write_bytes(DEEP), "index.json", "expected an index of format 1, got ", (SHOW, VERIFY)),
    "nested-ledgers-index": (lambda root: (root / "replays/index.json").write_bytes(DEEP), "replays/index.json", "expected an index of files, got ", (SHORT,)),
    "nested-datasets": (lambda root: (root / "datasets/index.json").write_bytes(DEEP), "datasets/index.json", "expected an index of datasets, got ", (VERIFY_IRIS,)),
    "header-beyond-file": (lying(2**62), f"{CASE}: params.W1", "expected tensor ", (SHOW, VERIFY)),
    "case-pipe": (replaced(CASE, os.mkfifo), CASE, PIPE, (SHOW, VERIFY)),
    "case-device": (replaced(CASE, link_to_zeros), CASE, PIPE, (SHOW, VERIFY)),
    "weights-changed": (overwritten(WEIGHTS, b"PyTorch", b"pytorch"), WEIGHTS, "expected sha256 ", (VERIFY_IRIS,)),
    "iris-changed": (overwritten("datasets/iris/iris.csv", b"5.1", b"5.2"), "datasets/iris/iris.csv", "expected sha256 ", (VERIFY_IRIS,)),
    "ledger-changed": (overwritten(LEDGER, b"0.98", b"0.99"), LEDGER, "expected sha256 ", (REPLAY,)),
    "ledger-missing": (lambda root: (root / LEDGER).unlink(), LEDGER, "expected a file, got none", (REPLAY,)),
    "ledger-loop": (replaced(LEDGER, link_to_itself), LEDGER, LOOP, (REPLAY,)),
    "verdicts-changed": (overwritten("replays/verdicts.json", b"inside", b"beside"), "replays/verdicts.json", "expected sha256 ", (SHORT,)),
    "schema-changed": (overwritten("replays/replay.schema.json", b"object", b"objekt"), "replays/replay.schema.json", "expected sha256 ", ()),
    "page-changed": (overwritten("replays/README.md", b"0.98", b"0.99"), "replays/README.md", "expected sha256 ", ()),
    "index-layout": (overwritten("weights/index.json", b'"format":1', b'"format": 1'), "weights/index.json", "expected the layout that nn_maintain index gives it, got another", ()),
    "stray-ledger": (lambda root: (root / "replays/a.b.numpy.json").write_bytes(b""), "replays/a.b.numpy.json", "expected no file that the index does not list, got one", ()),
    "stray-text": (lambda root: (root / "xor-tanh/notes.txt").write_bytes(b""), "xor-tanh/notes.txt", "expected no file that the index does not list, got one", ()),
    "stray-loop": (lambda root: (root / "loop").symlink_to(root), "loop", "expected no file that the index does not list, got one", ()),
}  # fmt: skip


def test_intact_fixtures_have_no_problem(command, root):
    """The copy that the others damage passes, so that each problem below is the damage's."""
    assert command("fixtures", "check").code == 0


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_one_line_in_every_command_that_meets_it(command, root, name):
    """`fixtures check` names the damage and nothing else, with code 1; whatever else reads the file refuses it, with code 2."""
    damage, where, expected, commands = DAMAGE[name]
    damage(root)
    checked = command("fixtures", "check")
    problem, *rest = checked.out.splitlines()

    assert (checked.code, checked.err, rest) == (1, "", ["1 problem"])
    assert f"{where}: {expected}" in problem
    assert problem.isprintable()
    assert problem.endswith((RESTORE, "delete it, or list it"))
    for arguments in commands:
        complaint = command(*arguments).complaint
        assert f"{where}: {expected}" in complaint
        assert complaint.endswith((RESTORE, "restore or delete it"))


def test_a_maintainer_lists_what_was_changed(command, root):
    """A new index takes what is there, and names each file that is new, changed or gone, and nothing where nothing is."""
    overwritten(LEDGER, b"0.98", b"0.99")(root)
    (root / "replays" / "chaos.json").unlink()
    (root / "replays" / "new.json").write_text("{}")

    assert renew_index(root / "replays") == ["chaos.json", "mnist-tanh.documented.numpy.json", "new.json"]
    assert renew_index(root / "weights") == []
    assert command("fixtures", "check").code == 0


def test_a_file_that_no_index_can_name_is_refused(root):
    """A name with a blank would make an index that nobody can read: it is refused, and nothing is written."""
    (root / "weights" / "a b.json").write_text("{}")
    before = (root / "weights" / "index.json").read_bytes()

    with pytest.raises(DataError, match="rename the file"):
        renew_index(root / "weights")
    assert (root / "weights" / "index.json").read_bytes() == before
