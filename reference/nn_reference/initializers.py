"""How the documents draw their starting weights, PyTorch's and Keras's defaults included, in NumPy alone.

The generator is NumPy's legacy `RandomState`, as in the documents: its streams are frozen. Each initialiser draws
layer by layer, and in a layer the weights before the bias.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.random import RandomState

from nn_reference.arithmetic import Array, Params
from nn_reference.network import Network


@dataclass(frozen=True)
class Initializer:
    """A distribution of starting weights."""

    description: str  # distribution and bounds, for people
    rule: Callable[[RandomState, tuple[int, ...], int, int], Array]  # (generator, shape, fan_in, units) -> weights
    biases: bool = False  # whether `rule` draws the biases too; otherwise they are zeros of the weights' dtype

    def draw(self, network: Network, rng: RandomState) -> Params:
        """Parameters of the network's shapes."""
        params: Params = {}
        for layer, fan_in, (w, b) in zip(network.layers, network.widths[:-1], network.names, strict=True):
            params[w] = self.rule(rng, network.shapes[w], fan_in, layer.units)
            if b is not None:
                zeros = np.zeros(network.shapes[b], params[w].dtype)
                params[b] = self.rule(rng, zeros.shape, fan_in, layer.units) if self.biases else zeros
        return params


def uniform(low: float, high: float) -> Initializer:
    """U[low, high) for weights and biases, as `rand(...)·(high-low) + low`; float64."""
    return Initializer(
        f"U[{low:g}, {high:g})",
        lambda rng, shape, fan_in, units: np.asarray(rng.random_sample(shape) * (high - low) + low),
        biases=True,
    )


def normal(scale: Callable[[Array, int, int], Array], description: str) -> Initializer:
    """scale(z, fan_in, units) of z from N(0, 1) for weights, zero biases; float64.

    The scaling is a function, since dividing by √n and multiplying by 1/√n round differently.
    """
    return Initializer(description, lambda rng, shape, fan_in, units: scale(rng.standard_normal(shape), fan_in, units))


def torch_linear() -> Initializer:
    """PyTorch `Linear`'s default, U(±1/√fan_in) for weights and biases; float32.

    PyTorch's CPU generator is the Mersenne Twister that `RandomState` has, seeded alike, and a float32 uniform takes
    the low 24 bits of one output. So `RandomState(s)` gives the very weights that follow `torch.manual_seed(s)`.
    """

    def rule(rng: RandomState, shape: tuple[int, ...], fan_in: int, _: int) -> Array:
        bits = np.frombuffer(rng.bytes(4 * prod(shape)), "<u4") & np.uint32(0xFFFFFF)
        low, high = (np.float32(sign / np.sqrt(fan_in)) for sign in (-1, 1))
        # PyTorch computes unit·(high-low) + low with one rounding (a fused multiply-add). The exact result has at most
        # 49 bits, so float64 holds it and the cast rounds once.
        exact = bits * 2.0**-24 * np.float64(high - low) + np.float64(low)
        return exact.astype(np.float32).reshape(shape)

    return Initializer("PyTorch Linear: U(-1/√fan_in, 1/√fan_in), biases too", rule, biases=True)


def keras_dense() -> Initializer:
    """Keras `Dense`'s default: Glorot uniform, U(±√(6/(fan_in+fan_out))), zero biases; float32.

    The distribution is Keras's; its random streams are not reproduced.
    """

    def rule(rng: RandomState, shape: tuple[int, ...], fan_in: int, units: int) -> Array:
        limit = np.sqrt(6 / (fan_in + units))
        return rng.uniform(-limit, limit, shape).astype(np.float32)

    return Initializer("Keras Dense: Glorot uniform U(±√(6/(fan_in+fan_out))), zero biases", rule)
