"""Wrong gradients and losses are explained by the rules that made them."""

import msgspec
import numpy as np
import pytest
from explain_problems import AMPLE, SLIPS, of, xor

from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import describe_network
from nn_conformance.explain import explain
from nn_conformance.judge.target import Answer, Unsupported
from nn_conformance.subjects import subject_of
from nn_maintain.mistakes import CATALOGUE
from nn_maintain.mistakes.mistaken import Mistaken
from nn_reference.systems import get


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_in_one_place_is_named_with_its_formula(name):
    """The rule that is wrong is named, its formula is shown, and the mutant makes every number."""
    function, slugs, formula = SLIPS[name]
    explanation = of(function)
    assert slugs <= explanation.slugs
    assert explanation.confirmed
    assert any(formula in finding.uses for finding in explanation.findings)


def relu_network(slope=0.0, decay=0.0, clip=0.0, epsilon=0.0):
    """A ReLU and softmax network with constants of its author's choice."""

    def function(params, x, t):
        z1 = x @ params["W1"] + params["b1"]
        h = np.maximum(z1, 0)
        z2 = h @ params["W2"] + params["b2"]
        z2 = z2 - z2.max(1, keepdims=True)
        log_p = z2 - np.log(np.exp(z2).sum(1, keepdims=True))
        d2 = (np.exp(log_p) - t) / len(x)
        d1 = d2 @ params["W2"].T * np.where(z1 > 0, 1.0, slope)
        g = {
            "W1": x.T @ d1 + decay * params["W1"],
            "b1": d1.sum(0),
            "W2": h.T @ d2 + decay * params["W2"],
            "b2": d2.sum(0),
        }
        if clip:
            size = np.sqrt(sum((v**2).sum() for v in g.values()))
            g = {k: v * min(1, clip / size) for k, v in g.items()}
        return -(t * (np.log(np.exp(log_p) + epsilon) if epsilon else log_p)).sum() / len(x), g

    return function


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


def test_what_no_rule_makes_is_not_explained():
    """A gradient of no formula has no name: it is said to be unexplained."""
    explanation = of(xor(W1=lambda x, d1: np.sin(x.T @ d1 * 7) + 0.1 * (x.T @ d1) ** 2))
    assert not explanation.slugs
    assert explanation.unexplained == ["dW1"]
    assert not explanation.confirmed


@pytest.mark.parametrize(
    "slugs",
    [
        ("z-for-a", "bias-averaged"),
        ("output-derivative-missing", "sum-for-mean"),
        ("sample-dropped", "derivative-at-a"),
    ],
)
def test_two_mistakes_of_the_catalogue_are_both_named(slugs):
    """Two mistakes in different slots are told together."""
    mistakes = [mistake for mistake in CATALOGUE if mistake.slug in slugs]
    network = describe_network(
        get("iris-sigmoid/documented" if "bias-averaged" not in slugs else "xor-sigmoid/documented").network
    )
    assert set(slugs) <= explain(Mistaken(*mistakes), network, budget=AMPLE).slugs


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
    explanation = of(xor(W1=lambda x, d: x.T @ d * (3 if len(x) == 1 else 1)))
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


class Direct:
    """A function as a target of any network."""

    def __init__(self, function):
        self.function = function

    def evaluate(self, network, params, x, t):
        return Answer(*self.function(params, x, t))


def of_penalised(function):
    """Against λΣW² with λ = 0.01."""
    described = describe_network(get("xor-sigmoid/documented").network)
    network = msgspec.structs.replace(described, penalty=fmt.Penalty(0.01, "1"))
    return explain(Direct(function), network, budget=AMPLE)


def test_a_described_penalty_is_right():
    """A network with the penalty that is described has nothing to explain, in the loss or in a gradient."""
    explanation = of_penalised(penalised())
    assert not explanation.slugs
    assert not explanation.unexplained


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


def test_a_sum_of_everything_is_one_mistake():
    """Gradients that are summed with their penalty are scaled, and their penalty is as described."""

    def summed(params, x, t):
        loss, found = penalised()(params, x, t)
        return loss, {n: 2 * g for n, g in found.items()}

    [finding] = of_penalised(summed).findings
    assert finding.slug == "factor-two"


@pytest.mark.parametrize("of_loss", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_float16_is_named(of_loss):
    """Errors of float16 in all arrays are that precision's, whether the loss is shown too or not."""

    def half(params, x, t):
        loss, found = xor()({n: p.astype(np.float16) for n, p in params.items()}, x.astype(np.float16), t)
        gradients = {n: g.astype(np.float64) for n, g in found.items()}
        return (float(loss), gradients) if of_loss else gradients

    assert of(half).slugs == {"half-precision"}


def test_rough_differences_are_no_precision():
    """Errors of a difference with a large step are told from those of float16."""

    def forward(params, x, t):
        loss, found = xor()(params, x, t)
        for name, p in params.items():
            found[name] = np.zeros_like(p)
            for index in np.ndindex(p.shape):
                moved = {n: q.copy() for n, q in params.items()}
                moved[name][index] += 1e-3
                found[name][index] = (xor()(moved, x, t)[0] - loss) / 1e-3
        return loss, found

    [finding] = of(forward).findings
    assert finding.slug == "rough-differences"
    assert finding.constants == {"h": 1e-3}
