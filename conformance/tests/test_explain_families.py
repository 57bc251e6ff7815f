"""Mistakes of families that people write: what goes back, constants of the forward pass, operations of engines, circumstances."""

from dataclasses import replace

import numpy as np
import pytest
from explain_problems import AMPLE, of, sigma, xor

from nn_conformance.cases.text import network
from nn_conformance.explain import chance, engine_rules, explain
from nn_conformance.explain.asking import draw, sized
from nn_conformance.explain.search import delta
from nn_conformance.explain.trace import trace
from nn_conformance.oracles import reference


@pytest.mark.parametrize(
    ("rules", "slug", "formula"),
    [
        ({"back": lambda d, W: np.abs(d @ W.T)}, "error-magnitude", "|δWᵀ|"),
        ({"back": lambda d, W: d @ (W / np.linalg.norm(W)).T}, "weights-other", "W/‖W‖"),
        ({"loss": lambda e: np.mean(np.abs(e) ** 3) + np.mean(e**2)}, "loss-terms", "(y-t)²"),
    ],
)
def test_a_family_is_named_with_its_formula(rules, slug, formula):
    """The rule's name and its formula are said, and every number comes out."""
    explanation = of(xor(**rules))
    [finding] = explanation.findings
    assert finding.slug == slug
    assert formula in finding.uses
    assert explanation.confirmed


def test_a_constant_of_the_forward_pass_is_fitted():
    """Units that are scaled by a constant of the author's own are told with it."""

    def function(params, x, t):
        h = 0.83 * sigma(x @ params["W1"] + params["b1"])
        o = sigma(h @ params["W2"] + params["b2"])
        d2 = 2 * (o - t) / t.size * o * (1 - o)
        d1 = d2 @ params["W2"].T * h * (1 - h / 0.83)
        return np.mean((o - t) ** 2), {"W1": x.T @ d1, "b1": d1.sum(0), "W2": h.T @ d2, "b2": d2.sum(0)}

    [finding] = of(function).findings
    assert finding.slug == "activation-scaled"
    assert finding.constants["s"] == pytest.approx(0.83, rel=1e-6)


def test_many_samples_of_which_some_count_are_told():
    """A default that cuts larger batches is found from the number of samples on, and the samples that count."""

    def function(params, x, t):
        return xor()(params, x[:16], t[:16])

    [finding] = of(function).findings
    assert finding.slug == "samples-drawn"
    assert finding.when == "with more than 16 samples"


class OfProbabilities:
    """The reference, with a loss that is this of its outputs and targets."""

    name, does = "of probabilities", ("evaluate",)

    def __init__(self, loss):
        self.loss = loss

    def evaluate(self, described, params, x, t, **_):
        answer = reference.evaluate(described, params, x, t)
        return replace(answer, loss=float(np.sum(self.loss(answer.layers[-1].a, t)) / len(t)), layers=None)


@pytest.mark.parametrize(
    ("loss", "slug"),
    [
        (lambda p, t: -t * np.log(np.clip(p, 0.05, 0.95)), "loss-clipped"),
        (lambda p, t: -t * np.log(np.maximum(p, 0.05)), "loss-clipped"),
        (lambda p, t: -1.2345 * t * np.log(p), "loss-scaled"),
    ],
    ids=["clip", "floor", "factor"],
)
def test_a_bound_on_probabilities_is_told_from_a_factor(loss, slug):
    """A loss whose probabilities are kept from 0 is named with its bound, and a factor of any value without one."""
    found = explain(OfProbabilities(loss), network("3-4 tanh-3 softmax, cross-entropy"), budget=AMPLE).findings
    assert slug in [f.slug for f in found]
    assert {f.slug for f in found} <= {slug, "log-of-zero"}
    assert found[0].constants.get("bound", 0.05) == 0.05


def test_what_is_not_explained_is_placed():
    """Of arrays without an explanation the first wrong place is said, from the outputs on."""
    explanation = of(xor(b1=lambda d1: np.sin(7 * d1.sum(0)) + d1.sum(0) ** 2))
    assert (
        "first wrong: db1: its sum over samples, and not the error of layer 1, as dW1 is right" in explanation.lines()
    )


@pytest.mark.parametrize(
    "text", ["3-4 tanh-3 softmax, cross-entropy", "3-4 sigmoid-2, squared-error", "3-4 tanh-1 sigmoid, bce"]
)
def test_an_engine_without_a_wrong_rule_is_right(text):
    """Each way of building a loss and an activation of operations has the right derivative, by the rules that come first."""
    tr = trace(draw(sized(network(text), [3, 4, 3 if "softmax" in text else 1]), 5, 1, "float64"))
    for _, start, built, final in engine_rules.losses(tr):
        slope = engine_rules.taped(built, start).slope()
        expected = delta(tr, 2) if final else tr.net.loss.gradient(tr.y, tr.t)
        ratio = slope / expected
        assert np.allclose(ratio, ratio.flat[0], rtol=1e-9)
    for built in engine_rules.ACTIVATIONS[tr.kind(1)].values():
        slope = engine_rules.taped(built, tr.z[1]).slope()
        assert np.allclose(slope, tr.through(1, np.ones_like(tr.z[1])), rtol=1e-9)


def test_the_order_of_rows_is_found_only_where_there_is_one():
    """Right gradients are in no other order."""
    assert chance.paired([]) == []
