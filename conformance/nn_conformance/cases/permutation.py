"""The same function with the units of its hidden layers in another order."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.random import RandomState

from nn_reference.arithmetic import Array, Params


def unit_orders(network: Any, rng: RandomState) -> list[Array]:
    """An order of the inputs and of each layer's units, drawn for hidden layers; a skip connection keeps that of its input.

    Args:
        network: as the format or the reference has it.
        rng: what the orders are drawn from.
    """
    orders = [np.arange(network.inputs)]
    for layer in network.layers[:-1]:
        orders.append(orders[-1] if layer.skip else rng.permutation(layer.units))
    return [*orders, np.arange(network.layers[-1].units)]


def permuted(network: Any, params: Mapping[str, Array], orders: Sequence[Array]) -> Params:
    """Parameters, or gradients of parameters, with inputs and units in these orders; others are left as they are."""
    found = dict(params)
    for k, layer in enumerate(network.layers, 1):
        below, own, weights = orders[k - 1], orders[k], params[f"W{k}"]
        if layer.vector:
            found[f"W{k}"] = weights[below]
            continue
        found[f"W{k}"] = weights[own][:, below] if layer.layout == "out,in" else weights[below][:, own]
        if layer.bias:
            found[f"b{k}"] = params[f"b{k}"][own]
    return found
