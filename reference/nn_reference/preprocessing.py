"""What the documents do to their data before the first layer sees it, to the last bit.

Legend: N samples, D features, C classes. scikit-learn and torchvision are not imported: their arithmetic is repeated
operation for operation, since another order would round differently.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from nn_reference.errors import InputError
from nn_reference.validation import check_array, check_count, check_number, check_seed

EPS = np.finfo(np.float64).eps


def one_hot(labels: ArrayLike, classes: int, dtype: DTypeLike = np.float64) -> NDArray[np.generic]:
    """Rows of the identity matrix: (N,) integers in 0..C-1 -> (N, C) of `dtype`.

    Raises:
        InputError: labels that are not one-dimensional, not integers, or out of range; no class at all.
    """
    check_count("classes", classes, least=1)
    try:
        codes = np.asarray(labels)
    except ValueError as error:
        raise InputError(f"labels: expected shape (N,), got rows of several lengths ({error})") from None
    if codes.ndim != 1:
        raise InputError(f"labels: expected shape (N,), got {codes.shape}: use labels.ravel()")
    if codes.dtype.kind not in "iu":
        first = f"labels[0] = {codes[0]}" if codes.size else "no labels"
        raise InputError(f"labels: expected integers, got {codes.dtype} ({first}): use labels.astype(int)")
    outside = np.flatnonzero((codes < 0) | (codes >= classes))
    if outside.size:
        i = int(outside[0])
        raise InputError(
            f"labels[{i}]: expected an integer in 0..{classes - 1}, got {codes[i]}: "
            "count labels from 0, and give the number of classes"
        )
    rows = np.zeros((codes.size, classes), dtype)
    rows[np.arange(codes.size), codes] = 1
    return rows


def train_test_split(n: int, *, test_size: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row numbers (train, test), as scikit-learn's function with `random_state=seed`.

    The n rows are permuted; the first ⌈test_size·n⌉ are the test set, the others for training.

    Raises:
        InputError: a fraction outside (0, 1), a side left without a row, or a seed that is none.
    """
    check_count("n", n)
    check_number("test_size", test_size)
    if not 0 < test_size < 1:
        raise InputError(f"test_size: expected a fraction between 0 and 1, got {test_size}")
    tests = math.ceil(test_size * n)
    if not 0 < tests < n:
        raise InputError(f"n: expected a row for each side of test_size={test_size}, got {n} rows")
    check_seed(seed)
    # The legacy generator, since its stream is what scikit-learn draws from, and frozen.
    order = np.random.RandomState(seed).permutation(n).astype(np.int64)
    return order[tests:], order[:tests]


def standardize(x: ArrayLike, *, fit_on: ArrayLike | None = None) -> NDArray[np.float64]:
    """(x - mean) / deviation of each column, as `StandardScaler().fit(fit_on).transform(x)`.

    Args:
        x: (N, D), finite.
        fit_on: (M, D), the rows whose statistics are used, by default x; with tested rows, the leak of document 000.

    Returns:
        (N, D) float64, new. A column that is constant but for rounding is centred, not divided.

    Raises:
        InputError: not a table of numbers, no rows, another number of columns, a value not finite.
    """
    rows = _finite_table("x", x)
    fitted = rows if fit_on is None else _finite_table("fit_on", fit_on)
    if rows.shape[1] != fitted.shape[1]:
        raise InputError(f"fit_on: expected {rows.shape[1]} columns like x, got {fitted.shape[1]}")
    mean, deviation = _mean_and_deviation(fitted)
    return (rows - mean) / deviation


def _finite_table(name: str, x: ArrayLike) -> NDArray[np.float64]:
    try:
        table = np.asarray(x, np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{name}: expected a table of numbers, (N, D), got something else ({error})") from None
    if table.ndim != 2 or not len(table):
        raise InputError(f"{name}: expected shape (N, D) with N > 0, got {table.shape}")
    bad = np.argwhere(~np.isfinite(table))
    if len(bad):
        i, j = bad[0]
        raise InputError(f"{name}[{i}, {j}]: expected a finite number, got {table[i, j]}")
    return table


def _mean_and_deviation(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Column means and population deviations, by the corrected two-pass algorithm.

    A variance within that algorithm's error bound counts as zero, and the deviation is then 1.
    Source: Chan, Golub and LeVeque, The American Statistician 37(3), 242-247, 1983, for both.
    """
    n = np.float64(len(x))
    mean = x.sum(axis=0) / n
    centred = x - mean
    squares = (centred**2).sum(axis=0) - centred.sum(axis=0) ** 2 / n
    variance = squares / n
    constant = variance <= n * EPS * variance + (n * mean * EPS) ** 2
    return mean, np.sqrt(np.where(constant, 1.0, variance))


def flatten_pixels(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, rows, columns) uint8 -> (N, rows·columns) float32, still 0 to 255, as document 001's NumPy network is fed.

    Raises:
        InputError: images of another dtype or number of dimensions.
    """
    check_array("images", images)
    if images.dtype != np.uint8 or images.ndim != 3:
        raise InputError(f"images: expected uint8 (N, rows, columns), got {images.dtype} {images.shape}")
    n, rows, columns = images.shape
    return images.reshape(n, rows * columns).astype(np.float32)


def unit_pixels(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """As `flatten_pixels`, then divided by 255 in float32: documents 001 to 004, and `ToTensor`. Raises as that does.

    Dividing in float64 and then rounding gives the same bits, for each of the 256 grey values.
    """
    pixels = flatten_pixels(images)
    pixels /= np.float32(255)
    return pixels


def normalized_pixels(images: NDArray[np.uint8], mean: float, std: float) -> NDArray[np.float32]:
    """As `unit_pixels`, then (x - mean) / std in float32, as torchvision's `Normalize`.

    Document 001 has mean 0.1307 and std 0.3081, document 000 has 0.5 and 0.5.

    Raises:
        InputError: as `flatten_pixels`; mean or std not finite, std not above 0 in float32.
    """
    check_number("mean", mean)
    check_number("std", std)
    if not np.float32(std) > 0:  # 1e-50 is 0 in float32
        raise InputError(f"std: expected a finite number above 0 in float32, got {std}")
    pixels = unit_pixels(images)
    pixels -= np.float32(mean)
    pixels /= np.float32(std)
    return pixels
