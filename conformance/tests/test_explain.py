"""Wrong gradients and losses are explained by the rules that made them."""

import msgspec
import numpy as np
import pytest
from explain_problems import AMPLE, LINEAR, SLIPS, Changed, Direct, of, of_slip, relu_network, sigma, xor
from spread import everyday

from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import describe_network
from nn_conformance.explain import explain
from nn_conformance.judge.target import Answer, Unsupported
from nn_conformance.oracles import reference
from nn_conformance.subjects import subject_of
from nn_reference.systems import get

# Of each kind of slip one: in a derivative, a sum, a factor and a loss; and several at once.
EVERYDAY = ("a flat spot filled", "the last sample's bias", "a constant of its own", "loss shifted", "three at once")


@pytest.mark.parametrize("name", everyday(SLIPS, EVERYDAY))
def test_a_slip_in_one_place_is_named_with_its_formula(name):
    """The rule that is wrong is named, its formula is shown, and the mutant makes every number."""
    _, slugs, formula = SLIPS[name]
    explanation = of_slip(name)
    assert slugs <= explanation.slugs
    assert explanation.confirmed
    assert any(formula in finding.uses for finding in explanation.findings)


@pytest.mark.parametrize(
    ("constants", "slug", "name"),
    [
        ({"slope": 0.013}, "relu-leaky", "share"),
        ({"decay": 7.3e-4}, "penalty-in-gradient", "lambda"),
        ({"clip": 0.06}, "gradient-clipped", "bound"),
        ({"epsilon": 2e-3}, "log-epsilon", "epsilon"),
    ],
)
def test_a_constant_of_the_author_is_fitted(constants, slug, name):
    """Slope, penalty, bound and ε are found to six digits, whatever they are."""
    explanation = of(relu_network(**constants), "mnist-relu/documented")
    [finding] = explanation.findings
    assert finding.slug == slug
    assert finding.constants[name] == pytest.approx(next(iter(constants.values())), rel=1e-6)
    assert explanation.confirmed


def test_what_no_rule_makes_is_not_explained_but_placed():
    """A gradient of no formula has no name: it is said to be unexplained, and where the first wrong place is."""
    explanation = of(xor(b1=lambda d1: np.sin(7 * d1.sum(0)) + d1.sum(0) ** 2))
    assert not explanation.slugs
    assert not explanation.confirmed
    assert explanation.unexplained == ["db1"]
    said = "first wrong: db1: its sum over samples, and not the error of layer 1, as dW1 is right"
    assert said in explanation.lines()


def test_a_target_of_fixed_sizes_is_explained_on_these():
    """A target that takes its own widths only is asked for no others after it refused."""
    network = describe_network(get("xor-sigmoid/documented").network)
    shapes = {"W1": (2, 3), "b1": (3,), "W2": (3, 1), "b2": (1,)}
    wrong = subject_of(SLIPS["the last sample's bias"][0], ["xor-sigmoid/documented"]).target

    class Fixed:
        name = "fixed"

        def evaluate(self, network, params, x, t, *, gradients=True):
            if {name: p.shape for name, p in params.items()} != shapes:
                raise Unsupported("other sizes")
            return wrong.evaluate(network, params, x, t)

        def train(self, *args, **more):
            raise Unsupported("no updates")

    explanation = explain(Fixed(), network, budget=AMPLE)
    assert "bias-of-last-sample" in explanation.slugs
    assert explanation.confirmed


def test_what_is_wrong_with_one_sample_only_says_so():
    """A rule that is wrong with a batch of one, and right with more, is named with that condition."""

    def thrice(loss, gradients, x):
        return loss, gradients | {"W1": gradients["W1"] * (3 if len(x) == 1 else 1)}

    explanation = explain(Changed(thrice), LINEAR, budget=AMPLE)
    [finding] = explanation.findings
    assert finding.arrays == ("dW1",)
    assert finding.when == "with a batch of one"
    assert explanation.confirmed


def penalised(weights=0.02, biases=0.0, square=0.01):
    """The network of xor with a penalty: the factor of W and of b in the gradient, of ΣW² in the loss."""

    def function(params, x, t):
        loss, found = xor()(params, x, t)
        squares = sum((p**2).sum() for n, p in params.items() if n[0] == "W")
        factors = {"W": weights, "b": biases}
        return loss + square * squares, {n: g + factors[n[0]] * params[n] for n, g in found.items()}

    return function


def of_penalised(function):
    """Against λΣW² with λ = 0.01."""
    described = describe_network(get("xor-sigmoid/documented").network)
    network = msgspec.structs.replace(described, penalty=fmt.Penalty(0.01, "1"))
    return explain(Direct(lambda *given: Answer(*function(*given))), network, budget=AMPLE)


@pytest.mark.parametrize(
    ("changed", "slug", "uses", "right"),
    [
        ({"weights": 0.01}, "penalty-scaled", "0.01·W added", "0.02·W added"),
        ({"weights": 0.0}, "penalty-missing", "none", "0.02·W added"),
        ({"biases": 0.02}, "penalty-of-biases", "0.02·b added", "no penalty"),
        ({"square": 0.005}, "penalty-scaled", "L = L* + 0.005·Σ W², L* without a penalty", "0.01·1·Σ W²"),
        ({"square": 0.0}, "penalty-missing", "L*, without its penalty", "0.01·1·Σ W²"),
    ],
)
def test_a_wrong_penalty_is_said_beside_the_right_one(changed, slug, uses, right):
    """The whole coefficient is given against the described one, where the penalty is wrong in one place only."""
    explanation = of_penalised(penalised(**changed))
    [finding] = explanation.findings
    assert (finding.slug, finding.uses, finding.right) == (slug, uses, right)
    assert explanation.confirmed


@pytest.mark.parametrize("shown", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_float16_is_named(shown):
    """Errors of float16 in all arrays are that precision's, whether the loss is shown too or not."""

    def half(params, x, t):
        loss, found = xor()({n: p.astype(np.float16) for n, p in params.items()}, x.astype(np.float16), t)
        gradients = {n: g.astype(np.float64) for n, g in found.items()}
        return (float(loss), gradients) if shown else gradients

    assert of(half).slugs == {"half-precision"}


@pytest.mark.parametrize("factor", [1.0, 1.1])
def test_a_factor_in_float32_is_not_taken_for_noise(factor):
    """Right numbers of float32 are that precision's alone; gradients that are 1.1 times as large are not excused by it."""
    single = Changed(lambda loss, gradients, x: (loss, {n: factor * g for n, g in gradients.items()}), np.float32)
    explanation = explain(single, LINEAR, budget=AMPLE)
    assert not any("differences" in finding.uses for finding in explanation.findings)
    assert (explanation.slugs == {"single-precision"}) == (factor == 1)


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


class Rough:
    """Differences of the reference's loss over a large step, from one side."""

    name, does = "rough", ("evaluate",)

    def evaluate(self, described, params, x, t, **_):
        loss = reference.evaluate(described, params, x, t).loss
        found = {name: np.zeros_like(p) for name, p in params.items()}
        for name, gradient in found.items():
            for index in np.ndindex(gradient.shape):
                moved = {n: p.copy() for n, p in params.items()}
                moved[name][index] += 1e-3
                gradient[index] = (reference.evaluate(described, moved, x, t).loss - loss) / 1e-3
        return Answer(loss, found)


def test_rough_differences_are_no_precision():
    """Errors of a difference with a large step are told from those of float16."""
    [finding] = explain(Rough(), LINEAR, budget=AMPLE).findings
    assert finding.slug == "rough-differences"
    assert finding.constants == {"h": 1e-3}
