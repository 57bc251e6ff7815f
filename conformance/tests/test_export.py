"""`fixtures export`: folders that are fixtures themselves, all-JSON if asked for, and nothing written beside them."""

import json

import numpy as np
import pytest
from safetensors.numpy import save
from small_store import write_files

from nn_conformance.cases.encoding import digest, encode_document
from nn_conformance.cases.export import export
from nn_conformance.cases.integrity import check
from nn_conformance.cases.store import Store
from nn_conformance.judge.verdict import one_line
from nn_reference import datasets
from nn_reference.errors import DataError, InputError
from nn_reference.fixture_files import fixtures_root

LARGE = "mnist-tanh/documented"  # has images and a file of arrays
SCHEMAS = {f"schema/{name}.schema.json" for name in ("case", "index", "network")}
BOTH = pytest.mark.parametrize("as_json", [False, True], ids=["as-it-is", "json"])


def exported(target, ids, *, as_json=False, store=None):
    """The paths below the folder that the call says it wrote."""
    written = export(store or Store(), target, ids, as_json=as_json, progress=lambda _: None)
    return {path.relative_to(target).as_posix() for path in written}


def there(root):
    """Every file below a folder."""
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir()}


def digests(loaded):
    """Field -> digest of every array."""
    return {field: array.sha256 for field, array in loaded.every_array()}


def numbers(loaded):
    """Field -> bytes of every array, verified."""
    return {field: loaded.array(array, field).tobytes() for field, array in loaded.every_array()}


def refusal(target, ids=("xor-tanh/probe-one",), *, error=InputError, **more):
    """The one line with which an export is refused."""
    with pytest.raises(error) as caught:
        exported(target, ids, **more)
    assert str(caught.value) == one_line(str(caught.value))
    return str(caught.value)


@BOTH
def test_small_cases_come_with_schemas_and_an_index(as_json, tmp_path):
    """What was written is what is returned: the cases, the schemas and an index, and no more; `check` passes on it."""
    target = tmp_path / "new" / "vectors"
    ids = Store().of_system("xor-tanh/documented")
    written = exported(target, ids, as_json=as_json)

    assert written == there(target) == SCHEMAS | {"index.json"} | {f"{case_id}.json" for case_id in ids}
    assert list(check(Store(target))) == []
    assert Store(target).of_system("xor-tanh/documented") == ids
    assert list(Store(target).index.systems) == ["xor-tanh/documented"]
    for path in SCHEMAS:
        assert (target / path).read_bytes() == (fixtures_root() / path).read_bytes()


def test_files_are_copied_as_they_are_with_what_they_refer_to(tmp_path):
    """Without --json a case is the same bytes, and so is its file of arrays."""
    written = exported(tmp_path, [LARGE])
    files = {f"arrays/{array.file}" for _, array in Store().case(LARGE).every_array() if array.file}

    assert files
    assert written == there(tmp_path) == SCHEMAS | {"index.json", f"{LARGE}.json"} | files
    for path in files | {f"{LARGE}.json"}:
        assert (tmp_path / path).read_bytes() == (fixtures_root() / path).read_bytes()
    assert list(check(Store(tmp_path))) == []


def test_json_copies_need_neither_arrays_nor_datasets_and_differ_in_nothing_else(tmp_path, monkeypatch):
    """Arrays are in place with their digests, to the last bit; what is no array, or was in place before, is the same."""
    ids = [LARGE, "fashion-pruning/probe-pruned", "mnist-sigmoid-keras/probe-extreme", "mnist-relu/probe-kink"]
    loaded = Store().case(LARGE)
    expected = digests(loaded), numbers(loaded)
    exported(tmp_path, ids, as_json=True)
    for case_id in ids:
        copy, original = (json.loads((root / f"{case_id}.json").read_bytes()) for root in (tmp_path, fixtures_root()))
        assert without_sources(copy) == without_sources(original)
        assert copy == original or case_id == LARGE

    monkeypatch.setattr(datasets, "load_images", lambda name: pytest.fail("images were asked for"))
    copy = Store(tmp_path).case(LARGE)
    assert (digests(copy), numbers(copy)) == expected
    assert not (tmp_path / "arrays").exists()
    for _, array in copy.every_array():
        assert array.data is not None
        assert array.file is array.dataset is array.rows is array.part is array.scaling is None


def without_sources(value):
    """A document whose arrays say only what they are, not where their numbers stand."""
    if isinstance(value, dict):
        kept = ("dtype", "shape", "sha256") if "sha256" in value else tuple(value)
        return {key: without_sources(value[key]) for key in kept}
    return [without_sources(inner) for inner in value] if isinstance(value, list) else value


def test_the_numbers_that_json_has_no_word_for_are_kept(tmp_path):
    """Signed zeros, infinities and NaN in a file of arrays are the same in place; so are the shortest decimals."""
    rng = np.random.default_rng(3)
    special = [-0.0, np.inf, -np.inf, np.nan]
    for dtype in (np.float32, np.float64):
        a = np.concatenate([special, np.exp(rng.uniform(-80, 80, 501)) * rng.choice([-1, 1], 501)]).astype(dtype)
        inputs = {"x": a.reshape(-1, 5), "t": np.zeros((len(a) // 5, 1), dtype)}
        store = synthetic(tmp_path / f"{dtype.__name__}-source", inputs, rows=[0])
        exported(tmp_path / dtype.__name__, ["xor-tanh/probe-one"], as_json=True, store=store)

        assert Store(tmp_path / dtype.__name__).case("xor-tanh/probe-one").x.tobytes() == a.tobytes()


def synthetic(root, arrays, **fields):
    """One case with other fields, whose named arrays are in a file of arrays, in a folder with an index."""
    case = json.loads((fixtures_root() / "xor-tanh/probe-one.json").read_bytes()) | fields
    for name, a in arrays.items():
        case[name] = {"dtype": a.dtype.name, "shape": list(a.shape), "sha256": digest(a), "file": "tiny.safetensors"}
    files = {
        "xor-tanh/probe-one.json": encode_document(case),
        "arrays/tiny.safetensors": save({digest(a): a for a in arrays.values()}),
    }
    return write_files(root, files, case)


@BOTH
def test_twice_into_the_same_folder_is_once(as_json, tmp_path):
    """The second time gives the same files with the same bytes."""
    ids = ["xor-tanh/probe-one", "homework/probe-one"]
    exported(tmp_path, ids, as_json=as_json)
    first = {path: (tmp_path / path).read_bytes() for path in there(tmp_path)}
    exported(tmp_path, ids, as_json=as_json)

    assert {path: (tmp_path / path).read_bytes() for path in there(tmp_path)} == first


@pytest.mark.parametrize("other", ["homework/probe-one.json", "arrays/mnist-tanh.safetensors"])
def test_a_folder_with_other_cases_is_left_alone(other, tmp_path):
    """Two exports in one folder would have one index: what is there of other cases, or of arrays, is named."""
    (tmp_path / other).parent.mkdir()
    (tmp_path / other).write_bytes(b"")

    assert (
        refusal(tmp_path, as_json=True)
        == f"DIR: expected a new folder, got {tmp_path}, which has {other}; name another"
    )
    assert there(tmp_path) == {other}


@pytest.mark.parametrize("index", [b"", b"{}", b"\xff", b"[1]"])
def test_an_index_that_is_none_of_ours_is_replaced(index, tmp_path):
    """Files of the same names are replaced, whatever is in them, and other files of the user stay as they are."""
    (tmp_path / "index.json").write_bytes(index)
    (tmp_path / "notes.txt").write_text("mine")
    exported(tmp_path, ["xor-tanh/probe-one"])

    assert list(check(Store(tmp_path))) == []
    assert (tmp_path / "notes.txt").read_text() == "mine"


def as_file(path):
    path.write_text("mine")


def as_folder(path):
    path.mkdir(parents=True)


@pytest.mark.parametrize(
    ("place", "block"),
    [
        ("", as_file),
        ("xor-tanh", as_file),
        ("schema", as_file),
        ("xor-tanh/probe-one.json", as_folder),
        ("index.json", as_folder),
    ],
)
@BOTH
def test_what_stands_in_the_way_is_one_line(place, block, as_json, tmp_path):
    """A file where a folder must be, or the other way round, is named, and is still there."""
    target = tmp_path / "vectors"
    if place:
        (target / place).parent.mkdir(parents=True)
    block(target / place)
    message = refusal(target, as_json=as_json)

    assert message.startswith(f"{target}")
    assert ": cannot be written (" in message
    assert (target / place).exists()


@BOTH
def test_nothing_is_written_through_a_link_to_a_file(as_json, tmp_path):
    """A link in the folder, to a file or to nothing, is replaced; what it leads to stays as it is."""
    outside, target = tmp_path / "outside", tmp_path / "vectors"
    outside.write_text("mine")
    (target / "xor-tanh").mkdir(parents=True)
    (target / "xor-tanh" / "probe-one.json").symlink_to(outside)
    (target / "index.json").symlink_to(tmp_path / "nothing")
    exported(target, ["xor-tanh/probe-one"], as_json=as_json)

    assert outside.read_text() == "mine"
    assert there(tmp_path) == {"outside"} | {f"vectors/{path}" for path in there(target)}
    assert not (target / "xor-tanh" / "probe-one.json").is_symlink()
    assert list(check(Store(target))) == []


@pytest.mark.parametrize("inside", [".", "xor-tanh", "../{}/copy"])
@BOTH
def test_the_fixtures_themselves_are_not_overwritten(inside, as_json, tmp_path):
    """Nobody exports the fixtures into themselves: all-JSON copies would take the place of what is certified."""
    store = synthetic(tmp_path / "source", {"x": np.ones((1, 5), np.float32)})
    before = {path: (store.root / path).read_bytes() for path in there(store.root)}

    assert refusal(store.root / inside.format("source"), store=store, as_json=as_json).startswith(
        "DIR: expected a folder outside the fixtures, got "
    )
    assert {path: (store.root / path).read_bytes() for path in there(store.root)} == before


@pytest.mark.parametrize("path", ["xor-tanh/probe-one.json", "arrays/tiny.safetensors"])
@BOTH
def test_damage_is_not_passed_on(path, as_json, tmp_path):
    """A file with one changed byte is refused by name, and the folder gets no index."""
    store = synthetic(tmp_path / "source", {"x": np.ones((1, 5), np.float32)})
    data = bytearray((store.root / path).read_bytes())
    data[-3] ^= 1
    (store.root / path).write_bytes(data)

    message = refusal(tmp_path / "vectors", store=store, as_json=as_json, error=DataError)

    assert message.startswith((f"{path}: expected ", "xor-tanh/probe-one.json: x: expected "))
    assert "index.json" not in there(tmp_path / "vectors")


def test_an_unknown_case_and_none_are_one_line(tmp_path):
    """An id that no case has is named, and so is that there is none; nothing is written."""
    assert "did you mean 'xor-tanh/probe-one'" in refusal(
        tmp_path / "vectors", ["xor-tanh/probe-onne"], error=DataError
    )
    assert refusal(tmp_path / "vectors", []) == "ids: expected at least one case, got none"
    assert not (tmp_path / "vectors").exists()


def test_progress_names_each_case(tmp_path):
    """Each case is announced once, in order, when it has been written."""
    seen = []
    ids = ["xor-tanh/probe-one", "homework/probe-one"]
    export(
        Store(), tmp_path, ids, as_json=False, progress=lambda i: seen.append((i, (tmp_path / f"{i}.json").exists()))
    )

    assert seen == [(case_id, True) for case_id in sorted(ids)]
