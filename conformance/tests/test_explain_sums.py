"""Derivatives and losses that are sums of terms, errors that are replaced, and engines that pass gradients on wrongly."""

import numpy as np
import pytest
from explain_problems import AMPLE, of, xor
from test_explain_kinds import Sloped, described

from nn_conformance.cases.families import build_network
from nn_conformance.explain import explain
from nn_conformance.judge.target import Answer
from nn_reference.network import forward, loss_and_gradients


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

    name = "printed"
    does = ("evaluate",)

    def __init__(self, loss):
        self.loss = loss

    def evaluate(self, network, params, x, t):
        built = build_network(network)
        _, gradients = loss_and_gradients(built, params, x, t)
        return Answer(float(self.loss(forward(built, params, x)[-1].a, t)), gradients)


@pytest.mark.parametrize(
    ("last", "loss", "printed", "slug"),
    [
        ("identity", "squared_error", lambda y, t: np.sum((y - 2 * t) ** 2) / len(t), "loss-of-altered-outputs"),
        ("identity", "squared_error", lambda y, t: np.linalg.norm(y - t) / len(t), "root-of-loss"),
        ("identity", "squared_error", lambda y, t: np.mean(y - t) ** 2, "error-summed"),
        ("softmax", "cross_entropy", lambda y, t: -np.sum(np.log(y)) / len(t), "loss-terms"),
        ("softmax", "cross_entropy", lambda y, t: -np.log(np.sum(t * y) / len(t)), "log-of-mean"),
        ("softmax", "cross_entropy", lambda y, t: np.nan, "loss-never-finite"),
    ],
    ids=["altered", "a norm", "a mean", "all classes", "outside", "no number"],
)
def test_another_number_that_is_printed_is_named(last, loss, printed, slug):
    """What the loss is computed from is said, and the gradients are right."""
    explanation = explain(Printed(printed), described("tanh", last, loss), budget=AMPLE)
    assert slug in explanation.slugs <= {slug, "log-of-zero"}
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
