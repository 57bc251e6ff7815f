"""The gradients proven apart from backpropagation: central differences of the forward pass, on balls.

At h = 2⁻¹²⁰ ≈ 1e-36 the truncation error, about h²·L‴/6, is nothing, and at a kink, where it is of order h, still
below 1e-35; the 256 bits leave 1e-41 after the division by 2h. So thirty digits are certain for gradients above 1e-5,
and 35 decimals for smaller ones. A wrong backward formula cannot certify itself.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from flint import arb

from nn_conformance.cases.balls import MOST_BITS, START_BITS, Balls, balls, precision
from nn_conformance.cases.families import describe_network
from nn_conformance.cases.kinks import with_slopes
from nn_reference.arithmetic import Array, Params
from nn_reference.errors import NNReferenceError
from nn_reference.network import Network, backpropagate, forward, loss_of_preactivation, outputs_from

Objective: TypeAlias = Callable[[str, Sequence[Array]], Array]

DIGITS = 30
MOST_ENTRIES = 300
STEP_BITS = 120


class ProofError(NNReferenceError):
    """A gradient entry that central differences of the forward pass do not confirm."""


def prove_gradients(
    network: Network, params: Params, x: Array, t: Array, *, of_x: bool = False, bits: int = START_BITS
) -> str:
    """Checks every entry of every gradient, with `of_x` of ∂L/∂x too, and says what was checked.

    Up to `MOST_ENTRIES` by central differences; beyond, which would take minutes, by Arb's tape: see `_by_tape`.

    At a pre-activation of exactly zero the two one-sided derivatives differ, and a central difference gives their
    mean: there the slope of ReLU is taken as ½ on the other side too. Where a document's backward rule is not the
    derivative of its function, the proof is of what is below it: see `_objective`.

    Raises:
        ProofError: naming the entry and both values.
    """
    entries = network.size + of_x * x.size
    # What a diagonal rule below the last layer is the derivative of, the tape knows.
    by_tape = entries > MOST_ENTRIES or any(layer.activation.derivative == "diagonal" for layer in network.layers[:-1])
    while True:
        with precision(bits):
            exact = {name: balls(p) for name, p in params.items()}
            compute = _by_tape if by_tape else _by_differences
            undecided = _compare(*compute(network, exact, balls(x), balls(t), of_x=of_x))
        if not undecided:
            break
        if bits >= MOST_BITS:
            raise ProofError(undecided)
        bits *= 2
    how = "an independent tape over" if by_tape else "central differences of"
    return f"{entries} entries agree with {how} the forward pass in {bits} bits to {DIGITS} digits"


def _compare(gradients: Params, others: Params) -> str:
    """An entry of which it takes more bits to tell whether it agrees; empty if all do."""
    for name, gradient in gradients.items():
        limit = arb(10) ** -DIGITS * max(
            [arb(10) ** -5, *(abs(g) for g in gradient.ravel())], key=lambda size: float(size.mid())
        )
        for index in np.ndindex(gradient.shape):
            error: Any = others[name][index] - gradient[index]
            if not abs(error) <= limit:
                text = f"{name}{list(index)}: backpropagation gives {gradient[index]}, its proof {others[name][index]}"
                if error.contains(0):
                    return text
                raise ProofError(text)
    return ""


def _by_differences(network: Network, params: Params, x: Array, t: Array, *, of_x: bool) -> tuple[Params, Params]:
    """Backpropagation's gradients, with the slope ½ at kinks, and central differences."""
    _, gradients = backpropagate(with_slopes(network, lambda _, z: (z == 0) * arb(0.5)), params, x, t, of_x=of_x)
    objective = _objective(network, params, x, t)
    differences = {}
    for name, gradient in gradients.items():
        array = x if name == "x" else params[name]
        values = objective(name, [end for index in np.ndindex(array.shape) for end in _ends(array, index)])
        differences[name] = ((values[::2] - values[1::2]) / (2 * _step())).reshape(gradient.shape)
    return gradients, differences


def _by_tape(network: Network, params: Params, x: Array, t: Array, *, of_x: bool) -> tuple[Params, Params]:
    """Backpropagation's gradients, and those of Arb's tape, which shares neither a backward rule nor a formula with it."""
    from nn_conformance.oracles.arb import differentiated  # noqa: PLC0415 - the oracles import the fixtures

    _, gradients = backpropagate(network, params, x, t, of_x=of_x)
    plain = {name: np.asarray(p) for name, p in params.items()}
    described = describe_network(network)
    _, _, taped = differentiated(described, plain, np.asarray(x), np.asarray(t), "float64", of_x=of_x)
    return gradients, {name: taped[name].reshape(gradient.shape) for name, gradient in gradients.items()}


def _step() -> arb:
    return arb(2) ** -STEP_BITS


def _ends(array: Array, index: tuple[int, ...]) -> list[Array]:
    """The array with one entry moved by h and by -h."""
    ends = []
    for step in (_step(), -_step()):
        moved = array.copy()
        moved[index] = moved[index] + step
        ends.append(moved)
    return ends


def _central(function: Callable[[Array], arb], array: Array, index: tuple[int, ...]) -> arb:
    """(f(θ+h) - f(θ-h)) / 2h for one entry."""
    above, below = map(function, _ends(array, index))
    return (above - below) / (2 * _step())


def _objective(network: Network, params: Params, x: Array, t: Array) -> Objective:
    """What the documented gradient is the gradient of: the loss, by the forward pass alone.

    It is a function of the name of what is moved, a parameter or x, and of its moved copies; it gives a value for each.
    Document 001's diagonal rule is the gradient of no loss. There δ = ∂L/∂a_k · ∂a_k/∂z_k is fixed by differences of
    loss and softmax, and Σ δ·z is the objective, z being the last pre-activations as the parameters move them.
    """
    outputs = forward(network, params, x)
    inputs = [x, *(output.a for output in outputs)]
    last = network.layers[-1].activation

    def penalties(name: str, moved: Sequence[Array]) -> Array:
        if network.penalty is None:
            return np.zeros(len(moved), dtype=int)
        return np.array([network.penalty.value({**params, name: copy}, len(x)) for copy in moved], dtype=object)

    def z(name: str, moved: Sequence[Array]) -> Array:
        """The last pre-activations, (copies, N, C) or (copies, N): a parameter moves nothing below its layer."""
        if name == "x":
            return outputs_from(network, params, _stacked(moved))[-1].z
        k = int(name[1:]) - 1
        layer, (weights, bias), a = network.layers[k], network.names[k], inputs[k]
        copies = [{**params, name: copy} for copy in moved]
        own = _stacked([layer.forward(a, of[weights], None if bias is None else of[bias]) for of in copies])
        if k + 1 == len(network.layers):
            return own
        above = layer.activation.forward(own) + a if layer.skip else layer.activation.forward(own)
        return outputs_from(network, params, above, k + 1)[-1].z

    if last.derivative != "diagonal":
        return lambda name, moved: loss_of_preactivation(network, z(name, moved), t) + penalties(name, moved)
    output = outputs[-1]
    delta = np.empty(output.z.shape, dtype=object)
    for index in np.ndindex(delta.shape):
        slope = _central(partial(_entry, last.forward, index), output.z, index)
        product = slope * _central(lambda a: network.loss.value(a, t), output.a, index)
        delta[index] = product.mid()  # any number this close: what matters is that both sides use the same
    axes = tuple(range(-delta.ndim, 0))
    return lambda name, moved: np.sum(delta * z(name, moved), axis=axes) + penalties(name, moved)


def _stacked(arrays: Sequence[Array]) -> Array:
    return np.stack(arrays).view(Balls)


def _entry(function: Callable[[Array], Array], index: tuple[int, ...], z: Array) -> arb:
    return function(z)[index]
