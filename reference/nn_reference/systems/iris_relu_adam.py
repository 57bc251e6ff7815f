"""`iris-relu-adam`: 4-10-3, ReLU, Adam, full batch (document 000, task 1, in PyTorch)."""

from dataclasses import replace
from functools import cache

import numpy as np

from nn_reference import datasets
from nn_reference.activations import RELU
from nn_reference.initializers import torch_linear
from nn_reference.losses import CrossEntropy
from nn_reference.network import Dense, Network
from nn_reference.optimizers import Adam
from nn_reference.preprocessing import one_hot, standardize, train_test_split
from nn_reference.systems.base import Data, Defect, Figure, Recipe, System
from nn_reference.systems.iris_sigmoid import SPLIT_SEED, TEST_SIZE
from nn_reference.weights import load_params

SEED = 42


@cache
def load() -> Data:
    """Features standardised on all 150 rows, (120, 4) and (30, 4), one-hot targets (·, 3); float32."""
    iris = datasets.load_iris()
    return _split(standardize(iris.features))


@cache
def load_without_leak() -> Data:
    """As `load`, standardised on the 120 training rows only."""
    iris = datasets.load_iris()
    train, _ = train_test_split(len(iris.labels), test_size=TEST_SIZE, seed=SPLIT_SEED)
    return _split(standardize(iris.features, fit_on=iris.features[train]))


def _split(features: np.ndarray) -> Data:
    labels = datasets.load_iris().labels
    train, test = train_test_split(len(labels), test_size=TEST_SIZE, seed=SPLIT_SEED)
    x, t = features.astype(np.float32), one_hot(labels, 3, dtype=np.float32)
    return Data(x[train], t[train], x[test], t[test])


DOCUMENTED = System(
    name="iris-relu-adam",
    title="Iris, 4-10-3, ReLU, Adam, full batch",
    document="000",
    network=Network(
        inputs=4,
        layers=(Dense(10, RELU, layout="out,in"), Dense(3, layout="out,in")),
        loss=CrossEntropy(from_logits=True),
    ),
    initializer=torch_linear(),
    load=load,
    preprocessing="features standardised on all 150 rows in float64, then float32; split as iris-sigmoid",
    recipe=Recipe(Adam(learning_rate=0.01), epochs=100),
    precision="float32",
    seed=SEED,
    start_note="seed 42 presumed: the cell ran before any visible seeding; shipped as data",
    shipped_start=lambda: load_params("iris-relu-adam"),
    figures=(Figure("test_accuracy_percent", "96.67", 100, "In[4]; 29 of 30"),),
    defects=(
        Defect(
            what="the scaler is fitted on all 150 rows, before the split",
            effect="the test rows' statistics leak into training",
            mend="scaler fitted on the training rows",
        ),
    ),
)

SYSTEMS = (
    DOCUMENTED,
    replace(
        DOCUMENTED,
        version="corrected",
        load=load_without_leak,
        preprocessing="features standardised on the training rows in float64, then float32; split as iris-sigmoid",
    ),
)
