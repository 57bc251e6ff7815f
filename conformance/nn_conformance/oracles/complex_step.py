"""Complex step as an oracle: the gradient of every parameter from the forward pass alone.

f(θ + ih) = f(θ) + ih·f′(θ) + O(h²): the imaginary part over h is the derivative to the last bits, with no subtraction.
Weights are perturbed a column at a time: see `columns`.
"""

from typing import Any

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.judge.target import Answer, Run, Training
from nn_conformance.oracles import formulas
from nn_conformance.oracles.columns import Columns, Copies
from nn_reference.arithmetic import Array, Params

name = "complex-step"
slow_updates = True

# Powers of two, so that neither multiplying nor dividing by them rounds. h² must be nothing beside 1, and h times the
# smallest derivative that matters not below the least number, 2⁻¹²⁶ or 2⁻¹⁰²²: hence so far from either end.
STEP: dict[fmt.Dtype, float] = {"float32": 2.0**-60, "float64": 2.0**-100}
MOST_INPUTS = 500  # entries of x for ∂L/∂x, which takes a copy of x for each


def evaluate(network: fmt.Network, params: Params, x: Array, t: Array, *, gradients: bool = True) -> Answer:
    """Forward in the parameters' precision, and its derivative."""
    answer = of_parameters(network, params, x, t, gradients=gradients)
    if gradients and x.size <= MOST_INPUTS:
        answer.gradients["x"] = _gradient_of_x(network, params, x, t)
    return answer


def of_parameters(network: fmt.Network, params: Params, x: Array, t: Array, *, gradients: bool = True) -> Answer:
    """The same without ∂L/∂x."""
    columns = Columns(network, params, x, t, formulas.dtype_of(params))
    value = float(
        formulas.loss(network, columns.outputs[-1], t, columns.dtype) + formulas.penalty(network, params, len(x))
    )
    return Answer(value, _gradients(columns) if gradients else {}, columns.outputs)


def train(asked: Training) -> Run:
    """One update for each batch."""

    def gradient(moving: Params, batch_x: Array, batch_t: Array) -> tuple[Any, Params]:
        answer = of_parameters(asked.network, moving, batch_x, batch_t)
        return answer.loss, answer.gradients

    return Run(*formulas.train(gradient, asked))


def _gradients(columns: Columns) -> Params:
    h = STEP[columns.dtype]

    def derivatives(k: int, unit: int, copies: Copies) -> Array:
        outputs = columns.moved(k, unit, copies, 1j * h * copies.directions)
        return columns.losses(outputs[-1], copies).imag / h

    found = columns.gradients(derivatives)
    if (penalty := columns.network.penalty) is not None:
        moved = {key: p + 1j * h for key, p in columns.params.items()}
        for key, terms in formulas.penalty_terms(penalty, moved, len(columns.x)).items():
            found[key] = found[key] + terms.imag / h
    return {key: g.astype(columns.params[key].dtype) for key, g in found.items()}


def _gradient_of_x(network: fmt.Network, params: Params, x: Array, t: Array) -> Array:
    """∂L/∂x, (N, D): a copy of the batch for each entry of x."""
    dtype = formulas.dtype_of(params)
    copies = x + 1j * STEP[dtype] * np.eye(x.size).reshape(-1, *x.shape)
    output = formulas.forward(network, params, copies)[-1]
    terms = formulas.loss_terms(network, output, t, dtype)
    losses = terms.reshape(x.size, -1).sum(axis=1) / formulas.loss_count(network.loss, t)
    return np.asarray((losses.imag / STEP[dtype]).reshape(x.shape), x.dtype)
