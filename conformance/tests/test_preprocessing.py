"""Preprocessing: the same bits as scikit-learn and torchvision."""

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
@pytest.mark.parametrize("labels", [[2, 0, 3], np.array([2, 0, 3], np.uint8), np.array([], np.int64)])
def test_one_hot_is_a_row_of_the_identity(labels: ArrayLike, dtype: type) -> None:
    """Row i is row labels[i] of the identity, in the dtype asked for."""
    assert_same_bits(one_hot(labels, 4, dtype), np.eye(4, dtype=dtype)[[int(label) for label in labels]])


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


def scaled_by_scikit_learn(x: NDArray[np.generic], fit_on: NDArray[np.generic]) -> NDArray[np.generic]:
    """The value to equal."""
    from sklearn.preprocessing import StandardScaler

    scaled: NDArray[np.generic] = StandardScaler().fit(fit_on).transform(x)
    return scaled


def tables() -> dict[str, NDArray[np.generic]]:
    """Iris, as document 000 has it, integers, columns that are constant, whose deviation may be rounding, and of mixed scale."""
    rng = np.random.default_rng(0)
    mixed = rng.standard_normal((500, 7)) * 10.0 ** rng.integers(-8, 8, 7) + 10.0 ** rng.integers(-8, 8, 7)
    constants = [(n, value) for n in (1, 3, 10, 1000) for value in (0.0, -0.0, 0.1, 1e8 + 0.1, -1e-300)]
    return {
        "iris": load_iris()[0],
        "integers": np.arange(12).reshape(4, 3),
        **{
            f"mixed {rows} {order}": np.asarray(mixed[:rows], order=order)
            for rows in (1, 2, 9, 130, 500)
            for order in "CF"
        },
        "wide": rng.standard_normal((3, 200)),
        **{f"{n} times {value}": np.column_stack([np.full(n, value), np.arange(n)]) for n, value in constants},
    }


@pytest.mark.parametrize("table", tables().values(), ids=tables())
def test_a_table_is_scaled_to_scikit_learns_bits(table: NDArray[np.generic]) -> None:
    """A table scaled by all of its rows, and by the training rows alone, has scikit-learn's bits, and keeps its own."""
    before, fit_on = table.copy(), table[: max(1, len(table) // 2)]

    assert_same_bits(standardize(table), scaled_by_scikit_learn(table, table))
    assert_same_bits(standardize(table, fit_on=fit_on), scaled_by_scikit_learn(table, fit_on))
    assert_same_bits(table, before)


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
