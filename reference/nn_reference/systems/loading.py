"""The documents' data as they feed it: Iris, MNIST and Fashion-MNIST, XOR; each call is cached.

Of the images the last two scalings stay in memory; one is 220 MB.
"""

from collections.abc import Callable
from functools import cache, lru_cache, partial
from typing import Literal

import numpy as np

from nn_reference import datasets, preprocessing
from nn_reference.arithmetic import Array
from nn_reference.preprocessing import one_hot, train_test_split
from nn_reference.systems.base import Data

CLASSES = 10

raw = preprocessing.flatten_pixels
unit = preprocessing.unit_pixels
mnist_normalized = partial(preprocessing.normalized_pixels, mean=0.1307, std=0.3081)
half_normalized = partial(preprocessing.normalized_pixels, mean=0.5, std=0.5)


@cache
def iris(fit_on: Literal["training rows", "all rows"] | None = None, dtype: str = "float64") -> Data:
    """Features (120, 4) and (30, 4), one-hot targets (·, 3); raw, or standardised by the statistics of some rows."""
    x, labels = datasets.load_iris()
    train, test = train_test_split(len(labels), test_size=0.2, seed=42)
    t = one_hot(labels, 3)
    if fit_on is not None:
        x = preprocessing.standardize(x, fit_on=x if fit_on == "all rows" else x[train])
    return Data(x[train], t[train], x[test], t[test]).astype(dtype)


@cache
def xor() -> Data:
    """The truth table, x (4, 2) and t (4, 1), for training and test alike; float64."""
    x, t = datasets.load_xor()
    return Data(x, t, x, t)


@lru_cache(maxsize=2)
def images(name: datasets.ImageSet, scaling: Callable[[Array], Array]) -> Data:
    """x (60000, 784) and (10000, 784), one-hot t (·, 10), all float32."""
    files = datasets.load_images(name)
    return Data(
        scaling(files.train_images),
        one_hot(files.train_labels, CLASSES, dtype=np.float32),
        scaling(files.test_images),
        one_hot(files.test_labels, CLASSES, dtype=np.float32),
    )


@lru_cache(maxsize=2)
def images_split(name: datasets.ImageSet, scaling: Callable[[Array], Array], test_size: float, seed: int) -> Data:
    """As `images`, the 60,000 split by a seed into training and validation rows: (48000, 784) and (12000, 784) for 0.2."""
    data = images(name, scaling)
    train, held = train_test_split(len(data.train_x), test_size=test_size, seed=seed)
    x, t = data.train_x, data.train_t
    return Data(x[train], t[train], data.test_x, data.test_t, x[held], t[held])


@lru_cache(maxsize=1)
def all_images_split(name: datasets.ImageSet, scaling: Callable[[Array], Array], test_size: float, seed: int) -> Data:
    """All 70,000 images in file order, the test images last, split by a seed: (59500, 784) and (10500, 784) for 0.15."""
    data = images(name, scaling)
    x, t = np.concatenate([data.train_x, data.test_x]), np.concatenate([data.train_t, data.test_t])
    train, held = train_test_split(len(x), test_size=test_size, seed=seed)
    return Data(x[train], t[train], x[held], t[held])
