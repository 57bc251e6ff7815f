"""Every activation and loss is explained without a crash; slips in their formulas, printed losses, and engines are named."""

import itertools
from typing import get_args

import numpy as np
import pytest
from explain_problems import AMPLE, Changed, Direct, Sloped, described, of, xor
from spread import everyday

from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import build_network
from nn_conformance.cases.text import network
from nn_conformance.explain import Budget, explain
from nn_conformance.judge.target import Answer
from nn_reference.activations import log_softmax
from nn_reference.network import forward, loss_and_gradients

KINDS = get_args(fmt.Activation.__annotations__["kind"])
LOSSES = get_args(fmt.Loss.__annotations__["kind"])

EVERYDAY = {("leaky_relu", "squared_error"), ("softmax", "cross_entropy"), ("gelu", "binary_cross_entropy")}
PAIRS = everyday(itertools.product(KINDS, LOSSES), EVERYDAY)


@pytest.mark.parametrize(("kind", "loss"), PAIRS)
def test_no_activation_or_loss_makes_an_explanation_crash(kind, loss):
    """A derivative that is left out and a nonsense one, in a hidden layer or the last, are answered with lines."""
    hidden = [((1,), described(kind, "identity", loss))] if loss == "squared_error" else []
    for layers, net in [*hidden, ((2,), described("tanh", kind, loss))]:
        missing = explain(Sloped(lambda z, a, da: da, layers), net, budget=Budget(40, 0.3))
        wild = explain(Sloped(lambda z, a, da: da * np.cos(3 * z), layers), net, budget=Budget(40, 0.1))
        assert all(isinstance(line, str) for line in (*missing.lines(), *wild.lines()))
        assert not wild.confirmed


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
        ("elu", lambda z, a, da: da * np.where(z > 0, 1, a), "derivative-other", "[z > 0] + [z < 0]·a"),
        ("leaky_relu", lambda z, a, da: da * np.where(z > 0, 0.01, 1), "derivative-other", "φ′(-z)"),
        ("sigmoid", lambda z, a, da: da * a - a * a, "derivative-not-multiplied", "g·a - a²"),
        ("tanh", lambda z, a, da: da + 1 - a * a, "derivative-not-multiplied", "g + φ′"),
    ],
    ids=["silu, a bracket", "elu, a", "swapped", "no bracket", "added"],
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


@pytest.mark.parametrize(
    ("joined", "slug"), [(lambda w, p: w, "skip-left-out"), (lambda w, p: p, "skip-only"), (lambda w, p: w + p, None)]
)
def test_a_gradient_of_one_use_only_is_told(joined, slug):
    """Where a value is used twice, by weights and by a skip connection, the one that is lost is named; the sum is right."""

    def target(params, x, t):
        a1 = np.tanh(x @ params["W1"] + params["b1"])
        a2 = np.tanh(a1 @ params["W2"] + params["b2"])
        log_p = log_softmax((a2 + a1) @ params["W3"] + params["b3"])
        d3 = (np.exp(log_p) - t) / len(x)
        sent = d3 @ params["W3"].T
        d2 = sent * (1 - a2**2)
        d1 = joined(d2 @ params["W2"].T, sent) * (1 - a1**2)
        found = {
            "W1": x.T @ d1,
            "b1": d1.sum(0),
            "W2": a1.T @ d2,
            "b2": d2.sum(0),
            "W3": (a2 + a1).T @ d3,
            "b3": d3.sum(0),
        }
        return Answer(-(t * log_p).sum() / len(x), found)

    described = network("4-4 tanh-4 tanh skip-3 softmax, cross-entropy")
    explanation = explain(Direct(target), described, budget=AMPLE)
    assert explanation.slugs == ({slug} if slug else set())
    assert not explanation.unexplained


def test_a_layer_that_reads_another_one_is_told():
    """Layer 3 of equal widths that takes a1 for a2 is found by the losses, and said with what it reads."""

    def target(params, x, t):
        a1 = np.tanh(x @ params["W1"] + params["b1"])
        a2 = np.tanh(a1 @ params["W2"] + params["b2"])
        log_p = log_softmax(a1 @ params["W3"] + params["b3"])
        d3 = (np.exp(log_p) - t) / len(x)
        d2 = d3 @ params["W3"].T * (1 - a2**2)
        d1 = d2 @ params["W2"].T * (1 - a1**2)
        found = {f"W{k}": a.T @ d for k, (a, d) in enumerate(((x, d1), (a1, d2), (a2, d3)), 1)}
        found |= {f"b{k}": d.sum(0) for k, d in enumerate((d1, d2, d3), 1)}
        return Answer(-(t * log_p).sum() / len(x), found)

    [finding] = explain(Direct(target), network("4-4 tanh-4 tanh-4 softmax, cross-entropy"), budget=AMPLE).findings
    assert (finding.slug, finding.layer, finding.uses) == ("layer-input-other", 3, "z = a1·W3 + b3")


def test_cases_with_several_outputs_tell_rules_apart_that_are_one_with_one_output():
    """That the first sample's δ is summed over outputs shows with three outputs, where the target takes them."""
    [finding] = of(xor(b2=lambda d: np.full(d.shape[1], d[0].sum()))).findings
    assert (finding.uses, finding.arrays) == ("db = δ[0].sum(), one number for all units", ("db2",))


def test_classes_that_count_otherwise_are_told():
    """A class that is left out of every gradient is found from the weights of samples, whatever the class is."""
    described = network("3-3 softmax, cross-entropy")
    built = build_network(described)

    def target(params, x, t):
        rows = t[:, 0] == 0
        found = loss_and_gradients(built, params, x[rows], t[rows])[1] if rows.any() else {}
        gradients = {n: found[n] * rows.sum() / len(x) if found else 0 * p for n, p in params.items()}
        return Answer(float(loss_and_gradients(built, params, x, t)[0]), gradients)

    explanation = explain(Direct(target), described, budget=AMPLE)
    [finding] = explanation.findings
    assert finding.slug == "samples-weighted"
    assert finding.uses == "class 0 counts 0 times"
    assert "loss" in explanation.right
