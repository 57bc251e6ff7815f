"""Backpropagation against complex step, and complex step against itself done plainly."""

from dataclasses import replace

import numpy as np
import pytest

from nn_conformance.cases.families import build_network, describe_network
from nn_conformance.cases.store import Store
from nn_conformance.judge.verdict import at_least, at_most
from nn_conformance.oracles import complex_step
from nn_reference.activations import RELU, SIGMOID, SIGMOID_QUOTIENT, SOFTMAX, TANH, Softmax
from nn_reference.losses import BinaryCrossEntropy, CrossEntropy, SquaredError
from nn_reference.network import Dense, Network, forward, loss_and_gradients, loss_of_preactivation

pytestmark = pytest.mark.numeric

STEP = complex_step.STEP["float64"]
NETWORKS = {
    "in-out": Network(3, (Dense(4, TANH), Dense(2, SIGMOID)), SquaredError("elements")),
    "out-in-no-bias": Network(
        3,
        (Dense(4, SIGMOID, bias=False, layout="out,in"), Dense(2, SOFTMAX, bias=False, layout="out,in")),
        CrossEntropy(),
    ),
    "vector": Network(
        3, (Dense(4, RELU, layout="out,in"), Dense(1, SIGMOID, vector=True)), SquaredError("samples", half=True)
    ),
    "quotient": Network(3, (Dense(4, SIGMOID_QUOTIENT), Dense(2, SIGMOID)), SquaredError("elements")),
    "one-layer": Network(3, (Dense(2),), BinaryCrossEntropy(from_logits=True)),
    "one-vector-layer": Network(3, (Dense(1, TANH, vector=True),), SquaredError("sum")),
    "softmax-over-batch": Network(3, (Dense(4, RELU), Dense(2, Softmax(axis=-2))), CrossEntropy(from_logits=True)),
    "softmax-inside": Network(3, (Dense(4, SOFTMAX), Dense(3, TANH), Dense(2)), CrossEntropy(from_logits=True)),
    "four-layers": Network(3, (Dense(4, TANH), Dense(3, RELU), Dense(5, SIGMOID), Dense(2)), SquaredError("sum")),
}


def by_complex_step(network, params, x, t):
    """The gradients by the oracle, which has the network's description and formulas of its own."""
    found = complex_step.evaluate(describe_network(network), params, x, t).gradients
    return {name: found[name] for name in params}


def example(network, samples=5, seed=0):
    rng = np.random.RandomState(seed)
    params = {name: np.asarray(rng.uniform(-1, 1, shape)) for name, shape in network.shapes.items()}
    x = rng.uniform(-1, 1, (samples, network.inputs))
    last = network.layers[-1]
    t = rng.randint(2, size=samples) * 1.0 if last.vector else np.eye(last.units)[rng.randint(last.units, size=samples)]
    return params, x, t


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("samples", [1, 2, 7])
def test_backpropagation_is_complex_step(name, samples):
    """Each gradient is that of the oracle, which perturbs a column at once, and each entry is that of a step by itself."""
    network = NETWORKS[name]
    params, x, t = example(network, samples)
    x[:, 0] = 0.25  # what moves alike is computed once: one constant input exercises that

    _, gradients = loss_and_gradients(network, params, x, t)

    for tensor, found in by_complex_step(network, params, x, t).items():
        assert gradients[tensor].shape == params[tensor].shape
        assert np.max(np.abs(gradients[tensor] - found)) <= 1e-14
        for index in np.ndindex(found.shape):
            moved = {key: value.astype(complex) for key, value in params.items()}
            moved[tensor][index] += 1j * STEP
            z = forward(network, moved, x.astype(complex))[-1].z
            expected = loss_of_preactivation(network, z, t).imag / STEP
            assert found[index] == pytest.approx(expected, rel=1e-12, abs=1e-16)


def log_softmax(z):
    """Textbook formula, complex numbers and all, for small z."""
    return np.log(np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True))


@pytest.mark.parametrize("loss", [CrossEntropy(), CrossEntropy(from_logits=True)], ids=["fused", "twice"])
def test_targets_need_not_sum_to_one(loss):
    """With Σt of 3, 0.5 and 0, backpropagation is complex step of the loss written out, through softmax and after it."""
    network = Network(3, (Dense(3, SOFTMAX, bias=False),), loss)
    rng = np.random.RandomState(1)
    weights, x = rng.uniform(-1, 1, (3, 3)), rng.uniform(-1, 1, (3, 3))
    t = np.array([[2.0, 0.5, 0.5], [0.25, 0.0, 0.25], [0.0, 0.0, 0.0]])

    def plain(w):
        log_a = log_softmax(x @ w)
        return -np.sum(t * (log_softmax(np.exp(log_a)) if loss.from_logits else log_a)) / 3

    value, found = loss_and_gradients(network, {"W1": weights}, x, t)

    assert value == pytest.approx(plain(weights), rel=1e-14)
    for index in np.ndindex(weights.shape):
        moved = weights.astype(complex)
        moved[index] += 1j * STEP
        assert found["W1"][index] == pytest.approx(plain(moved).imag / STEP, rel=1e-12, abs=1e-15)


def test_document_001s_rule_is_the_gradient_of_no_loss():
    """The diagonal of softmax's Jacobian: to rounding what complex step makes of that rule, and far from the loss's."""
    loaded = Store().case("mnist-sigmoid-numpy/probe-rectangular")
    network = build_network(loaded.case.network)
    whole = replace(network, layers=(*network.layers[:-1], replace(network.layers[-1], activation=SOFTMAX)))
    given = loaded.params, loaded.x.astype(float), loaded.t.astype(float)

    _, found = loss_and_gradients(network, *given)
    by_rule, of_loss = by_complex_step(network, *given), by_complex_step(whole, *given)

    for name, g in found.items():
        assert np.max(np.abs(g - by_rule[name])) <= 1e-13 * np.linalg.norm(g)
        assert np.max(np.abs(g - of_loss[name])) >= 1e-3 * np.linalg.norm(g)


@pytest.mark.parametrize("error", [np.nan, np.inf])
def test_nan_never_passes(error):
    """A check whose error is NaN fails, whichever side its limit is on; infinity fails a limit from above."""
    assert at_most("a::b::c", error, 1.0, "").status == "failed"
    assert at_least("a::b::c", np.nan, 1.0, "").status == "failed"
