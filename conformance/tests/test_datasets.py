"""The datasets that ship are right, and found in a checkout and in a wheel."""

import sys
from pathlib import Path

import numpy as np
import pytest

from nn_reference import datasets, fixture_files
from nn_reference.datasets import FOLDER_VARIABLE, load_images
from nn_reference.errors import DataError, FixturesNotFoundError


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
