"""The gradients proven apart from backpropagation: central differences of the forward pass, on balls.

At h = 2⁻¹²⁰ ≈ 1e-36 the truncation error, about h²·L‴/6, is nothing, and at a kink, where it is of order h, still
below 1e-35; the 256 bits leave 1e-41 after the division by 2h. So thirty digits are certain for gradients above 1e-5,
and 35 decimals for smaller ones. A wrong backward formula cannot certify itself.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from flint import arb

from nn_conformance.cases.balls import MOST_BITS, START_BITS, balls, precision
from nn_conformance.cases.families import describe_network
from nn_conformance.cases.kinks import with_slopes
from nn_reference.arithmetic import Array, Params
from nn_reference.errors import NNReferenceError
from nn_reference.network import Network, backpropagate, forward, loss_of_preactivation, outputs_from

Objective: TypeAlias = Callable[[int, Array, Params], arb]

DIGITS = 30
MOST_ENTRIES = 300
STEP_BITS = 120


class ProofError(NNReferenceError):
    """A gradient entry that central differences of the forward pass do not confirm."""


def prove_gradients(
    network: Network, params: Params, x: Array, t: Array, *, of_x: bool = False, bits: int = START_BITS
) -> str:
    """Checks every entry of every gradient, with `of_x` of ∂L/∂x too, and says what was checked.

    Up to `MOST_ENTRIES` by central differences; beyond, which would take minutes, by Arb's tape: see `_prove_by_tape`.

    At a pre-activation of exactly zero the two one-sided derivatives differ, and a central difference gives their
    mean: there the slope of ReLU is taken as ½ on the other side too. Where a document's backward rule is not the
    derivative of its function, the proof is of what is below it: see `_objective`.

    Raises:
        ProofError: naming the entry and both values.
    """
    entries = network.size + of_x * x.size
    below_last = any(layer.activation.derivative == "diagonal" for layer in network.layers[:-1])
    if (
        entries > MOST_ENTRIES or below_last
    ):  # what a diagonal rule below the last layer is the derivative of, the tape knows
        return _prove_by_tape(network, params, x, t, of_x=of_x, bits=bits)
    with precision(bits):
        exact = {name: balls(p) for name, p in params.items()}
        bx, bt = balls(x), balls(t)
        _, gradients = backpropagate(with_slopes(network, lambda _, z: (z == 0) * arb(0.5)), exact, bx, bt, of_x=of_x)
        objective = _objective(network, exact, bx, bt)
        below = [bx, *(output.a for output in forward(network, exact, bx))]
        for name, gradient in gradients.items():
            # A parameter of a layer moves nothing below it; x is the input of the first.
            first, moved = (0, exact | {"x": bx}) if name == "x" else (int(name[1:]) - 1, exact)
            largest = max([arb(10) ** -5, *(abs(g) for g in gradient.ravel())], key=lambda size: float(size.mid()))
            for index in np.ndindex(gradient.shape):
                difference = _central(partial(objective, first, below[first]), moved, name, index)
                error = difference - gradient[index]
                if not abs(error) <= arb(10) ** -DIGITS * largest:
                    if error.contains(0) and bits < MOST_BITS:  # they may agree: it takes more bits to tell
                        return prove_gradients(network, params, x, t, of_x=of_x, bits=2 * bits)
                    raise ProofError(
                        f"{name}{list(index)}: backpropagation gives {gradient[index]}, differences {difference}"
                    )
    return f"{entries} entries agree with central differences of the forward pass in {bits} bits to {DIGITS} digits"


def _central(objective: Callable[[Params], arb], params: Mapping[str, Array], name: str, index: tuple[int, ...]) -> arb:
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

    It is a function of the first layer that is moved, counted from 0, of that layer's input and of the parameters.
    Document 001's diagonal rule is the gradient of no loss. There δ = ∂L/∂a_k · ∂a_k/∂z_k is fixed by differences of
    loss and softmax, and Σ δ·z is the objective, z being the last pre-activations as the parameters move them.
    """
    last = network.layers[-1].activation

    def penalty(moved: Params) -> Any:
        return 0 if network.penalty is None else network.penalty.value(moved, len(x))

    def z(first: int, a: Array, moved: Params) -> Array:
        return outputs_from(network, moved, moved.get("x", a), first)[-1].z

    if last.derivative != "diagonal":
        return lambda first, a, moved: loss_of_preactivation(network, z(first, a, moved), t) + penalty(moved)
    output = forward(network, params, x)[-1]
    delta = np.empty(output.z.shape, dtype=object)
    for index in np.ndindex(delta.shape):
        slope = _central(partial(_entry, last.forward, index), {"z": output.z}, "z", index)
        product = slope * _central(lambda at: network.loss.value(at["a"], t), {"a": output.a}, "a", index)
        delta[index] = product.mid()  # any number this close: what matters is that both sides use the same
    return lambda first, a, moved: np.sum(delta * z(first, a, moved)) + penalty(moved)


def _entry(function: Callable[[Array], Array], index: tuple[int, ...], at: Params) -> arb:
    return function(at["z"])[index]


def _prove_by_tape(network: Network, params: Params, x: Array, t: Array, *, of_x: bool, bits: int) -> str:
    """Compares with Arb's tape, which shares neither a backward rule nor a formula with the reference."""
    from nn_conformance.oracles.arb import differentiated, plain  # noqa: PLC0415 - the oracles import the fixtures

    with precision(bits):
        bx, bt = balls(x), balls(t)
        _, gradients = backpropagate(network, {name: balls(p) for name, p in params.items()}, bx, bt, of_x=of_x)
        exact = {name: plain(p) for name, p in params.items()}
        _, _, taped = differentiated(describe_network(network), exact, plain(x), plain(t), "float64", of_x=of_x)
        for name, gradient in gradients.items():
            other = np.asarray(taped[name]).ravel()
            flat = np.asarray(gradient).ravel()
            largest = max(1e-5, *np.abs([float(g.mid()) for g in flat]))
            limit = arb(10) ** -DIGITS * largest
            for index, (one, two) in enumerate(zip(flat, other, strict=True)):
                if not abs(one - two) <= limit:
                    if (one - two).contains(0) and bits < MOST_BITS:
                        return _prove_by_tape(network, params, x, t, of_x=of_x, bits=2 * bits)
                    raise ProofError(f"{name}, entry {index}: backpropagation gives {one}, the tape {two}")
    entries = sum(gradient.size for gradient in gradients.values())
    return f"{entries} entries agree with an independent tape over the forward pass in {bits} bits to {DIGITS} digits"
