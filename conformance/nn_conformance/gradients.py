"""The reference's gradients against complex step: every parameter of every network, on real data."""

from collections.abc import Iterator

import numpy as np

from nn_conformance.complex_step import STEP, functional_gradients, loss_gradients
from nn_conformance.verdicts import Verdict, at_least, at_most
from nn_reference.activations import SIGMOID_QUOTIENT
from nn_reference.arithmetic import Array, Params
from nn_reference.errors import InputError
from nn_reference.network import forward, loss_and_gradients, loss_of_preactivation
from nn_reference.systems import System

BATCH = 8
# Both sides are float64 and neither subtracts nearly equal numbers: their difference is rounding, some units of
# 2⁻⁵³ ≈ 1.1e-16 times the root of the longest sum (784), and stays two orders below this.
GRADIENT_LIMIT = 1e-13
# A wrong Jacobian is wrong in the first digits: 0.028 of the norm or more here. A right one would agree to 1e-13.
DISAGREEMENT = 1e-3
# e^-x overflows in float64 beyond this, and document 001's derivative with it.
OVERFLOW = 709.0


def gradients(system: System) -> Iterator[Verdict]:
    """Every parameter's gradient against complex step, in float64, on the first rows of the real training data.

    Where the document's backward pass is not that of its loss (the diagonal of a Jacobian), the gradient must equal
    complex step through the document's formula, and must differ from the true gradient.
    """
    params = {name: p.astype(np.float64) for name, p in system.start().items()}
    x, t = batch(system, params)
    _, found = loss_and_gradients(system.network, params, x, t)
    diagonal = system.network.layers[-1].activation.derivative == "diagonal"
    if not diagonal:
        expected = loss_gradients(system.network, params, x, t)
    else:
        delta = diagonal_delta(system, params, x, t)
        expected = functional_gradients(system.network, params, x, lambda z: np.sum(delta * z, axis=(-2, -1)))
    what = "the document's formula" if diagonal else "the loss"
    zero = zero_by_structure(system)
    for name, right in expected.items():
        # A gradient that is zero has no norm; its rounding is that of the terms which cancel.
        scale = np.linalg.norm(preactivation_gradient(system, params, x, t)) if name in zero else np.linalg.norm(right)
        over = f"zero because {zero[name]}: over the norm of dz" if name in zero else "over the tensor's norm"
        yield at_most(
            f"{system.id}::gradient::{name}",
            largest_error(found[name], right, float(scale)),
            GRADIENT_LIMIT,
            f"{right.size:,} entries against complex step of {what}; largest error {over}",
        )
    if diagonal:
        true = loss_gradients(system.network, params, x, t)
        for name, right in true.items():
            yield at_least(
                f"{system.id}::gradient-of-no-loss::{name}",
                largest_error(found[name], right, float(np.linalg.norm(right))),
                DISAGREEMENT,
                "documented defect: must differ from the gradient of the squared error by at least the limit",
            )


def batch(system: System, params: Params) -> tuple[Array, Array]:
    """The first eight training rows, or all where the document evaluates once, in float64.

    For the sigmoid derivative of document 001: the first eight whose pre-activations do not overflow it.
    """
    data = system.load()
    rows = len(data.train_x) if not system.recipe.epochs else BATCH
    x, t = data.train_x[: 10 * rows].astype(np.float64), data.train_t[: 10 * rows].astype(np.float64)
    if any(layer.activation is SIGMOID_QUOTIENT for layer in system.network.layers):
        smallest = np.min([output.z.min(axis=1) for output in forward(system.network, params, x)], axis=0)
        x, t = x[smallest > -OVERFLOW], t[smallest > -OVERFLOW]
        if len(x) < rows:
            raise InputError(f"{system.id}: expected {rows} training rows that do not overflow, got {len(x)}")
    return x[:rows], t[:rows]


def zero_by_structure(system: System) -> dict[str, str]:
    """Parameters whose gradient is exactly zero whatever the data, with the reason."""
    last, (_, bias) = system.network.layers[-1], system.network.names[-1]
    if bias is not None and last.activation.axis == -2:
        return {bias: "a softmax over the batch does not change when a bias moves all its samples"}
    return {}


def preactivation_gradient(system: System, params: Params, x: Array, t: Array) -> Array:
    """dL/dz of the last layer, (N, C), by complex step."""
    z = forward(system.network, params, x)[-1].z
    return np.asarray(loss_of_preactivation(system.network, z + _tangents(t), t).imag / STEP).reshape(t.shape)


def diagonal_delta(system: System, params: Params, x: Array, t: Array) -> Array:
    """dz of the last layer as document 001 has it, (N, C): ∂L/∂a_k · ∂a_k/∂z_k, each factor by complex step."""
    output, tangents = forward(system.network, params, x)[-1], _tangents(t)
    da = (system.network.loss.value(output.a + tangents, t).imag / STEP).reshape(t.shape)
    moved = system.network.layers[-1].activation.forward(output.z + tangents).imag / STEP
    return np.asarray(da * np.diagonal(moved.reshape(t.size, t.size)).reshape(t.shape))


def largest_error(found: Array, right: Array, scale: float) -> float:
    """Largest difference over `scale`, or the plain difference where that is zero; NaN stays NaN."""
    return float(np.max(np.abs(found - right))) / (scale or 1.0)


def _tangents(t: Array) -> Array:
    """(N·C, N, C): copies of a batch's outputs, each with one entry perturbed."""
    return 1j * STEP * np.eye(t.size).reshape(t.size, *t.shape)
