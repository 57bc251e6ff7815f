"""Preprocessing: the same bits as scikit-learn and torchvision, and clear words for wrong input."""

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from nn_reference.datasets import load_iris
from nn_reference.errors import InputError
from nn_reference.preprocessing import (
    flatten_pixels,
    normalized_pixels,
    one_hot,
    standardize,
    train_test_split,
    unit_pixels,
)

pytestmark = pytest.mark.xdist_group("scikit-learn")  # it takes a second to import: one worker is enough

GREYS = np.arange(256, dtype=np.uint8).reshape(2, 8, 16)
"""Every grey value once, as two images."""


def assert_same_bits(ours: NDArray[np.generic], theirs: NDArray[np.generic]) -> None:
    """Equal shape, dtype and bytes: -0.0 is not 0.0."""
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    same = ours.tobytes() == theirs.tobytes()  # as a truth value: pytest would take minutes to show where bytes differ
    assert same


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("labels", [[2, 0, 3], np.array([2, 0, 3], np.uint8)])
def test_one_hot_is_a_row_of_the_identity(labels: ArrayLike, dtype: type) -> None:
    """Row i is row labels[i] of the identity, in the dtype asked for."""
    assert_same_bits(one_hot(labels, 4, dtype), np.eye(4, dtype=dtype)[[2, 0, 3]])


def test_one_hot_of_no_labels_is_empty() -> None:
    """No labels give no rows."""
    assert one_hot(np.array([], np.int64), 3).shape == (0, 3)


@pytest.mark.parametrize(
    ("labels", "classes", "complaint"),
    [
        ([0, 1, 3], 3, r"labels\[2\]: expected an integer in 0\.\.2, got 3"),
        ([0, -1], 3, r"labels\[1\]: .* got -1"),
        (np.array([1, 255], np.uint8), 10, r"labels\[1\]: .* got 255"),
        ([1.5, 0.0], 3, r"integers, got float64 \(labels\[0\] = 1\.5\)"),
        ([True, False], 2, r"integers, got bool"),
        ([], 3, r"integers, got float64 \(no labels\)"),
        ([[0], [1]], 2, r"shape \(N,\), got \(2, 1\)"),
        ([0], 0, r"classes: expected at least 1, got 0"),
    ],
)
def test_one_hot_names_what_is_wrong(labels: ArrayLike, classes: int, complaint: str) -> None:
    """A label that is no class is refused, with its index and its value."""
    with pytest.raises(InputError, match=complaint):
        one_hot(labels, classes)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 42, 2**32 - 1])
@pytest.mark.parametrize("test_size", [0.1, 0.15, 0.2, 1 / 3, 0.5, 0.99])
@pytest.mark.parametrize("n", [2, 3, 7, 10, 150, 1001])
def test_split_is_scikit_learns(n: int, test_size: float, seed: int) -> None:
    """Both sides have scikit-learn's rows in its order; where it refuses, so do we."""
    from sklearn import model_selection

    try:
        theirs = model_selection.train_test_split(np.arange(n), test_size=test_size, random_state=seed)
    except ValueError:
        with pytest.raises(InputError):
            train_test_split(n, test_size=test_size, seed=seed)
        return
    train, test = train_test_split(n, test_size=test_size, seed=seed)
    np.testing.assert_array_equal(train, theirs[0])
    np.testing.assert_array_equal(test, theirs[1])


def test_split_does_not_touch_the_global_generator() -> None:
    """NumPy's global generator is neither seeded nor advanced."""
    before = np.random.get_state(legacy=False)  # noqa: NPY002 - that one is meant
    train_test_split(10, test_size=0.2, seed=1)
    after = np.random.get_state(legacy=False)  # noqa: NPY002
    np.testing.assert_equal(after, before)


@pytest.mark.parametrize(
    ("n", "test_size", "seed", "complaint"),
    [
        (10, 0.0, 0, "test_size: .* got 0.0"),
        (10, 1.0, 0, "test_size: .* got 1.0"),
        (10, float("nan"), 0, "test_size: .* got nan"),
        (1, 0.5, 0, "n: .* got 1 rows"),
        (0, 0.5, 0, "n: .* got 0 rows"),
        (10, 0.5, -1, "seed: .* got -1"),
        (10, 0.5, 2**32, "seed: .* got 4294967296"),
    ],
)
def test_split_names_what_is_wrong(n: int, test_size: float, seed: int, complaint: str) -> None:
    """A split that cannot be made is refused, with the argument that forbids it."""
    with pytest.raises(InputError, match=complaint):
        train_test_split(n, test_size=test_size, seed=seed)


def scaled_by_scikit_learn(x: NDArray[np.generic], fit_on: NDArray[np.generic]) -> NDArray[np.generic]:
    """The value to equal."""
    from sklearn.preprocessing import StandardScaler

    scaled: NDArray[np.generic] = StandardScaler().fit(fit_on).transform(x)
    return scaled


@pytest.mark.parametrize("rows", ["all", "training"])
def test_standardized_iris_has_scikit_learns_bits(rows: str) -> None:
    """Iris is scaled as in document 000, on all rows (the leak) or on the training rows."""
    x, _ = load_iris()
    fit_on = x if rows == "all" else x[train_test_split(150, test_size=0.2, seed=42)[0]]
    assert_same_bits(standardize(x, fit_on=fit_on), scaled_by_scikit_learn(x, fit_on))
    if rows == "all":
        assert_same_bits(standardize(x), standardize(x, fit_on=x))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (2, 1), (9, 4), (130, 1), (500, 7), (3, 200)])
@pytest.mark.parametrize("seed", range(4))
def test_standardize_has_scikit_learns_bits(seed: int, shape: tuple[int, int], order: str) -> None:
    """Random tables of any shape and memory order, off-centre and of mixed scale, agree bitwise."""
    rng = np.random.default_rng(seed)
    scale, centre = 10.0 ** rng.integers(-8, 8, (2, shape[1]))
    table = rng.standard_normal(shape) * scale + centre
    fit_on = np.asarray(table, order="F" if order == "F" else "C")
    other = rng.standard_normal((5, shape[1]))
    assert_same_bits(standardize(fit_on), scaled_by_scikit_learn(fit_on, fit_on))
    assert_same_bits(standardize(other, fit_on=fit_on), scaled_by_scikit_learn(other, fit_on))


@pytest.mark.parametrize("value", [0.0, -0.0, 0.1, 1e8 + 0.1, -1e-300])
@pytest.mark.parametrize("n", [1, 3, 10, 1000])
def test_constant_feature_is_centred_but_not_divided(value: float, n: int) -> None:
    """A constant column, whose computed deviation may be rounding, has scikit-learn's bits."""
    x = np.column_stack([np.full(n, value), np.arange(n)])
    scaled = standardize(x)
    assert_same_bits(scaled, scaled_by_scikit_learn(x, x))
    assert np.all(np.abs(scaled[:, 0]) <= 1e-15 * n * abs(value))


def test_standardize_accepts_integers() -> None:
    """Integer tables are scaled as their float64 values."""
    x = np.arange(12).reshape(4, 3)
    assert_same_bits(standardize(x), scaled_by_scikit_learn(x, x))


def test_standardize_leaves_its_input_alone() -> None:
    """The result is a new array, and the input keeps its values."""
    x = np.arange(6.0).reshape(3, 2)
    assert not np.shares_memory(standardize(x), x)
    np.testing.assert_array_equal(x, np.arange(6.0).reshape(3, 2))


@pytest.mark.parametrize(
    ("x", "fit_on", "complaint"),
    [
        ([1.0, 2.0], None, r"x: expected shape \(N, D\) with N > 0, got \(2,\)"),
        ([[1.0, 2.0]], np.empty((0, 2)), r"fit_on: expected shape \(N, D\) with N > 0"),
        ([[1.0, 2.0]], [[1.0]], r"fit_on: expected 2 columns like x, got 1"),
        ([[1.0], [np.nan]], None, r"x\[1, 0\]: expected a finite number, got nan"),
        ([[1.0]], [[np.inf]], r"fit_on\[0, 0\]: expected a finite number, got inf"),
    ],
)
def test_standardize_names_what_is_wrong(x: ArrayLike, fit_on: ArrayLike | None, complaint: str) -> None:
    """A table that cannot be scaled is refused, with the place that forbids it."""
    with pytest.raises(InputError, match=complaint):
        standardize(x, fit_on=fit_on)


def test_flatten_pixels_keeps_values_and_order() -> None:
    """Images become float32 rows, row by row, values unchanged."""
    assert_same_bits(flatten_pixels(GREYS), np.arange(256, dtype=np.float32).reshape(2, 128))


def test_unit_pixels_are_correctly_rounded() -> None:
    """Every grey value divided by 255 is the float32 nearest to the quotient, from 0 to 1."""
    pixels = unit_pixels(GREYS).ravel()
    # A float64 quotient is nearer to k/255 than any tie between float32 values can be.
    assert_same_bits(pixels, (np.arange(256) / 255).astype(np.float32))
    assert (pixels[0], pixels[255]) == (0.0, 1.0)


@pytest.mark.parametrize(("mean", "std"), [(0.1307, 0.3081), (0.5, 0.5)])
def test_normalized_pixels_round_after_each_operation(mean: float, std: float) -> None:
    """Each of the three float32 operations is rounded once, as a chain of correct roundings."""
    f32 = np.float32
    expected = []
    for k in range(256):
        # float64 holds each intermediate difference and quotient of float32s closely enough.
        unit = f32(k / 255)
        centred = f32(float(unit) - float(f32(mean)))
        expected.append(f32(float(centred) / float(f32(std))))
    ours = normalized_pixels(GREYS, mean, std)
    assert_same_bits(ours, np.array(expected, f32).reshape(2, 128))


@pytest.mark.parametrize(
    ("mean", "std", "complaint"),
    [
        (0.5, 0.0, "std: .* got 0.0"),
        (0.5, 1e-50, "std: .* got 1e-50"),
        (0.5, float("inf"), "std: .* got inf"),
        (float("nan"), 0.5, "mean: .* got nan"),
    ],
)
def test_normalized_pixels_name_what_is_wrong(mean: float, std: float, complaint: str) -> None:
    """A mean or std that would make values infinite or NaN is refused."""
    with pytest.raises(InputError, match=complaint):
        normalized_pixels(GREYS, mean, std)


@pytest.mark.parametrize("images", [GREYS.astype(np.float32), GREYS[0]])
def test_pixels_must_be_bytes_in_three_dimensions(images: NDArray[np.uint8]) -> None:
    """Images that were scaled before, or a single image, are refused."""
    for prepare in (flatten_pixels, unit_pixels):
        with pytest.raises(InputError, match=r"uint8 \(N, rows, columns\), got"):
            prepare(images)
    with pytest.raises(InputError, match=r"uint8 \(N, rows, columns\), got"):
        normalized_pixels(images, 0.5, 0.5)
