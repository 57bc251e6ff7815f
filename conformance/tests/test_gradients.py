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

    assert {(v.id.split("::")[-1], v.limit) for v in verdicts if v.rung == "gradient"} == {
        (name, 1e-13) for name in system.network.shapes
    }
    assert [verdict for verdict in verdicts if verdict.status != "passed"] == []


# Figures that document 002 prints, and what may be off by one in the last digit because the text calls it close.
HOMEWORK = {
    "loss": "0.1332476222330792",
    "gradient-W1[0,0]": "0.00244596", "gradient-W1[0,1]": "0.00262019", "gradient-W1[1,0]": "-0.00030765",
    "gradient-W1[1,1]": "-0.00024188", "gradient-W1[2,0]": "-0.00034768", "gradient-W1[2,1]": "-0.000372",
    "gradient-W2[0]": "0.02216011", "gradient-W2[1]": "0.02433097", "gradient-W2[2]": "0.01797174",
    "gradient-b1[0]": "0.00492577", "gradient-b1[1]": "-0.00058023", "gradient-b1[2]": "-0.00065977",
    "gradient-b2": "0.029249230265318685",
}  # fmt: skip
HINTS = ("hint-loss", "hint-gradient-b1[0]", "hint-gradient-b1[1]", "hint-gradient-b1[2]")


def half_a_unit(printed):
    """Half a unit of the last printed digit and four roundings of the value, in such units."""
    return 0.5 + 4 * abs(float(printed)) * 2**-53 * 10.0 ** len(printed.partition(".")[2])


RUNS = [f"{dtype}-seed-{seed}" for dtype in ("float64", "float32") for seed in range(5)]
LIMITS = {
    "homework": {
        **{f"printed::{quantity}": half_a_unit(printed) for quantity, printed in HOMEWORK.items()},
        **{f"printed::{hint}": 1.0 for hint in HINTS},
        **{f"gradient::{name}": 1e-13 for name in ("W1", "b1", "W2", "b2")},
    },
    "iris-relu-adam": {
        "printed::test_accuracy_percent": 0.5,
        **{f"gradient::{name}": 1e-13 for name in ("W1", "b1", "W2", "b2")},
    },
    "mnist-sigmoid-numpy": {
        **{f"absorbed::{run}": 100 for run in RUNS},
        **{f"printed::test_accuracy_percent-{run}": 0.5 for run in RUNS},
        **{f"gradient::{name}": 1e-13 for name in ("W1", "W2", "W3")},
        **{f"gradient-of-no-loss::{name}": 1e-3 for name in ("W1", "W2", "W3")},
    },
}


@pytest.mark.parametrize("name", LIMITS)
def test_no_check_is_missing_and_no_limit_is_loosened(name):
    """The checks of a system that prints what can be settled at once: every id, every limit, and its side."""
    verdicts = list(check(systems.get(name)))
    found = {verdict.id.removeprefix(f"{name}/documented::"): verdict for verdict in verdicts}

    assert len(found) == len(verdicts)
    # The roundings are those of the computed value, which has more digits than the printed one.
    assert {i: verdict.limit for i, verdict in found.items()} == pytest.approx(LIMITS[name], rel=1e-8)
    assert {i for i, verdict in found.items() if verdict.at_least} == {
        i for i in LIMITS[name] if i.startswith("gradient-of-no-loss::")
    }


def log_of_softmax_over(axis, z):
    """Textbook formula, complex numbers and all, for small z."""
    return np.log(np.exp(z) / np.exp(z).sum(axis=axis, keepdims=True))


def one_linear_layer(activation, loss):
    """Three inputs, three outputs, no bias: with x the identity, dW is dz."""
    return Network(3, (Dense(3, activation, bias=False),), loss)


def assert_loss_and_gradient(value, gradient, plain, weights):
    """The loss is plain(weights), and each entry of its gradient what complex step of `plain` gives."""
    assert value == pytest.approx(plain(weights), rel=1e-14)
    for index in np.ndindex(weights.shape):
        moved = weights.astype(complex)
        moved[index] += 1j * STEP
        assert gradient[index] == pytest.approx(plain(moved).imag / STEP, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize(
    ("activation", "loss"),
    [(SOFTMAX, CrossEntropy()), (SOFTMAX, CrossEntropy(from_logits=True))],
    ids=["fused", "twice"],
)
def test_targets_need_not_sum_to_one(activation, loss):
    """With Σt of 3, 0.5 and 0, backpropagation is complex step of the loss written out, through softmax and after it."""
    network = one_linear_layer(activation, loss)
    rng = np.random.RandomState(1)
    weights, x = rng.uniform(-1, 1, (3, 3)), rng.uniform(-1, 1, (3, 3))
    t = np.array([[2.0, 0.5, 0.5], [0.25, 0.0, 0.25], [0.0, 0.0, 0.0]])

    def plain(w):
        log_a = log_of_softmax_over(-1, x @ w)
        return -np.sum(t * (log_of_softmax_over(-1, np.exp(log_a)) if loss.from_logits else log_a)) / 3

    value, found = loss_and_gradients(network, {"W1": weights}, x, t)

    assert_loss_and_gradient(value, found["W1"], plain, weights)


def test_a_diagonal_softmax_is_not_fused_with_cross_entropy():
    """Its dz is (-t/a/N)·a(1-a) = -t(1-a)/N, the document's kind of rule, and not (a-t)/N."""
    network = one_linear_layer(Softmax(derivative="diagonal"), CrossEntropy())
    x, t = np.eye(3), np.eye(3)[[1, 0, 2]]
    weights = np.random.RandomState(2).uniform(-1, 1, (3, 3))
    a = np.exp(weights) / np.exp(weights).sum(axis=1, keepdims=True)

    _, found = loss_and_gradients(network, {"W1": weights}, x, t)

    assert np.allclose(found["W1"], -t * (1 - a) / 3, rtol=1e-13, atol=1e-16)
    assert np.max(np.abs(found["W1"] - (a - t) / 3)) > 0.01


def test_a_softmax_over_the_batch_is_not_fused_with_cross_entropy():
    """Loss and gradient are those of -Σ t·log of the softmax over the samples, written out."""
    network = one_linear_layer(Softmax(axis=-2), CrossEntropy())
    rng = np.random.RandomState(3)
    x, t, weights = rng.uniform(-1, 1, (4, 3)), np.eye(3)[[0, 1, 1, 2]], rng.uniform(-1, 1, (3, 3))

    def plain(w):
        return -np.sum(t * log_of_softmax_over(-2, x @ w)) / 4

    value, found = loss_and_gradients(network, {"W1": weights}, x, t)

    assert_loss_and_gradient(value, found["W1"], plain, weights)


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
