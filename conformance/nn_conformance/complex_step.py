"""The gradient of every parameter by complex step, from the forward pass alone.

f(θ + ih) = f(θ) + ih·f′(θ) + O(h²): with h = 1e-200 the imaginary part over h is the derivative to the last bits,
with no subtraction. Perturbing W[i, j] moves only column j of its layer's z, by ih·a[:, i], so for each unit j all
rows i are one array, and what lies above is reached by one outer product and one pass of the layers above.

Legend: N samples, P perturbed copies (the rows of a weight matrix, and its bias), H units of a layer.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from nn_reference.arithmetic import Array, Params
from nn_reference.network import Network, forward, loss_of_preactivation

STEP = 1e-200

Functional: TypeAlias = Callable[[Array], Any]


def loss_gradients(network: Network, params: Params, x: Array, t: Array) -> Params:
    """dL/dθ for every parameter, by complex step; arguments as for `loss_and_gradients`, in float64.

    Raises:
        InputError: as `forward` does.
    """
    return functional_gradients(network, params, x, lambda z: loss_of_preactivation(network, z, t))


def functional_gradients(network: Network, params: Params, x: Array, functional: Functional) -> Params:
    """The gradient of any function of the last layer's z.

    Args:
        network: the declaration; its loss is not used.
        params: float64 arrays of the network's shapes.
        x: (N, D), float64 or narrower.
        functional: complex z of shape (P, N, C), or (P, N) for a vector layer, to P complex values.

    Returns:
        One array for each parameter, of its shape.
    """
    above = _Above(network, params, x, functional)
    gradients: Params = {}
    for k, (weights, bias) in enumerate(network.names):
        below = (above.outputs[k - 1].a if k else x).T  # (fan_in, N)
        rows = below if bias is None else np.vstack([below, np.ones((1, below.shape[1]))])
        # Rows that are alike, as a pixel that is blank in all N images, perturb alike: each is computed once.
        distinct, where = np.unique(rows, axis=0, return_inverse=True)
        units = network.layers[k].units
        d = np.stack([above.derivatives(k, unit, distinct) for unit in range(units)], axis=1)[where]  # (P, units)
        if bias is not None:
            d, gradients[bias] = d[:-1], d[-1].reshape(network.shapes[bias])
        oriented = d.T if network.layers[k].layout == "out,in" else d
        gradients[weights] = oriented.reshape(network.shapes[weights])
    return {name: gradients[name] for name in network.shapes}


class _Above:
    """What the layers above a perturbed unit make of it."""

    def __init__(self, network: Network, params: Params, x: Array, functional: Functional) -> None:
        self.layers = network.layers
        self.outputs = forward(network, params, x)
        self.functional = functional
        # Complex once, or every product would convert them again.
        self.weights = [params[w].astype(np.complex128) for w, _ in network.names]
        self.biases = [None if b is None else params[b] for _, b in network.names]

    def derivatives(self, k: int, unit: int, rows: Array) -> Array:
        """d functional / d (each row's weight into `unit` of layer k), (P,), for rows (P, N)."""
        layer, (z, a) = self.layers[k], self.outputs[k]
        tangents = 1j * STEP * rows
        if k + 1 < len(self.layers) and layer.activation.elementwise:
            moved = layer.activation.forward(z[:, unit] + tangents) - a[:, unit]  # (P, N)
            value = self._functional_from(k + 1, self._push(k + 1, unit, moved))
        elif layer.vector:
            value = self._functional_from(k, z + tangents)
        else:
            perturbed = np.repeat(z[None].astype(np.complex128), len(rows), axis=0)  # (P, N, H)
            perturbed[..., unit] += tangents
            value = self._functional_from(k, perturbed)
        return np.asarray(value.imag / STEP)

    def _push(self, k: int, unit: int, moved: Array) -> Array:
        """z of layer k, (P, N, H) or (P, N), when one unit below has moved."""
        layer, z, weights = self.layers[k], self.outputs[k].z, self.weights[k]
        if layer.vector:
            return z + moved * weights[unit]
        row = weights[:, unit] if layer.layout == "out,in" else weights[unit]
        return z + moved[..., None] * row

    def _functional_from(self, k: int, z: Array) -> Any:
        for layer, above in zip(self.layers[k:-1], range(k + 1, len(self.layers)), strict=True):
            z = self.layers[above].forward(layer.activation.forward(z), self.weights[above], self.biases[above])
        return self.functional(z)
