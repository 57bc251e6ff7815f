"""Every activation and loss is explained without a crash; slips in their formulas, printed losses, and engines are named."""

import itertools
from typing import get_args

import numpy as np
import pytest
from explain_problems import AMPLE, Changed, Sloped, described, of, xor

from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import build_network
from nn_conformance.cases.text import network
from nn_conformance.explain import Budget, explain
from nn_conformance.judge.target import Answer
from nn_reference.network import forward, loss_and_gradients

KINDS = get_args(fmt.Activation.__annotations__["kind"])
LOSSES = get_args(fmt.Loss.__annotations__["kind"])

EVERYDAY = {("leaky_relu", "squared_error"), ("softmax", "cross_entropy"), ("gelu", "binary_cross_entropy")}
PAIRS = [
    pytest.param(*pair, marks=() if pair in EVERYDAY else pytest.mark.slow) for pair in itertools.product(KINDS, LOSSES)
]


@pytest.mark.parametrize(("kind", "loss"), PAIRS)
def test_no_activation_or_loss_makes_an_explanation_crash(kind, loss):
    """A derivative that is left out and a nonsense one, in a hidden layer or the last, are answered with lines."""
    hidden = [((1,), described(kind, "identity", loss))] if loss == "squared_error" else []
    for layers, net in [*hidden, ((2,), described("tanh", kind, loss))]:
        missing = explain(Sloped(lambda z, a, da: da, layers), net, budget=Budget(40, 0.3))
        wild = explain(Sloped(lambda z, a, da: da * np.cos(3 * z), layers), net, budget=Budget(40, 0.1))
        assert all(isinstance(line, str) for line in (*missing.lines(), *wild.lines()))
        assert not wild.confirmed


@pytest.mark.parametrize("kind", ["elu", "softplus", "silu", "gelu"])
def test_a_derivative_at_the_activation_is_named(kind):
    """φ′(a) for φ′(z) is found in a hidden layer, whatever the activation."""
    net = described(kind, "identity", "squared_error")
    phi = build_network(net).layers[0].activation
    target = Sloped(lambda z, a, da: phi.backward(a, phi.forward(a), da), (1,))
    explanation = explain(target, net, budget=AMPLE)
    assert explanation.slugs == {"derivative-at-a"}
    assert explanation.confirmed


@pytest.mark.parametrize("share", [0.0, 1 / 3, 2.0])
def test_a_factor_inside_of_a_derivative_is_fitted(share):
    """Where a term of GELU's derivative has another factor, the factor and the term are said."""
    tau = lambda z: np.tanh(0.7978845608028654 * (z + 0.044715 * z**3))  # noqa: E731
    slope = lambda z: 0.7978845608028654 * (1 + share * 3 * 0.044715 * z * z)  # noqa: E731
    target = Sloped(lambda z, a, da: da * ((1 + tau(z)) / 2 + z / 2 * (1 - tau(z) ** 2) * slope(z)), (1,))
    explanation = explain(target, described("gelu", "identity", "squared_error"), budget=AMPLE)
    assert explanation.slugs == {"derivative-term-other"}
    assert explanation.confirmed
    assert share == 0 or f"with {share:.6g} times" in explanation.findings[0].uses


def test_what_leaves_arrays_unexplained_is_not_said_to_be_wrong():
    """A rule that explains one array beside nonsense in another is said to fit, and by how much it falls short."""

    def half(loss, gradients, x):
        return loss, gradients | {"b2": gradients["b2"] / 7, "W1": np.sin(9 * gradients["W1"])}

    explanation = explain(Changed(half), network("3-4 tanh-2, squared-error"), budget=AMPLE)
    lines = explanation.lines()
    assert "dW1" in explanation.unexplained
    assert not any(line.startswith("wrong:") for line in lines)


def s(z):
    return 1 / (1 + np.exp(-z))


@pytest.mark.parametrize(
    ("kind", "rule", "slug", "formula"),
    [
        ("silu", lambda z, a, da: da * (a + s(z) * (1 - s(z))), "derivative-other", "σ·(1-σ) + z·σ"),
        ("silu", lambda z, a, da: da * (s(z) + z * (1 - s(z))), "derivative-other", "z + σ·(1-z)"),
        ("elu", lambda z, a, da: da * np.where(z > 0, 1, a), "derivative-other", "[z > 0] + [z < 0]·a"),
        ("sigmoid", lambda z, a, da: da * z * (1 - a), "derivative-other", "z·(1-a)"),
        ("leaky_relu", lambda z, a, da: np.where(z > 0, da, 0.01), "derivative-assigned", "φ′ itself where z ≤ 0"),
        ("leaky_relu", lambda z, a, da: da * np.where(z > 0, 0.01, 1), "derivative-other", "φ′(-z)"),
        ("sigmoid", lambda z, a, da: da * a - a * a, "derivative-not-multiplied", "g·a - a²"),
        ("tanh", lambda z, a, da: da + 1 - a * a, "derivative-not-multiplied", "g + φ′"),
    ],
    ids=["silu, a bracket", "silu, σ left out", "elu, a", "sigmoid, z", "assigned", "swapped", "no bracket", "added"],
)
def test_a_slip_in_a_derivative_is_told_by_its_formula(kind, rule, slug, formula):
    """The formula that is used is said, and the reference with it makes every number."""
    explanation = explain(Sloped(rule, (1,)), described(kind, "identity", "squared_error"), budget=AMPLE)
    assert explanation.slugs == {slug}
    assert explanation.confirmed
    assert formula in explanation.findings[0].uses


class Printed:
    """The reference that prints another loss of its outputs y and targets t, and the weights."""

    name, does = "printed", ("evaluate",)

    def __init__(self, loss):
        self.loss = loss

    def evaluate(self, network, params, x, t):
        built = build_network(network)
        _, gradients = loss_and_gradients(built, params, x, t)
        return Answer(float(self.loss(forward(built, params, x)[-1].a, t)), gradients)


# A loss whose probabilities are kept from 0 is named with its bound, and a factor of any value without one.
BOUNDS = (lambda y: np.clip(y, 0.05, 0.95), lambda y: np.maximum(y, 0.05))


@pytest.mark.parametrize(
    ("last", "loss", "printed", "slug"),
    [
        ("identity", "squared_error", lambda y, t: np.sum((y - 2 * t) ** 2) / len(t), "loss-of-altered-outputs"),
        ("identity", "squared_error", lambda y, t: np.linalg.norm(y - t) / len(t), "root-of-loss"),
        ("identity", "squared_error", lambda y, t: np.mean(y - t) ** 2, "error-summed"),
        ("softmax", "cross_entropy", lambda y, t: -np.sum(np.log(y)) / len(t), "loss-terms"),
        ("softmax", "cross_entropy", lambda y, t: -np.log(np.sum(t * y) / len(t)), "log-of-mean"),
        ("softmax", "cross_entropy", lambda y, t: np.nan, "loss-never-finite"),
        *(
            ("softmax", "cross_entropy", lambda y, t, p=p: -np.sum(t * np.log(p(y))) / len(t), "loss-clipped")
            for p in BOUNDS
        ),
        ("softmax", "cross_entropy", lambda y, t: -1.2345 * np.sum(t * np.log(y)) / len(t), "loss-scaled"),
    ],
    ids=["altered", "a norm", "a mean", "all classes", "outside", "no number", "clip", "floor", "factor"],
)
def test_another_number_that_is_printed_is_named(last, loss, printed, slug):
    """What the loss is computed from is said, and the gradients are right."""
    explanation = explain(Printed(printed), described("tanh", last, loss), budget=AMPLE)
    assert slug in explanation.slugs <= {slug, "log-of-zero"}
    assert {finding.constants.get("bound", 0.05) for finding in explanation.findings} <= {0.05}
    assert {"dW1", "db1", "dW2", "db2"} <= set(explanation.right)


def test_half_of_a_square_is_one_of_two_mistakes():
    """A gradient of ½ may lack the 2, or come of an engine that keeps one share of d·d: either … or."""
    explanation = of(xor(error=lambda o, t: (o - t) / t.size))
    assert explanation.slugs == {"factor-two", "grad-overwritten"}
    assert not explanation.findings


def test_an_engine_that_passes_on_what_has_come_so_far_is_named():
    """Of σ·z, z sends its first share on twice, and what is below gathers and sends it on once more."""

    class Engine(Sloped):
        def evaluate(self, network, params, x, t):
            first = Sloped(lambda z, a, da: da * z * s(z) * (1 - s(z)), (1,)).evaluate(network, params, x, t)
            answer = super().evaluate(network, params, x, t)
            twice = {"W1": 2, "b1": 1}
            sums = {name: g + twice.get(name, 0) * first.gradients[name] for name, g in answer.gradients.items()}
            return Answer(answer.loss, sums)

    right = Engine(lambda z, a, da: da * s(z) * (1 + z * (1 - s(z))), (1,))
    explanation = explain(right, described("silu", "identity", "squared_error"), budget=AMPLE)
    assert explanation.slugs == {"visited-again"}
