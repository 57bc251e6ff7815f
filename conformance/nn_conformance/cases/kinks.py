"""Pre-activations of exactly zero where the slope jumps, as under ReLU: any slope between the two is right, unit by unit.

The reference takes the left one, which is 0 for ReLU and α for leaky ReLU and ELU. A case lists each such unit with what
the right one, slope 1, would add to every gradient; a target's
gradients are right if they are the expected ones plus s·change for some s in [0, 1] for each. That is linear as long
as all kinks of a case are in one layer, which is checked.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.cases.balls import balls, certified
from nn_conformance.cases.drafts import Draft
from nn_conformance.cases.encoding import inline
from nn_reference.activations import Activation
from nn_reference.arithmetic import Array
from nn_reference.errors import NNReferenceError
from nn_reference.network import Network, backpropagate

MOST = 64  # each takes a backward pass, and as much space in the case as all gradients
Kink = tuple[int, int, int]  # layer from 1, sample and unit from 0


class KinkError(NNReferenceError):
    """An exact zero where a case should have none, or kinks in more than one layer."""


def find_kinks(draft: Draft, preactivations: Sequence[Array]) -> list[Kink]:
    """The exact zeros under ReLU, from certified z of each layer.

    A ball that contains zero and more is never rounded to zero: ReLU refuses it, and the precision is raised.

    Raises:
        KinkError: zeros in a case that is not made for them, or in two layers.
    """
    found = [
        (k, int(sample), int(unit))
        for k, (layer, z) in enumerate(zip(draft.network.layers, preactivations, strict=True), 1)
        if layer.activation.jumps
        for sample, unit in np.argwhere(z.reshape(len(z), -1) == 0)
    ]
    if found and "kink" not in draft.flags:
        raise KinkError(f"{draft.id}: expected no pre-activation of exactly zero, got {found[0]}; draw other numbers")
    if len(found) > MOST:
        raise KinkError(f"{draft.id}: expected at most {MOST} pre-activations of exactly zero, got {len(found)}")
    if len({layer for layer, *_ in found}) > 1:
        raise KinkError(f"{draft.id}: expected kinks in one layer, got {found}")
    return found


def with_slopes(network: Network, slopes: Callable[[int, Array], Array]) -> Network:
    """The network with slopes(layer, z) of each jump added to the derivative; layers count from 1."""
    layers = tuple(
        replace(layer, activation=_bent(layer.activation, partial(slopes, k))) if layer.activation.jumps else layer
        for k, layer in enumerate(network.layers, 1)
    )
    return replace(network, layers=layers)


def _bent(activation: Activation, slopes: Callable[[Array], Array]) -> Activation:
    rule, alpha = activation.backward, activation.alpha or 0

    def backward(z: Array, a: Array, da: Array) -> Array:
        right = da * slopes(z)
        return rule(z, a, da) + right - right * alpha  # balls: 1 - α would be rounded first

    return replace(activation, backward=backward)


def kink_change(draft: Draft, x: Array, t: Array, kink: Kink) -> fmt.Kink:
    """What slope 1 instead of 0 at a kink adds to the gradients, correctly rounded."""
    layer, sample, unit = kink

    def slopes(k: int, z: Array) -> Array:
        added = np.zeros(z.shape, dtype=int)
        if k == layer:
            added.reshape(len(z), -1)[sample, unit] = 1
        return added

    def compute() -> dict[str, Array]:
        arguments = {name: balls(p) for name, p in draft.params.items()}, balls(x), balls(t)
        _, without = backpropagate(draft.network, *arguments, of_x=draft.of.own)
        _, with_one = backpropagate(with_slopes(draft.network, slopes), *arguments, of_x=draft.of.own)
        return {name: with_one[name] - without[name] for name in without}

    # Entries that the unit does not reach are differences of equal balls.
    change, _ = certified(compute, zeros=[*draft.params, "x"], tiny=draft.of.own)
    return fmt.Kink(layer, sample, unit, {name: inline(a) for name, a in change.items()})
