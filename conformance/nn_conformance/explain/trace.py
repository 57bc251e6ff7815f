"""The forward pass of a chain of dense layers, each of whose rules can be another one, as plain matrices.

Legend: N samples, units[k] outputs of layer k (units[0] inputs). Whatever the description's layout, W[k] is here
(units[k-1], units[k]), b[k] (units[k],), z[k], a[k] (N, units[k]) and t (N, C); a[0] is x. Entry 0 of W, b and z is empty.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import msgspec
import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import build_network
from nn_conformance.explain import forwards
from nn_conformance.judge.limits import penalty_slope
from nn_reference.arithmetic import Array, Params
from nn_reference.network import Network


class Change(NamedTuple):
    """A rule of the forward pass that is another one; layer 0 means all layers, or none in particular."""

    slot: str
    layer: int
    name: str


@dataclass(frozen=True, eq=False)
class Case:
    """Arguments of one call, in the description's layout.

    Attributes:
        rate: the learning rate of the update that the gradients were recovered from; 0 if they were not.
        label: what is special about it, in a word.
        group: cases of one group have the same sizes.
    """

    network: fmt.Network
    params: Params
    x: Array
    t: Array
    rate: float = 0.0
    label: str = ""
    group: str = ""

    @cached_property
    def net(self) -> Network:
        """The reference's network without its penalty, which is taken off every answer before anything is compared."""
        return build_network(msgspec.structs.replace(self.network, penalty=None))

    @cached_property
    def penalty(self) -> float:
        """What the described penalty adds to the loss."""
        built = build_network(self.network).penalty
        wide = {name: np.asarray(p, np.float64) for name, p in self.params.items()}
        return 0.0 if built is None else float(built.value(wide, len(self.x)))

    def slope(self, name: str) -> float:
        """What the described penalty multiplies a parameter by in its gradient."""
        penalty = self.network.penalty
        taken = penalty is not None and (penalty.biases or name[0] == "W")
        return penalty_slope(penalty, len(self.x)) if penalty is not None and taken else 0.0


@dataclass(eq=False)
class Trace:
    """What the forward pass computes on a case; `answer` has the target's own gradients, as matrices."""

    case: Case
    net: Network
    W: list[Array]
    b: list[Array | None]
    z: list[Array]
    a: list[Array]
    t: Array
    answer: Mapping[str, Array] = field(default_factory=dict)
    reshaped: bool = False
    dropped: tuple[str, ...] = ()  # names of changes of the data
    epsilon: float = 0.0  # beside p in the logarithm and its derivative
    rules: dict[Any, Any] = field(default_factory=dict)  # of each step, made once

    @property
    def last(self) -> int:
        """The number of layers."""
        return len(self.net.layers)

    @property
    def y(self) -> Array:
        """The outputs, (N, C)."""
        return self.a[-1]

    @property
    def samples(self) -> int:
        """N of the case, however many rows the forward pass has used."""
        return len(self.case.x)

    def kind(self, k: int) -> str:
        """The activation of layer k by name."""
        return self.net.layers[k - 1].activation.name

    def through(self, k: int, g: Array) -> Array:
        """g (…, N, units) back through the activation of layer k by its right rule."""
        return self.net.layers[k - 1].activation.backward(self.z[k], self.a[k], g)


def matrix(network: fmt.Network, name: str, a: Array) -> Array:
    """A parameter or its gradient as (inputs, units) or (units,), in float64.

    Raises:
        ValueError: an array of another shape.
    """
    layer = network.layers[int(name[1:]) - 1]
    a = np.asarray(a, np.float64)
    if name[0] == "b":
        return a.reshape(layer.units)
    inputs = network.layers[int(name[1:]) - 2].units if name != "W1" else network.inputs
    if layer.vector:
        return a.reshape(inputs, 1)
    return a.T if layer.layout == "out,in" else a


def described(network: fmt.Network, name: str, a: Array) -> Array:
    """The inverse of `matrix`."""
    layer = network.layers[int(name[1:]) - 1]
    if name[0] == "b":
        return a.reshape(()) if layer.vector else a
    return a[:, 0] if layer.vector else a.T if layer.layout == "out,in" else a


def names(network: fmt.Network) -> list[str]:
    """Names of all parameters, from the outputs to the inputs."""
    last = len(network.layers)
    return [f"{p}{k}" for k in range(last, 0, -1) for p in "Wb" if p == "W" or network.layers[k - 1].bias]


def trace(case: Case, changes: tuple[Change, ...] = (), answer: Mapping[str, Array] | None = None) -> Trace:
    """The forward pass with some rules changed.

    Raises:
        ValueError: a change that does not fit the network or the sizes (NumPy's and the reference's errors are of this kind).
    """
    net, params, x, t = case.net, dict(case.params), case.x, case.t
    reshaped, epsilon = False, 0.0
    for change in changes:
        if change.slot == "data":
            params, x, t = forwards.DATA[change.name].rule(params, x, t)
            reshaped |= change.name == "weights-reshaped"
        elif change.slot == "a":
            net = _activated(net, change)
        elif change.slot == "epsilon":
            epsilon = float(change.name)
        elif change.slot == "loss":
            net = replace(net, loss=forwards.LOSSES[change.name].rule(net))
    x, t = np.asarray(x, np.float64), np.asarray(t, np.float64)
    t = t[:, None] if t.ndim == 1 else t
    weights: list[Array] = [np.empty(0)]
    biases: list[Array | None] = [None]
    z, a = [x[:0]], [x]
    for k, layer in enumerate(net.layers, 1):
        weights.append(matrix(case.network, f"W{k}", params[f"W{k}"]))
        biases.append(matrix(case.network, f"b{k}", params[f"b{k}"]) if layer.bias else None)
        pre = a[-1] @ weights[k]
        if biases[k] is not None:
            pre = pre + biases[k]
        for change in changes:
            if change.slot == "z" and change.layer in (0, k):
                pre = forwards.PREACTIVATIONS[change.name].rule(pre, biases[k])
        z.append(pre)
        a.append(layer.activation.forward(pre))
    return Trace(
        case,
        net,
        weights,
        biases,
        z,
        a,
        t,
        answer or {},
        reshaped,
        tuple(c.name for c in changes if c.slot == "data"),
        epsilon=epsilon,
    )


def _activated(net: Network, change: Change) -> Network:
    last = len(net.layers)
    rule = forwards.ACTIVATIONS[change.name].rule
    chosen = range(1, last) if change.layer == 0 else (change.layer,)
    layers = [
        replace(layer, activation=rule(layer.activation), vector=False) if k in chosen else layer
        for k, layer in enumerate(net.layers, 1)
    ]
    return replace(net, layers=tuple(layers))
