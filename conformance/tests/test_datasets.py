"""The datasets that ship are right, and found in a checkout and in a wheel."""

import gzip
import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest

from nn_reference import datasets, fixture_files
from nn_reference.datasets import FOLDER_VARIABLE, load_images
from nn_reference.errors import DataError, FixturesNotFoundError

SHIPPED = [("iris", "table"), ("xor", "table")]
SHIPPED += [
    (name, f"{part}_{kind}")
    for name in ("mnist", "fashion-mnist")
    for part in ("train", "test")
    for kind in ("images", "labels")
]


def test_index_lists_what_ships() -> None:
    """The index names these ten files, and no other."""
    index = datasets.read_index(fixture_files.fixtures_root())
    assert [(name, file.what) for name, files in index.items() for file in files] == SHIPPED


@pytest.mark.parametrize(("name", "what"), SHIPPED)
def test_shipped_file_is_the_one_of_the_index(name: str, what: str) -> None:
    """Every shipped file, unpacked by an independent reader, has the index's size and digest."""
    (file,) = (f for f in datasets.read_index(fixture_files.fixtures_root())[name] if f.what == what)
    data = (fixture_files.fixtures_root() / "datasets" / name / file.name).read_bytes()
    data = gzip.decompress(data) if file.name.endswith(".gz") else data
    assert len(data) == file.size
    assert hashlib.sha256(data).hexdigest() == file.sha256


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_shipped_images_have_their_documented_form(name: datasets.ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """The image sets have 60,000 + 10,000 images, uint8, read-only, ten classes from 0 to 9."""
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    images = load_images(name)
    for n, pixels, labels in (
        (60000, images.train_images, images.train_labels),
        (10000, images.test_images, images.test_labels),
    ):
        assert (pixels.shape, labels.shape) == ((n, 28, 28), (n,))
        assert pixels.dtype == labels.dtype == np.uint8
        assert not pixels.flags.writeable
        assert not labels.flags.writeable
        assert (pixels.min(), pixels.max()) == (0, 255)
        np.testing.assert_array_equal(np.unique(labels), np.arange(10))
    assert load_images(name) is images


@pytest.mark.slow
@pytest.mark.xdist_group("scikit-learn")
def test_iris_is_the_table_of_scikit_learn() -> None:
    """Iris equals scikit-learn's table bit for bit, including the two rows where UCI differs."""
    import sklearn.datasets

    (features, labels), theirs = datasets.load_iris(), sklearn.datasets.load_iris()
    assert features.dtype == theirs.data.dtype
    assert features.flags.c_contiguous
    assert features.tobytes() == theirs.data.tobytes()
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(labels, theirs.target)
    np.testing.assert_array_equal(features[[34, 37]], [[4.9, 3.1, 1.5, 0.2], [4.9, 3.6, 1.4, 0.1]])
    assert not features.flags.writeable
    assert not labels.flags.writeable


def test_xor_is_its_truth_table() -> None:
    """The XOR target is the exclusive or of its inputs, in the order of binary counting."""
    inputs, targets = datasets.load_xor()
    np.testing.assert_array_equal(inputs, [[0, 0], [0, 1], [1, 0], [1, 1]])
    np.testing.assert_array_equal(targets, inputs[:, :1] != inputs[:, 1:])
    assert inputs.dtype == targets.dtype == np.float64
    assert not inputs.flags.writeable
    assert not targets.flags.writeable


def test_what_ships_needs_no_pooch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is imported for downloads where nothing is downloaded."""
    datasets._load_images.cache_clear()
    datasets._load_table.cache_clear()
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    monkeypatch.setitem(sys.modules, "pooch", None)
    assert load_images("mnist").test_labels.shape == (10000,)
    assert datasets.load_iris()[1].shape == (150,)
    assert datasets.load_xor()[1].shape == (4, 1)


@pytest.mark.parametrize("place", ["checkout", "wheel"])
def test_fixtures_are_found(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fixtures are found beside `reference/` in a checkout, and inside the package in a wheel."""
    package = tmp_path / "reference" / "nn_reference"
    expected = (package if place == "wheel" else tmp_path) / "fixtures"
    (expected / "datasets").mkdir(parents=True)
    (expected / "datasets" / "index.json").touch()
    monkeypatch.setattr(fixture_files, "__file__", str(package / "paths.py"))
    assert fixture_files.fixtures_root() == expected.resolve()


def test_absent_fixtures_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that happens to be called fixtures is not ours, and the error is of both kinds."""
    (tmp_path / "fixtures").mkdir()
    monkeypatch.setattr(fixture_files, "__file__", str(tmp_path / "reference/nn_reference/fixture_files.py"))
    with pytest.raises(FixturesNotFoundError, match=r"index\.json in .* reinstall") as caught:
        fixture_files.fixtures_root()
    assert isinstance(caught.value, FileNotFoundError)
    assert isinstance(caught.value, DataError)
