"""Document 003: XOR, 2-3-1, in order (chapter 1-1), and MNIST by tanh networks (chapter 1-2), one sample at a time.

An epoch of the tanh networks shuffles the index array in place and takes the first 256 (or 512), updating after every one.
"""

from functools import partial

from nn_reference.activations import SIGMOID, TANH, Activation
from nn_reference.initializers import uniform
from nn_reference.losses import SquaredError
from nn_reference.network import Dense, Network
from nn_reference.optimizers import SGD
from nn_reference.systems import loading
from nn_reference.systems.base import Recipe, System, documented


def _xor(name: str, activation: Activation) -> System:
    return documented(
        "003",
        name,
        network=Network(2, (Dense(3, activation), Dense(1, activation)), SquaredError("elements")),
        initializer=uniform(-0.5, 0.5),
        load=loading.xor,
        recipe=Recipe(SGD(learning_rate=0.1), epochs=1000, batch_size=1),
    )


def _mnist(name: str, *hidden: int, samples: int = 256, learning_rate: float = 0.1) -> System:
    return documented(
        "003",
        name,
        network=Network(784, tuple(Dense(units, TANH) for units in (*hidden, 10)), SquaredError("elements")),
        initializer=uniform(-0.5, 0.5),
        load=partial(loading.images, "mnist", loading.unit),
        recipe=Recipe(SGD(learning_rate), epochs=500, batch_size=1, shuffle=True, samples_per_epoch=samples),
    )


SYSTEMS = (
    _xor("xor-sigmoid", SIGMOID),
    _xor("xor-tanh", TANH),
    _mnist("mnist-tanh", 100, 50),
    _mnist("mnist-tanh-deeper", 100, 50, 100),
    _mnist("mnist-tanh-512", 100, 50, samples=512),
    _mnist("mnist-tanh-lr025", 100, 50, learning_rate=0.25),
)
