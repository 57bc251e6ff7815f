"""Activations: digits that no case needs, and every table that has them all."""

from typing import get_args

import numpy as np
import pytest

from nn_conformance.adapt import reading
from nn_conformance.cases import families, text
from nn_conformance.cases import format as fmt
from nn_conformance.explain import naming
from nn_conformance.fuzz import strategies
from nn_conformance.judge import limits
from nn_conformance.oracles import formulas
from nn_conformance.report import description
from nn_reference.activations import RELU, SIGMOID, SOFTMAX, TANH, Softmax

KINDS = set(get_args(fmt.Activation.__annotations__["kind"]))
# What each activation of the format needs, by the module that has it; what is `leaky` in a line is leaky_relu.
TABLES = {
    "families": {*families.ELEMENTWISE, *families.BENT, "softmax"},
    "formulas": {*formulas.ELEMENTWISE, "softmax"},
    "text": {activation.kind for activation in text.ACTIVATIONS.values()},
    "drawn networks": {activation.kind for activation in strategies.EVERY},
    "limits": set(limits.SLOPES),
    "naming": set(naming.RIGHT),
    "description": set(description.PURPOSES),
    "reading": {{"leaky": "leaky_relu"}.get(kind, kind) for kind in reading.KNOWN.values()},
}


@pytest.mark.parametrize("name", TABLES)
def test_every_activation_is_in_every_table(name):
    """What the format admits can be built, computed, judged, described, named and read off a model."""
    assert TABLES[name] == KINDS


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize(
    "activation", [TANH, SIGMOID, SOFTMAX, Softmax(axis=-2)], ids=["tanh", "sigmoid", "softmax", "batch"]
)
def test_no_activation_overflows(activation, dtype):
    """Pre-activations of ±1000 and ±1e6 give finite values and gradients without a warning."""
    z = np.array([[1000, -1000, 1e6, -1e6, 0.5]], dtype)
    a = activation.forward(z)

    assert np.isfinite(a).all()
    assert np.isfinite(activation.backward(z, a, np.ones_like(z))).all()


def test_sigmoid_keeps_its_relative_accuracy_in_the_tail():
    """sigmoid(-700) is e^-700 to the last bits, where 1 - sigmoid(700) would be zero."""
    assert SIGMOID.forward(np.array([-700.0]))[0] == pytest.approx(np.exp(-700.0), rel=1e-15)


@pytest.mark.parametrize("activation", [RELU, TANH, SIGMOID, SOFTMAX], ids=lambda activation: activation.name)
def test_nan_stays_nan(activation):
    """A NaN that comes in comes out: it is never taken for a zero."""
    assert np.isnan(activation.forward(np.array([[np.nan]]))).all()
