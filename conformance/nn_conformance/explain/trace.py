"""The forward pass of a chain of dense layers, each of whose rules can be another one, as plain matrices.

Legend: N samples, units[k] outputs of layer k (units[0] inputs). Whatever the description's layout, W[k] is here
(units[k-1], units[k]), b[k] (units[k],), z[k], a[k] (N, units[k]) and t (N, C); a[0] is x. Entry 0 of W, b and z is empty.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, NamedTuple, TypeVar

import msgspec
import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import build_network
from nn_conformance.explain import forward_constants as fc
from nn_conformance.explain import forward_rules as fr
from nn_conformance.judge.limits import penalty_slope
from nn_reference.activations import Activation
from nn_reference.arithmetic import Array, Params
from nn_reference.network import Network


class Change(NamedTuple):
    """A rule of the forward pass that is another one; layer 0 means all layers, or none in particular."""

    slot: str
    layer: int
    name: str

    @property
    def fewer(self) -> bool:
        """Whether it uses fewer rows than a case has."""
        return self.slot == "data" and self.name in fr.ROWS


AFTER = "after"  # a bias that is added to the activation, and not to z
Changes = tuple[Change, ...]
Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class Case:
    """Arguments of one call, in the description's layout.

    Attributes:
        rate: the learning rate of the update that the gradients were recovered from; 0 if they were not.
        label: what is special about it, in a word.
        before: the case of the call before, of the same sizes, where one counts.
    """

    network: fmt.Network
    params: Params
    x: Array
    t: Array
    rate: float = 0.0
    label: str = ""
    before: "Case | None" = None

    @cached_property
    def net(self) -> Network:
        """The reference's network without its penalty, which is taken off every answer before anything is compared."""
        return build_network(msgspec.structs.replace(self.network, penalty=None))

    @cached_property
    def right(self) -> "Trace":
        """The forward pass with every rule right."""
        return trace(self)

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
    phi: list[Array]  # of z: a without what a skip connection adds
    t: Array
    answer: Mapping[str, Array] = field(default_factory=dict)
    reshaped: bool = False
    fewer: bool = False  # rows than the case has
    epsilon: float = 0.0  # beside p in the logarithm and its derivative
    # What searches of several arrays need, by `once`, whatever the target has answered.
    made: dict[Any, Any] = field(default_factory=dict, init=False)

    def once(self, key: tuple[Any, ...], make: Callable[[], Made]) -> Made:
        """What is made of this trace under a key, which is made when it is first asked for."""
        if key not in self.made:
            self.made[key] = make()
        found: Made = self.made[key]
        return found

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
        return self.net.layers[k - 1].activation.backward(self.z[k], self.phi[k], g)

    def skips(self, k: int) -> bool:
        """Whether layer k adds its input to its activation."""
        return self.net.layers[k - 1].skip


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


def shaped(a: Array, shape: tuple[int, ...]) -> Array:
    """An array as it is.

    Raises:
        ValueError: it has another shape.
    """
    if a.shape != shape:
        raise ValueError("another shape")
    return a


def names(network: fmt.Network) -> list[str]:
    """Names of all parameters, from the outputs to the inputs."""
    last = len(network.layers)
    return [f"{p}{k}" for k in range(last, 0, -1) for p in "Wb" if p == "W" or network.layers[k - 1].bias]


def possible(network: fmt.Network) -> list[Change]:
    """Every change of the forward pass and of the loss, one at a time."""
    last, biased = len(network.layers), [k for k, layer in enumerate(network.layers, 1) if layer.bias]
    hidden = list(range(1, last))
    found = [Change("data", 0, name) for name in fr.DATA]
    for name in fr.PREACTIVATIONS:
        places = [last] if name == "shifted" else ([0] if len(biased) > 1 else []) + biased  # for a softmax above
        found += [Change("z", k, name) for k in places if k in biased or k == 0]
    for name in fr.ACTIVATIONS:
        everywhere = ([0] if len(hidden) > 1 else []) + hidden
        if not name.startswith("softmax, "):
            found += [Change("a", k, name) for k in [*everywhere, last]]
        elif network.layers[-1].activation.kind == "softmax":
            found.append(Change("a", last, name))
    found += [Change("input", k, str(j)) for k in range(2, last + 1) for j in range(k - 1)]
    found += [Change("bias", k, str(j)) for k in biased for j in biased if j != k]
    found += [Change("bias", k, AFTER) for k in ([0] if len(hidden) > 1 else []) + hidden if network.layers[0].bias]
    found += [Change("skip", k, "left out") for k, layer in enumerate(network.layers, 1) if layer.skip]
    skipped = {
        "squared_error": ("squared-for-cross-entropy", "logits-reversed", "second-term", "first-term"),
        "cross_entropy": ("root", "pairs", "first-term-alone"),
        "binary_cross_entropy": ("root", "pairs", "binary-for", "cross-entropy"),
    }.get(network.loss.kind, ("",))  # Σ t·y is a layer's own, and has none
    return found + [Change("loss", last, name) for name in fr.LOSSES if not name.startswith(skipped)]


def trace(case: Case, changes: Changes = (), answer: Mapping[str, Array] | None = None) -> Trace:
    """The forward pass with some rules changed.

    Raises:
        ValueError: a change that does not fit the network or the sizes (NumPy's and the reference's errors are of this kind).
    """
    net, params, x, t, epsilon = case.net, dict(case.params), case.x, case.t, 0.0
    for change in changes:
        if change.slot == "data":
            params, x, t = fr.changed_data(change.name, params, x, t)
        elif change.slot == "a":
            net = _activated(net, change, fr.ACTIVATIONS[change.name].of)
        elif change.slot == "fit":
            name, _, constant = change.name.partition(":")
            if name in fc.DATA:
                x, t = fc.DATA[name].of(x, t, float(constant))
            else:
                net = _activated(net, change, partial(fc.ACTIVATIONS[name].of, s=float(constant)))
        elif change.slot == "epsilon":
            epsilon = float(change.name)
        elif change.slot == "loss":
            net = replace(net, loss=fr.LOSSES[change.name].of(net))
    x, t = np.asarray(x, np.float64), np.asarray(t, np.float64)
    t = t[:, None] if t.ndim == 1 else t
    weights: list[Array] = [np.empty(0)]
    biases: list[Array | None] = [None]
    z, a, phi = [x[:0]], [x], [x]
    for k, layer in enumerate(net.layers, 1):
        own = [change for change in changes if change.layer in (0, k)]
        weights.append(matrix(case.network, f"W{k}", params[f"W{k}"]))
        biases.append(matrix(case.network, f"b{k}", params[f"b{k}"]) if layer.bias else None)
        below = next((int(change.name) for change in own if change.slot == "input"), k - 1)
        pre = a[below] @ weights[k] + (0.0 if biases[k] is None else biases[k])
        for change in own:
            pre = _changed(change, case, params, k, pre)
        after = next((biases[k] for change in own if change.name == AFTER and k < len(net.layers)), None)
        pre = pre if after is None else pre - after
        z.append(pre)
        phi.append(layer.activation.forward(pre) + (0.0 if after is None else after))
        added = layer.skip and not any(change.slot == "skip" for change in own)
        a.append(phi[k] + a[k - 1] if added else phi[k])
    data = {change.name for change in changes if change.slot == "data"}
    return Trace(
        case, net, weights, biases, z, a, phi, t, answer or {}, "weights-reshaped" in data, bool(data & set(fr.ROWS)), epsilon
    )  # fmt: skip


def with_losses(tr: Trace, changes: Changes) -> Trace:
    """The trace with another loss, or several that come about one after the other; the forward pass is the same."""
    for change in changes:
        tr = replace(tr, net=replace(tr.net, loss=fr.LOSSES[change.name].of(tr.net)))
    return tr


def _changed(change: Change, case: Case, params: Params, k: int, pre: Array) -> Array:
    """z of layer k by another rule."""
    if change.slot == "stale" and case.before is not None:
        return case.before.right.z[k]
    if change.slot not in ("z", "bias") or change.name == AFTER:
        return pre
    own, other = (params.get(name) for name in (f"b{k}", f"b{change.name}"))
    bias = None if own is None else matrix(case.network, f"b{k}", own)
    if change.slot == "z":
        return np.asarray(fr.PREACTIVATIONS[change.name].of(pre, bias))
    return pre if bias is None or other is None else pre - bias + matrix(case.network, f"b{k}", other)


def _activated(net: Network, change: Change, rule: Callable[[Activation], Activation]) -> Network:
    last = len(net.layers)
    chosen = range(1, last) if change.layer == 0 else (change.layer,)
    layers = [
        replace(layer, activation=rule(layer.activation), vector=False) if k in chosen else layer
        for k, layer in enumerate(net.layers, 1)
    ]
    return replace(net, layers=tuple(layers))
