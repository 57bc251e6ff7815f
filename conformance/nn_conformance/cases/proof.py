"""The gradients proven apart from backpropagation: central differences of the forward pass, on balls.

At h = 2⁻¹²⁰ ≈ 1e-36 the truncation error, about h²·L‴/6, is nothing, and at a kink, where it is of order h, still
below 1e-35; the 256 bits leave 1e-41 after the division by 2h. So thirty digits are certain for gradients above 1e-5,
and 35 decimals for smaller ones. A wrong backward formula cannot certify itself.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias

import numpy as np
from flint import arb

from nn_conformance.cases.balls import START_BITS, balls, precision
from nn_conformance.cases.kinks import with_slopes
from nn_reference.arithmetic import Array, Params
from nn_reference.errors import NNReferenceError
from nn_reference.network import Network, backpropagate, forward, loss_of_preactivation

Objective: TypeAlias = Callable[[Params], arb]

DIGITS = 30
STEP_BITS = 120


class ProofError(NNReferenceError):
    """A gradient entry that central differences of the forward pass do not confirm."""


def prove_gradients(network: Network, params: Params, x: Array, t: Array) -> str:
    """Checks every entry of every gradient, and says what was checked.

    At a pre-activation of exactly zero the two one-sided derivatives differ, and a central difference gives their
    mean: there the slope of ReLU is taken as ½ on the other side too. Where a document's backward rule is not the
    derivative of its function, the proof is of what is below it: see `_objective`.

    Raises:
        ProofError: naming the entry and both values.
    """
    with precision(START_BITS):
        exact = {name: balls(p) for name, p in params.items()}
        bx, bt = balls(x), balls(t)
        _, gradients = backpropagate(with_slopes(network, lambda _, z: (z == 0) * arb(0.5)), exact, bx, bt)
        objective = _objective(network, exact, bx, bt)
        for name, gradient in gradients.items():
            largest = max([arb(10) ** -5, *(abs(g) for g in gradient.ravel())], key=lambda size: float(size.mid()))
            for index in np.ndindex(gradient.shape):
                difference = _central(objective, exact, name, index)
                if not abs(difference - gradient[index]) <= arb(10) ** -DIGITS * largest:
                    raise ProofError(
                        f"{name}{list(index)}: backpropagation gives {gradient[index]}, differences {difference}"
                    )
    entries = sum(gradient.size for gradient in gradients.values())
    return (
        f"{entries} entries agree with central differences of the forward pass in {START_BITS} bits to {DIGITS} digits"
    )


def _central(objective: Objective, params: Mapping[str, Array], name: str, index: tuple[int, ...]) -> arb:
    """(L(θ+h) - L(θ-h)) / 2h for one entry."""
    step = arb(2) ** -STEP_BITS
    ends = []
    for sign in (1, -1):
        moved = params[name].copy()
        moved[index] = moved[index] + sign * step
        ends.append(objective({**params, name: moved}))
    return (ends[0] - ends[1]) / (2 * step)


def _objective(network: Network, params: Params, x: Array, t: Array) -> Objective:
    """What the documented gradient is the gradient of: the loss, by the forward pass alone.

    Document 001's diagonal rule is the gradient of no loss. There δ = ∂L/∂a_k · ∂a_k/∂z_k is fixed by differences of
    loss and softmax, and Σ δ·z is the objective, z being the last pre-activations as the parameters move them.
    """
    last = network.layers[-1].activation
    if last.derivative != "diagonal":
        return lambda moved: loss_of_preactivation(network, forward(network, moved, x)[-1].z, t)
    output = forward(network, params, x)[-1]
    delta = np.empty(output.z.shape, dtype=object)
    for index in np.ndindex(delta.shape):
        slope = _central(partial(_entry, last.forward, index), {"z": output.z}, "z", index)
        product = slope * _central(lambda at: network.loss.value(at["a"], t), {"a": output.a}, "a", index)
        delta[index] = product.mid()  # any number this close: what matters is that both sides use the same
    return lambda moved: np.sum(delta * forward(network, moved, x)[-1].z)


def _entry(function: Callable[[Array], Array], index: tuple[int, ...], at: Params) -> arb:
    return function(at["z"])[index]
