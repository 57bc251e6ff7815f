"""Pre-activations of exactly zero under ReLU, where any slope in [0, 1] is right, unit by unit.

The reference takes slope 0. A case lists each such unit with what slope 1 would add to every gradient; a target's
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
from nn_reference.activations import RELU, Activation
from nn_reference.arithmetic import Array, positive
from nn_reference.errors import NNReferenceError
from nn_reference.network import Network, backpropagate

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
        if layer.activation is RELU
        for sample, unit in np.argwhere(z == 0)
    ]
    if found and "kink" not in draft.flags:
        raise KinkError(f"{draft.id}: expected no pre-activation of exactly zero, got {found[0]}; draw other numbers")
    if len({layer for layer, *_ in found}) > 1:
        raise KinkError(f"{draft.id}: expected kinks in one layer, got {found}")
    return found


def kink_changes(draft: Draft, x: Array, t: Array, kinks: Sequence[Kink]) -> list[fmt.Kink]:
    """For each kink, what slope 1 instead of 0 adds to the gradients, correctly rounded."""
    return [_change(draft, x, t, kink) for kink in kinks]


def with_slopes(network: Network, slopes: Callable[[int, Array], Array]) -> Network:
    """The network with slopes(layer, z) added to ReLU's derivative; layers count from 1."""
    layers = tuple(
        replace(layer, activation=_relu_with(partial(slopes, k))) if layer.activation is RELU else layer
        for k, layer in enumerate(network.layers, 1)
    )
    return replace(network, layers=layers)


def _relu_with(slopes: Callable[[Array], Array]) -> Activation:
    return replace(RELU, backward=lambda z, a, da: da * (positive(z) + slopes(z)))


def _change(draft: Draft, x: Array, t: Array, kink: Kink) -> fmt.Kink:
    layer, sample, unit = kink

    def slopes(k: int, z: Array) -> Array:
        added = np.zeros(z.shape, dtype=int)
        if k == layer:
            added[sample, unit] = 1
        return added

    def compute() -> dict[str, Array]:
        arguments = {name: balls(p) for name, p in draft.params.items()}, balls(x), balls(t)
        _, without = backpropagate(draft.network, *arguments)
        _, with_one = backpropagate(with_slopes(draft.network, slopes), *arguments)
        return {name: with_one[name] - without[name] for name in without}

    # Entries that the unit does not reach are differences of equal balls.
    change, _ = certified(compute, zeros=draft.params)
    return fmt.Kink(layer, sample, unit, {name: inline(a) for name, a in change.items()})
