"""MNIST and Fashion-MNIST as the documents feed them.

The last two scalings stay in memory; one is 220 MB.
"""

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np

from nn_reference import datasets
from nn_reference.arithmetic import Array
from nn_reference.preprocessing import (
    flatten_pixels,
    normalized_pixels,
    one_hot,
    train_test_split,
    unit_pixels,
)
from nn_reference.systems.base import Data

CLASSES = 10

raw = flatten_pixels
unit = unit_pixels
mnist_normalized = partial(normalized_pixels, mean=0.1307, std=0.3081)
half_normalized = partial(normalized_pixels, mean=0.5, std=0.5)


@lru_cache(maxsize=2)
def load(name: datasets.ImageSet, scaling: Callable[[Array], Array]) -> Data:
    """x (60000, 784) and (10000, 784), one-hot t (·, 10), all float32."""
    images = datasets.load_images(name)
    return Data(
        scaling(images.train_images),
        one_hot(images.train_labels, CLASSES, dtype=np.float32),
        scaling(images.test_images),
        one_hot(images.test_labels, CLASSES, dtype=np.float32),
    )


@lru_cache(maxsize=2)
def load_split(name: datasets.ImageSet, scaling: Callable[[Array], Array], test_size: float, seed: int) -> Data:
    """As `load`, the 60,000 split by a seed into training and validation rows: (48000, 784) and (12000, 784) for 0.2."""
    data = load(name, scaling)
    train, held = train_test_split(len(data.train_x), test_size=test_size, seed=seed)
    x, t = data.train_x, data.train_t
    return Data(x[train], t[train], data.test_x, data.test_t, x[held], t[held])


@lru_cache(maxsize=1)
def load_all_split(name: datasets.ImageSet, scaling: Callable[[Array], Array], test_size: float, seed: int) -> Data:
    """All 70,000 images in file order, the test images last, split by a seed: (59500, 784) and (10500, 784) for 0.15."""
    data = load(name, scaling)
    x, t = np.concatenate([data.train_x, data.test_x]), np.concatenate([data.train_t, data.test_t])
    train, held = train_test_split(len(x), test_size=test_size, seed=seed)
    return Data(x[train], t[train], x[held], t[held])
