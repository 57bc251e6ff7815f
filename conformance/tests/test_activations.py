"""Activations: derivatives, values at the extremes, and every table that has them all."""

from typing import get_args

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from nn_conformance.adapt import reading
from nn_conformance.cases import families
from nn_conformance.cases import format as fmt
from nn_conformance.explain import naming
from nn_conformance.judge import limits
from nn_conformance.oracles import formulas
from nn_conformance.report import description
from nn_reference.activations import IDENTITY, RELU, SIGMOID, SIGMOID_QUOTIENT, SOFTMAX, TANH, Softmax

ACTIVATIONS = {
    "identity": IDENTITY,
    "sigmoid": SIGMOID,
    "tanh": TANH,
    "relu": RELU,
    "softmax": SOFTMAX,
    "softmax-over-batch": Softmax(axis=-2),
}


STEP = 2.0**-100
# Away from zero, where ReLU has its kink, and within the range where a(1-a) keeps most of its digits.
PRE_ACTIVATIONS = hnp.arrays(
    float,
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    elements=st.floats(0.001, 20) | st.floats(-20, -0.001),
)


@pytest.mark.parametrize("activation", [*ACTIVATIONS.values(), SIGMOID_QUOTIENT], ids=[*ACTIVATIONS, "quotient"])
@given(z=PRE_ACTIVATIONS)
def test_backward_is_the_derivative_of_forward(activation, z):
    """Each rule takes an incoming gradient to Jacobianᵀ·da, as complex step of the forward function has it."""
    da = np.cos(np.arange(z.size)).reshape(z.shape)
    copies = z + 1j * STEP * np.eye(z.size).reshape(z.size, *z.shape)

    found = activation.backward(z, activation.forward(z), da)
    expected = (np.sum(da * activation.forward(copies), axis=(-2, -1)).imag / STEP).reshape(z.shape)

    # a(1-a) and 1-a² cancel where a is near 1: an absolute error of some u.
    assert np.max(np.abs(found - expected)) <= 20 * 2**-53 * max(1.0, float(np.max(np.abs(da))))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_no_activation_overflows(name, dtype):
    """Pre-activations of ±1000 and ±1e6 give finite values and gradients without a warning."""
    z = np.array([[1000, -1000, 1e6, -1e6, 0.5]], dtype)
    activation = ACTIVATIONS[name]
    a = activation.forward(z)

    assert np.isfinite(a).all()
    assert np.isfinite(activation.backward(z, a, np.ones_like(z))).all()


def test_sigmoid_keeps_its_relative_accuracy_in_the_tail():
    """sigmoid(-700) is e^-700 to the last bits, where 1 - sigmoid(700) would be zero."""
    assert SIGMOID.forward(np.array([-700.0]))[0] == pytest.approx(np.exp(-700.0), rel=1e-15)


@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid", "softmax"])
def test_nan_stays_nan(name):
    """A NaN that comes in comes out: it is never taken for a zero."""
    assert np.isnan(ACTIVATIONS[name].forward(np.array([[np.nan]]))).all()


def test_relu_passes_nothing_at_zero():
    """At exactly zero the derivative is 0, as in the documents."""
    assert RELU.backward(np.zeros(2), np.zeros(2), np.ones(2)).tolist() == [0, 0]


KINDS = set(get_args(fmt.Activation.__annotations__["kind"]))
# What each activation of the format needs, by the module that has it; what is `leaky` in a line is leaky_relu.
TABLES = {
    "families": {*families.ELEMENTWISE, *families.BENT, "softmax"},
    "formulas": {*formulas.ELEMENTWISE, "softmax"},
    "limits": set(limits.SLOPES),
    "naming": set(naming.RIGHT),
    "description": set(description.PURPOSES),
    "reading": {{"leaky": "leaky_relu"}.get(kind, kind) for kind in reading.KNOWN.values()},
}


@pytest.mark.parametrize("name", TABLES)
def test_every_activation_is_in_every_table(name):
    """What the format admits can be built, computed, judged, described, named and read off a model."""
    assert TABLES[name] == KINDS
