"""Backpropagation against complex step, complex step against itself done plainly, and wrong rules that are caught."""

from dataclasses import replace

import numpy as np
import pytest

from nn_conformance.checks import check
from nn_conformance.complex_step import STEP, loss_gradients
from nn_conformance.gradients import gradients
from nn_conformance.verdicts import at_least, at_most
from nn_reference import systems
from nn_reference.activations import RELU, SIGMOID, SOFTMAX, TANH, Activation, Softmax
from nn_reference.losses import BinaryCrossEntropy, CrossEntropy, SquaredError
from nn_reference.network import Dense, Network, forward, loss_and_gradients, loss_of_preactivation

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
    "one-layer": Network(3, (Dense(2),), BinaryCrossEntropy(from_logits=True)),
    "one-vector-layer": Network(3, (Dense(1, TANH, vector=True),), SquaredError("sum")),
    "softmax-over-batch": Network(3, (Dense(4, RELU), Dense(2, Softmax(axis=-2))), CrossEntropy(from_logits=True)),
    "softmax-inside": Network(3, (Dense(4, SOFTMAX), Dense(3, TANH), Dense(2)), CrossEntropy(from_logits=True)),
    "four-layers": Network(3, (Dense(4, TANH), Dense(3, RELU), Dense(5, SIGMOID), Dense(2)), SquaredError("sum")),
}


def example(network, samples=5, seed=0):
    rng = np.random.RandomState(seed)
    params = {name: np.asarray(rng.uniform(-1, 1, shape)) for name, shape in network.shapes.items()}
    x = rng.uniform(-1, 1, (samples, network.inputs))
    last = network.layers[-1]
    t = rng.randint(2, size=samples) * 1.0 if last.vector else np.eye(last.units)[rng.randint(last.units, size=samples)]
    return params, x, t


@pytest.mark.parametrize("name", NETWORKS)
def test_the_structured_complex_step_is_the_plain_one(name):
    """Perturbing a column at once gives what perturbing each parameter by itself gives."""
    network = NETWORKS[name]
    params, x, t = example(network)
    x[:, 0] = 0.25  # rows that are alike are computed once: one constant input exercises that

    found = loss_gradients(network, params, x, t)

    for tensor, p in params.items():
        for index in np.ndindex(p.shape):
            moved = {key: value.astype(complex) for key, value in params.items()}
            moved[tensor][index] += 1j * STEP
            z = forward(network, moved, x.astype(complex))[-1].z
            expected = loss_of_preactivation(network, z, t).imag / STEP
            assert found[tensor][index] == pytest.approx(expected, rel=1e-12, abs=1e-16)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("samples", [1, 2, 5])
def test_backpropagation_is_the_gradient(name, samples):
    """Every entry of every gradient agrees with complex step, for one sample, two and five."""
    network = NETWORKS[name]
    params, x, t = example(network, samples)

    _, found = loss_and_gradients(network, params, x, t)

    for tensor, expected in loss_gradients(network, params, x, t).items():
        assert found[tensor].shape == params[tensor].shape
        assert np.max(np.abs(found[tensor] - expected)) <= 1e-14


@pytest.mark.parametrize("name", NETWORKS)
def test_complex_step_agrees_with_central_differences(name):
    """Complex step is no formula of its own: plain differences of the loss agree as far as they can see."""
    network = NETWORKS[name]
    params, x, t = example(network)
    direction = {key: np.cos(np.arange(p.size)).reshape(p.shape) for key, p in params.items()}

    def loss(h):
        return loss_and_gradients(
            network, {key: np.asarray(p + h * direction[key]) for key, p in params.items()}, x, t
        )[0]

    slope = sum(np.sum(g * direction[key]) for key, g in loss_gradients(network, params, x, t).items())

    # Truncation h²·L‴/6 and rounding u·L/h are both near 1e-10 at h = 1e-5 for losses of order one.
    assert (loss(1e-5) - loss(-1e-5)) / 2e-5 == pytest.approx(slope, abs=1e-8)


@pytest.mark.parametrize("system", systems.SYSTEMS, ids=lambda system: system.id)
def test_every_documented_network_conforms(system):
    """At its documented size, on real data: every printed figure that is checked, and every parameter's gradient."""
    verdicts = list(check(system))

    assert {verdict.id.split("::")[-1] for verdict in verdicts if verdict.rung == "gradient"} == set(
        system.network.shapes
    )
    assert [verdict for verdict in verdicts if verdict.status != "passed"] == []


def wrong(activation: Activation, backward) -> Activation:
    return replace(activation, backward=backward)


MISTAKES = {
    "derivative-missing": lambda z, a, da: da,
    "derivative-at-a": lambda z, a, da: da * SIGMOID.forward(a) * (1 - SIGMOID.forward(a)),
    "z-for-a": lambda z, a, da: da * z * (1 - z),
    "sign": lambda z, a, da: -da * a * (1 - a),
    "zero": lambda z, a, da: da * 0,
    "barely": lambda z, a, da: da * a * (1 - a) * (1 + 1e-12),
    "nan": lambda z, a, da: da * np.nan,
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_rule_is_caught(mistake):
    """A wrong derivative of a hidden sigmoid fails the gradients below it, and no other."""
    system = systems.get("xor-sigmoid")
    layers = (Dense(3, wrong(SIGMOID, MISTAKES[mistake])), Dense(1, SIGMOID))

    verdicts = list(gradients(replace(system, network=replace(system.network, layers=layers))))

    assert {v.id.split("::")[-1] for v in verdicts if v.status == "failed"} == {"W1", "b1"}


def test_the_diagonal_defect_must_be_there():
    """If somebody mends document 001's Jacobian silently, the check that asserts the defect fails."""
    system = systems.get("mnist-sigmoid-numpy")
    *hidden, last = system.network.layers
    mended = replace(last, activation=replace(last.activation, backward=SOFTMAX.backward))
    small = replace(system, network=replace(system.network, layers=(*hidden, mended)))

    failed = {v.id.split("::", 1)[1] for v in gradients(small) if v.status == "failed"}

    assert {"gradient::W3", "gradient-of-no-loss::W3"} <= failed


@pytest.mark.parametrize("error", [np.nan, np.inf])
def test_nan_never_passes(error):
    """A check whose error is NaN fails, whichever side its limit is on; infinity fails a limit from above."""
    assert at_most("a::b::c", error, 1.0, "").status == "failed"
    assert at_least("a::b::c", np.nan, 1.0, "").status == "failed"
