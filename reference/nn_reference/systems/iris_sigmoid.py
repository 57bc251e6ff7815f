"""`iris-sigmoid`: 4-5-3, sigmoid, no biases, full batch, raw features (document 000, task 1)."""

from dataclasses import replace
from functools import cache

from nn_reference import datasets
from nn_reference.activations import SIGMOID
from nn_reference.initializers import uniform
from nn_reference.losses import SquaredError
from nn_reference.network import Dense, Network
from nn_reference.optimizers import SGD
from nn_reference.preprocessing import one_hot, standardize, train_test_split
from nn_reference.systems.base import Data, Defect, Figure, Recipe, System

TEST_SIZE, SPLIT_SEED = 0.2, 42


@cache
def load() -> Data:
    """Raw features (120, 4) and (30, 4), one-hot targets (·, 3); float64."""
    iris = datasets.load_iris()
    train, test = train_test_split(len(iris.labels), test_size=TEST_SIZE, seed=SPLIT_SEED)
    t = one_hot(iris.labels, 3)
    return Data(iris.features[train], t[train], iris.features[test], t[test])


@cache
def load_standardized() -> Data:
    """As `load`, with features standardised by the training rows' mean and deviation."""
    raw = load()
    train_x, test_x = (standardize(x, fit_on=raw.train_x) for x in (raw.train_x, raw.test_x))
    return Data(train_x, raw.train_t, test_x, raw.test_t)


DOCUMENTED = System(
    name="iris-sigmoid",
    title="Iris, 4-5-3, sigmoid, no biases, full batch",
    document="000",
    network=Network(
        inputs=4,
        layers=(Dense(5, SIGMOID, bias=False), Dense(3, SIGMOID, bias=False)),
        # The document prints no loss; its update is the gradient of this one.
        loss=SquaredError("sum", half=True),
    ),
    initializer=uniform(0, 1),
    load=load,
    preprocessing="raw features; the first 30 rows of RandomState(42).permutation(150) are the test set",
    recipe=Recipe(SGD(learning_rate=0.1), epochs=10_000),
    precision="float64",
    seed=42,
    figures=(Figure("test_accuracy", "0.63", 10_000, "In[50]; 19 of 30"),),
    defects=(
        Defect(
            what="raw features, and gradients summed over 120 rows at learning rate 0.1",
            effect="saturated units and a chaotic run: permuting the training rows alone moves the test accuracy",
            mend="features standardised with the training rows' statistics",
        ),
    ),
)

SYSTEMS = (
    DOCUMENTED,
    replace(
        DOCUMENTED,
        version="corrected",
        load=load_standardized,
        preprocessing="features standardised with the training rows' statistics; split as documented",
    ),
)
