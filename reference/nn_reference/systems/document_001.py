"""Document 001: `mnist-sigmoid-numpy`, `-torch`, `-keras`, 784-128-64-10 three times over, each with its own defect."""

from dataclasses import replace
from functools import partial
from math import sqrt

from nn_reference.activations import SIGMOID, SIGMOID_QUOTIENT, SOFTMAX, Activation, Softmax
from nn_reference.initializers import keras_dense, normal, torch_linear
from nn_reference.losses import BinaryCrossEntropy, SquaredError
from nn_reference.network import Dense, Network
from nn_reference.optimizers import SGD
from nn_reference.systems import loading
from nn_reference.systems.base import Recipe, documented, version_of


def _numpy_network(hidden: Activation, output: Activation) -> Network:
    layers = tuple(
        Dense(units, activation, bias=False, layout="out,in")
        for units, activation in ((128, hidden), (64, hidden), (10, output))
    )
    return Network(784, layers, SquaredError("elements"))


NUMPY = documented(
    "001",
    "mnist-sigmoid-numpy",
    # `update 2(ŷ-y)/10 · s(1-s)`: mean squared error through the diagonal of the softmax Jacobian.
    network=_numpy_network(SIGMOID_QUOTIENT, Softmax(derivative="diagonal")),
    initializer=normal(lambda z, fan_in, units: z * sqrt(1 / units), "N(0, 1)·√(1/units)"),
    load=partial(loading.images, "mnist", loading.raw),
    recipe=Recipe(SGD(learning_rate=0.001), epochs=10, batch_size=1),
)
IN_3 = version_of(
    NUMPY,
    "in-3",
    load=partial(loading.all_images_split, "mnist", loading.unit, 0.15, 42),
    defects=NUMPY.defects[1:],  # all but the raw pixels
)

TORCH_HIDDEN = (Dense(128, SIGMOID, layout="out,in"), Dense(64, SIGMOID, layout="out,in"))
TORCH = documented(
    "001",
    "mnist-sigmoid-torch",
    network=Network(784, (*TORCH_HIDDEN, Dense(10, SOFTMAX, layout="out,in")), BinaryCrossEntropy(from_logits=True)),
    initializer=torch_linear(),
    load=partial(loading.images, "mnist", loading.mnist_normalized),
    recipe=Recipe(SGD(learning_rate=0.001), epochs=10, batch_size=1),
)

KERAS = documented(
    "001",
    "mnist-sigmoid-keras",
    network=Network(784, (Dense(128, SIGMOID), Dense(64, SIGMOID), Dense(10)), BinaryCrossEntropy()),
    initializer=keras_dense(),
    load=partial(loading.images, "mnist", loading.unit),
    recipe=Recipe(SGD(learning_rate=0.01), epochs=10, batch_size=32, shuffle=True),
)

SYSTEMS = (
    NUMPY,
    version_of(
        NUMPY,
        "corrected",
        network=_numpy_network(SIGMOID, SOFTMAX),
        load=partial(loading.images, "mnist", loading.unit),
        recipe=replace(NUMPY.recipe, optimizer=SGD(learning_rate=0.1)),
    ),
    TORCH,
    version_of(TORCH, "corrected", network=replace(TORCH.network, layers=(*TORCH_HIDDEN, Dense(10, layout="out,in")))),
    KERAS,
    version_of(KERAS, "corrected", network=replace(KERAS.network, loss=BinaryCrossEntropy(from_logits=True))),
)
