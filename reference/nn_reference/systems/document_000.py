"""Document 000: `iris-sigmoid` and `iris-relu-adam` (task 1), and `fashion-pruning` (task 3)."""

from dataclasses import replace
from functools import partial

from nn_reference.activations import RELU, SIGMOID
from nn_reference.initializers import torch_linear, uniform
from nn_reference.losses import CrossEntropy, SquaredError
from nn_reference.network import Dense, Network
from nn_reference.optimizers import SGD, Adam
from nn_reference.start_weights import load_params
from nn_reference.systems import loading
from nn_reference.systems.base import Pruning, Recipe, documented, version_of

IRIS_SIGMOID = documented(
    "000",
    "iris-sigmoid",
    # The document prints no loss; its update is the gradient of this one.
    network=Network(4, (Dense(5, SIGMOID, bias=False), Dense(3, SIGMOID, bias=False)), SquaredError("sum", half=True)),
    initializer=uniform(0, 1),
    load=loading.iris,
    recipe=Recipe(SGD(learning_rate=0.1), epochs=10_000),
)

IRIS_RELU_ADAM = documented(
    "000",
    "iris-relu-adam",
    network=Network(4, (Dense(10, RELU, layout="out,in"), Dense(3, layout="out,in")), CrossEntropy(from_logits=True)),
    initializer=torch_linear(),
    load=partial(loading.iris, "all rows", "float32"),
    recipe=Recipe(Adam(learning_rate=0.01), epochs=100),
    shipped_start=partial(load_params, "iris-relu-adam"),
)

FASHION_LAYERS = (Dense(256, RELU, layout="out,in"), Dense(128, RELU, layout="out,in"), Dense(10, layout="out,in"))
PRUNING = Pruning(threshold=0.05, fine_tune_epochs=5, biases=True, keep_mask=False)
FASHION_PRUNING = documented(
    "000",
    "fashion-pruning",
    network=Network(784, FASHION_LAYERS, CrossEntropy(from_logits=True)),
    initializer=torch_linear(),
    load=partial(loading.images, "fashion-mnist", loading.half_normalized),
    recipe=Recipe(Adam(learning_rate=0.001), epochs=10, batch_size=32, shuffle=True, pruning=PRUNING),
)

SYSTEMS = (
    IRIS_SIGMOID,
    version_of(IRIS_SIGMOID, "corrected", load=partial(loading.iris, "training rows")),
    IRIS_RELU_ADAM,
    version_of(IRIS_RELU_ADAM, "corrected", load=partial(loading.iris, "training rows", "float32")),
    FASHION_PRUNING,
    version_of(
        FASHION_PRUNING,
        "corrected",
        recipe=replace(FASHION_PRUNING.recipe, pruning=replace(PRUNING, biases=False, keep_mask=True)),
    ),
)
