"""How the documents draw their starting weights, PyTorch's and Keras's defaults included, in NumPy alone.

The generator is NumPy's legacy `RandomState`, as in the documents: its streams are frozen. Each initialiser says
in which order it draws: layer by layer, and in a layer the weights before the bias.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import RandomState

from nn_reference.arithmetic import Array, Params
from nn_reference.network import Network


@dataclass(frozen=True)
class Initializer:
    """A distribution of starting weights.

    Attributes:
        description: distribution and bounds, for people.
        draw: (network, generator) -> parameters of the network's shapes.
    """

    description: str
    draw: Callable[[Network, RandomState], Params]


def uniform(low: float, high: float) -> Initializer:
    """U[low, high) for weights and biases, as `rand(...)·(high-low) + low`; float64."""

    def draw(network: Network, rng: RandomState) -> Params:
        # random_sample(()) is a Python float; asarray keeps 0-d parameters arrays.
        return {
            name: np.asarray(rng.random_sample(shape) * (high - low) + low) for name, shape in network.shapes.items()
        }

    return Initializer(f"U[{low:g}, {high:g})", draw)


def normal(scale: Callable[[Array, int, int], Array], description: str) -> Initializer:
    """scale(z, fan_in, units) of z from N(0, 1) for weights, zero biases; float64.

    The scaling is a function, since dividing by √n and multiplying by 1/√n round differently.
    """
    return _by_layer(description, lambda rng, shape, fan_in, units: scale(rng.standard_normal(shape), fan_in, units))


def torch_linear() -> Initializer:
    """PyTorch `Linear`'s default, U(±1/√fan_in) for weights and biases; float32.

    PyTorch's CPU generator is the Mersenne Twister that `RandomState` has, seeded alike, and a float32 uniform takes
    the low 24 bits of one output. So `RandomState(s)` gives the very weights that follow `torch.manual_seed(s)`.
    """
    return _by_layer("PyTorch Linear: U(-1/√fan_in, 1/√fan_in), biases too", _torch_uniform, draws_biases=True)


def keras_dense() -> Initializer:
    """Keras `Dense`'s default: Glorot uniform, U(±√(6/(fan_in+fan_out))), zero biases; float32.

    The distribution is Keras's; its random streams are not reproduced.
    """

    def weights(rng: RandomState, shape: tuple[int, ...], fan_in: int, units: int) -> Array:
        limit = np.sqrt(6 / (fan_in + units))
        return rng.uniform(-limit, limit, shape).astype(np.float32)

    return _by_layer("Keras Dense: Glorot uniform U(±√(6/(fan_in+fan_out))), zero biases", weights)


def _by_layer(
    description: str, rule: Callable[[RandomState, tuple[int, ...], int, int], Array], *, draws_biases: bool = False
) -> Initializer:
    """rule(generator, shape, fan_in, units) for the weights, layer by layer; for the biases too, or zeros of that dtype."""

    def draw(network: Network, rng: RandomState) -> Params:
        params: Params = {}
        for layer, fan_in, (w, b) in zip(network.layers, network.widths[:-1], network.names, strict=True):
            params[w] = rule(rng, network.shapes[w], fan_in, layer.units)
            if b is not None:
                zeros = np.zeros(network.shapes[b], params[w].dtype)
                params[b] = rule(rng, zeros.shape, fan_in, layer.units) if draws_biases else zeros
        return params

    return Initializer(description, draw)


def _torch_uniform(rng: RandomState, shape: tuple[int, ...], fan_in: int, _: int) -> Array:
    size, bound = int(np.prod(shape)), 1 / np.sqrt(fan_in)
    bits = np.frombuffer(rng.bytes(4 * size), "<u4") & np.uint32(0xFFFFFF)
    low, high = np.float32(-bound), np.float32(bound)
    # PyTorch computes unit·(high-low) + low with one rounding (a fused multiply-add). The exact result has at most
    # 49 bits, so float64 holds it and the cast rounds once.
    exact = bits * 2.0**-24 * np.float64(high - low) + np.float64(low)
    return exact.astype(np.float32).reshape(shape)
