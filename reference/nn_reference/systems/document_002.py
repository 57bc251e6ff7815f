"""Document 002: `homework`, one seeded evaluation of 2-3-1 (part 1), and `mnist-dense-keras`, 784-128-64-10 (part 2).

The homework's output layer is a vector: W2 is (3,), b2 a scalar, the output (N,). Its weights, inputs and labels come from
one generator, in this order: randn(3,2), zeros(3), randn(3), 0, rand(1000,2), randint(0,2,(1000,)).
"""

from dataclasses import replace
from functools import cache, partial

import numpy as np
from numpy.random import RandomState

from nn_reference.activations import RELU, SIGMOID, SOFTMAX
from nn_reference.initializers import keras_dense, normal
from nn_reference.losses import CrossEntropy, SquaredError
from nn_reference.network import Dense, Network
from nn_reference.optimizers import SGD, Adam
from nn_reference.systems import loading
from nn_reference.systems.base import Data, Recipe, documented, version_of

HOMEWORK_LAYERS = (Dense(3, SIGMOID, layout="out,in"), Dense(1, SIGMOID, layout="out,in", vector=True))
HOMEWORK_NETWORK = Network(2, HOMEWORK_LAYERS, SquaredError("samples", half=True))
HOMEWORK_START = normal(lambda z, fan_in, units: z, "N(0, 1), zero biases")


@cache
def _homework_data() -> Data:
    """x (1000, 2) from U[0, 1) and t (1000,) of 0 and 1, drawn after the weights; there is no test set."""
    rng = RandomState(0)
    HOMEWORK_START.draw(HOMEWORK_NETWORK, rng)
    x = rng.random_sample((1000, 2))
    t = rng.randint(low=0, high=2, size=(1000,)).astype(np.float64)
    return Data(x, t, x, t)


HOMEWORK = documented(
    "002",
    "homework",
    network=HOMEWORK_NETWORK,
    initializer=HOMEWORK_START,
    load=_homework_data,
    recipe=Recipe(SGD(learning_rate=0.0), epochs=0),
)

KERAS_LAYERS = (Dense(128), Dense(64, RELU), Dense(10, SOFTMAX))
KERAS = documented(
    "002",
    "mnist-dense-keras",
    network=Network(784, KERAS_LAYERS, CrossEntropy()),
    initializer=keras_dense(),
    load=partial(loading.images_split, "mnist", loading.unit, 0.2, 42),
    recipe=Recipe(Adam(learning_rate=0.001, epsilon=1e-7, placement="keras"), epochs=10, batch_size=128, shuffle=True),
)
AS_RUN = version_of(KERAS, "as-run", network=replace(KERAS.network, layers=(Dense(128, RELU), *KERAS_LAYERS[1:])))
AS_RUN = replace(AS_RUN, remarks=(*AS_RUN.remarks, *KERAS.remarks[1:]))

SYSTEMS = (
    HOMEWORK,
    KERAS,
    # The same network as AS_RUN. Its certified cases carry this id; nothing of the document's is mended in it.
    version_of(AS_RUN, "corrected"),
)
