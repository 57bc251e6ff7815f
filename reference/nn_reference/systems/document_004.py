"""Document 004: `mnist-relu` and `mnist-relu-torch`, 784-300-10, batches of eight in file order."""

from dataclasses import replace
from functools import partial
from math import sqrt

from nn_reference.activations import RELU, SOFTMAX, Softmax
from nn_reference.initializers import normal, torch_linear
from nn_reference.losses import CrossEntropy
from nn_reference.network import Dense, Network
from nn_reference.optimizers import SGD
from nn_reference.systems import loading
from nn_reference.systems.base import Recipe, documented, version_of

LOAD = partial(loading.images, "mnist", loading.unit)
RECIPE = Recipe(SGD(learning_rate=0.1), epochs=20, batch_size=8)

NUMPY = documented(
    "004",
    "mnist-relu",
    network=Network(784, (Dense(300, RELU), Dense(10, SOFTMAX)), CrossEntropy()),
    initializer=normal(lambda z, fan_in, units: z / sqrt(fan_in), "N(0, 1)/√fan_in, zero biases"),
    load=LOAD,
    recipe=RECIPE,
)

TORCH_HIDDEN = Dense(300, RELU, layout="out,in")
TORCH = documented(
    "004",
    "mnist-relu-torch",
    network=Network(784, (TORCH_HIDDEN, Dense(10, Softmax(axis=-2), layout="out,in")), CrossEntropy(from_logits=True)),
    initializer=torch_linear(),
    load=LOAD,
    recipe=RECIPE,
)

SYSTEMS = (
    NUMPY,
    TORCH,
    version_of(TORCH, "corrected", network=replace(TORCH.network, layers=(TORCH_HIDDEN, Dense(10, layout="out,in")))),
)
