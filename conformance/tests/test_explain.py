"""Wrong gradients and losses are explained by the rules that made them, and right ones are not explained."""

import json
from dataclasses import replace
from pathlib import Path
from runpy import run_path

import msgspec
import numpy as np
import pytest

from nn_conformance.adapt.claims import claim_of
from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import describe_network, describe_optimizer
from nn_conformance.cases.text import network
from nn_conformance.explain import Budget, Case, explain
from nn_conformance.explain.asking import draw, sized
from nn_conformance.explain.factors import monomials
from nn_conformance.judge.target import Answer, Unsupported
from nn_conformance.oracles import reference
from nn_conformance.subjects import subject_of
from nn_maintain.mistakes import CATALOGUE
from nn_maintain.mistakes.mistaken import Mistaken
from nn_reference.systems import SYSTEMS, get

AMPLE = Budget(150, 30.0)  # the clock of a busy machine decides nothing here
EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples").glob("*.py"))


def sigma(z):
    return 1 / (1 + np.exp(-z))


def xor(**rules):
    """A backward pass for xor-sigmoid, of which some rules are others."""
    rule = {
        "error": lambda o, t: 2 * (o - t) / t.size,
        "output": lambda o, z, e: o * (1 - o),
        "sent": lambda d2, e: d2,
        "back": lambda d2, W2: d2 @ W2.T,
        "hidden": lambda h, z: h * (1 - h),
        "W2": lambda h, d2, z: h.T @ d2,
        "b2": lambda d2: d2.sum(0),
        "W1": lambda x, d1: x.T @ d1,
        "b1": lambda d1: d1.sum(0),
        "loss": lambda e: np.mean(e**2),
        **rules,
    }

    def function(params, x, t):
        z1 = x @ params["W1"] + params["b1"]
        h = sigma(z1)
        z2 = h @ params["W2"] + params["b2"]
        o = sigma(z2)
        e = rule["error"](o, t)
        d2 = e * rule["output"](o, z2, o - t)
        d1 = rule["back"](rule["sent"](d2, e), params["W2"]) * rule["hidden"](h, z1)
        found = {"W1": rule["W1"](x, d1), "b1": rule["b1"](d1), "W2": rule["W2"](h, d2, z1), "b2": rule["b2"](d2)}
        return rule["loss"](o - t), found

    return function


def of(function, name="xor-sigmoid/documented", **more):
    system = get(name)
    return explain(subject_of(function, [system.id]).target, describe_network(system.network), budget=AMPLE, **more)


# A function, the slugs that it is named by, and what its report says in its formulas.
SLIPS = {
    "output derivative only in dW2": (xor(sent=lambda d2, e: e), {"derivative-in-one-use"}, "1"),
    "derivative of the error": (xor(output=lambda o, z, e: e * (1 - e)), {"derivative-of-error"}, "e(1-e)"),
    "one number for all biases": (xor(b1=lambda d1: np.full(d1.shape[1], d1.sum())), {"bias-grand-total"}, "δ.sum()"),
    "the last sample's bias": (xor(b1=lambda d1: d1[-1]), {"bias-of-last-sample"}, "δ[-1]"),
    "divided once more": (xor(W1=lambda x, d: x.T @ d / len(x), b1=lambda d: d.mean(0)), {"array-scaled"}, "1/N"),
    "divided by the inputs": (xor(W1=lambda x, d: x.T @ d / x.shape[1]), {"array-scaled"}, "1/D"),
    "a constant of its own": (xor(W2=lambda h, d, z: 0.37 * h.T @ d), {"array-scaled"}, "0.37"),
    "one function in both layers": (
        xor(output=lambda o, z, e: z * (1 - z), hidden=lambda h, z: z * (1 - z)), {"z-for-a"}, "z(1-z)",
    ),
    "z for a in dW2": (xor(W2=lambda h, d, z: z.T @ d), {"preactivation-cached"}, "zᵀδ"),
    "product of sums": (xor(W1=lambda x, d: np.outer(x.sum(0), d.sum(0))), {"product-of-sums"}, "Σa · Σδ"),
    "overwritten": (xor(W1=lambda x, d: np.outer(x[-1], d[-1])), {"overwritten"}, "last sample"),
    "a flat spot filled": (xor(hidden=lambda h, z: h * (1 - h) + 0.07), {"derivative-shifted"}, "0.07"),
    "loss shifted": (xor(loss=lambda e: np.mean(e**2) + 3e-4), {"loss-constant"}, "0.0003"),
    "loss halved": (xor(loss=lambda e: np.mean(e**2) / 2), {"loss-half"}, "½"),
    "two at once": (
        xor(error=lambda o, t: 2 * (o - t), b2=lambda d: d[0]), {"bias-of-one-sample"}, "δ[0]",
    ),
    "three at once": (
        xor(output=lambda o, z, e: 1, hidden=lambda h, z: h, loss=lambda e: np.sum(e**2)), {"output-derivative-missing", "sigmoid-first-power"}, "a",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_in_one_place_is_named_with_its_formula(name):
    """The rule that is wrong is named, its formula is shown, and the mutant makes every number."""
    function, slugs, formula = SLIPS[name]
    explanation = of(function)
    assert slugs <= explanation.slugs
    assert explanation.confirmed
    assert any(formula in finding.uses for finding in explanation.findings)


def test_what_is_right_is_said_and_is_not_blamed():
    """Arrays that are right are listed as right, and no finding claims to explain them."""
    explanation = of(SLIPS["the last sample's bias"][0])
    assert explanation.right == ("loss", "dW1", "dW2", "db2")
    assert {array for finding in explanation.findings for array in finding.arrays} == {"db1"}


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
    assert explanation.unexplained == ("dW1",)
    assert not explanation.confirmed


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_right_examples_are_not_explained(path):
    """Nothing is said of a right program, in any network and precision that it claims."""
    for value in run_path(str(path)).values():
        claim = claim_of(value) if callable(value) else None
        for system in SYSTEMS if claim and claim.systems else ():
            if claim.covers(system.id):
                for dtype in claim.dtypes:
                    optimizer = describe_optimizer(system.recipe.optimizer)
                    target = subject_of(value, [system.id]).target
                    explanation = explain(target, describe_network(system.network), optimizer, dtype, budget=AMPLE)
                    assert not explanation.slugs, (system.id, dtype, explanation.lines())
                    assert not explanation.unexplained, (system.id, dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.id)
def test_the_reference_is_not_explained(system, dtype):
    """The reference itself has no mistake, in either precision."""
    optimizer = describe_optimizer(system.recipe.optimizer)
    explanation = explain(Mistaken(), describe_network(system.network), optimizer, dtype, budget=AMPLE)
    assert not explanation.slugs
    assert not explanation.unexplained


@pytest.mark.parametrize(
    "optimizer",
    [
        *(fmt.Optimizer("sgd", 0.125, momentum=0.5, dialect=d) for d in ("classical", "rate", "nesterov", "averaged")),
        fmt.Optimizer("rmsprop", 0.125, beta2=0.5, epsilon=1e-8, placement="torch"),
        fmt.Optimizer("adagrad", 0.125, epsilon=1e-8, placement="torch"),
        *(fmt.Optimizer("adam", 0.1, beta1=0.9, beta2=0.99, epsilon=1e-7, placement=p) for p in ("torch", "keras")),
    ],
    ids=lambda o: f"{o.kind}-{o.dialect}-{o.placement}",
)
def test_a_right_optimizer_is_not_explained(optimizer):
    """The reference's update by the described rule has no mistake, in any dialect."""
    explanation = explain(reference, network("3-4 tanh-2, squared-error"), optimizer, budget=AMPLE)
    assert not explanation.slugs
    assert not explanation.unexplained


@pytest.mark.parametrize(
    ("described", "done", "slug"),
    [
        ("classical", "averaged", "momentum-averaged"),
        ("classical", "nesterov", "momentum-nesterov"),
        ("averaged", "classical", "momentum-summed"),
        ("nesterov", "classical", "momentum-summed"),
    ],
)
def test_another_dialect_of_momentum_is_named(described, done, slug):
    """A target with another dialect than the described one is told which it has."""

    class Other(Mistaken):
        def train(self, net, optimizer, *rest):
            return reference.train(net, msgspec.structs.replace(optimizer, dialect=done), *rest)

    optimizer = fmt.Optimizer("sgd", 0.125, momentum=0.5, dialect=described)
    explanation = explain(Other(), network("3-4 tanh-2, squared-error"), optimizer, budget=AMPLE)
    assert explanation.slugs == {slug}


@pytest.mark.parametrize("reduction", ["sum", "elements", "half samples"])
@pytest.mark.parametrize(
    "line", ["3-4 tanh-3 softmax, cross-entropy", "3-4 tanh-2 sigmoid, bce", "3-4 tanh-2, squared-error"]
)
def test_right_code_of_another_reduction_is_not_explained(line, reduction):
    """The reference has no mistake whatever its loss is divided by."""
    explanation = explain(Mistaken(), network(f"{line} {reduction}"), budget=AMPLE)
    assert not explanation.slugs
    assert not explanation.unexplained


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


def test_cases_of_the_caller_are_confirmed_too():
    """An explanation that does not make the caller's numbers is not confirmed, and says where it fails."""
    system = get("xor-sigmoid/documented")
    network = describe_network(system.network)
    case = replace(draw(sized(network, [2, 3, 1]), 4, 99, "float64"), label="the caller's case")
    answer = subject_of(SLIPS["the last sample's bias"][0], [system.id]).target.evaluate(
        network, case.params, case.x, case.t
    )
    good = of(SLIPS["the last sample's bias"][0], cases=[(case, answer)])
    other = of(
        SLIPS["the last sample's bias"][0],
        cases=[(case, Answer(answer.loss, {n: g + 1 for n, g in answer.gradients.items()}))],
    )
    assert good.confirmed
    assert not other.confirmed
    assert any("the caller's case" in note for note in other.notes)


def test_a_case_with_nan_is_set_aside_and_said():
    """NaN on one case of the caller does not veto the name on all others."""
    network = describe_network(get("xor-sigmoid/documented").network)
    case = replace(draw(sized(network, [2, 3, 1]), 4, 99, "float64"), label="logits of ±1000")
    empty = {n: np.full_like(p, np.nan) for n, p in case.params.items()}
    explanation = of(
        SLIPS["the last sample's bias"][0],
        cases=[(Case(case.network, case.params, case.x, case.t, label=case.label), Answer(0.1, empty))],
    )
    assert explanation.confirmed
    assert any("±1000" in text for text in explanation.aside)


def test_lines_begin_with_the_answer_and_say_how_to_mend_it():
    """The first lines say what is wrong, what is used and how it is mended; right parts follow."""
    lines = of(SLIPS["one number for all biases"][0]).lines()
    assert lines[0] == "wrong: layer 1, where db1 is summed"
    assert lines[1].startswith("  you use  db = δ.sum()")
    assert lines[3].startswith("  mend")
    assert lines[-1] == "right: loss, dW1, dW2, db2"


def test_the_record_is_json():
    """An explanation goes through JSON with its findings as records."""
    record = json.loads(json.dumps(of(SLIPS["two at once"][0]).as_json()))
    assert {"slot", "layer", "slug", "uses", "arrays", "constants"} <= set(record["findings"][0])


def test_no_more_is_asked_than_the_budget_has():
    """The number of calls stays within the budget, and a spent budget is no crash."""
    calls = []

    def counted(params, x, t):
        calls.append(len(x))
        return SLIPS["three at once"][0](params, x, t)

    system = get("xor-sigmoid/documented")
    explain(subject_of(counted, [system.id]).target, describe_network(system.network), budget=AMPLE)
    assert len(calls) <= 150
    assert (
        explain(
            subject_of(counted, [system.id]).target, describe_network(system.network), budget=Budget(5, 0.0)
        ).confirmed
        is False
    )


def test_a_target_that_always_raises_has_no_explanation():
    """An exception in every call is said, and is no mistake of backpropagation."""

    def broken(params, x, t):
        raise ZeroDivisionError("of course")

    explanation = of(broken)
    assert not explanation.slugs
    assert any("ZeroDivisionError" in text for text in explanation.unexplained)


def test_a_letter_is_named_only_if_sizes_differ():
    """A factor of 1/3 at a width of 3 alone is a constant; with a second width it is 1/H."""
    one = [({"N": 4.0, "H": 3.0}, 1 / 3), ({"N": 6.0, "H": 3.0}, 1 / 3)]
    assert next(monomials(one, 1e-9)).text() == "1/3"
    assert next(monomials([*one, ({"N": 6.0, "H": 5.0}, 1 / 5)], 1e-9)).text() == "1/H"


def test_a_constant_that_differs_from_case_to_case_is_none():
    """Factors that no monomial makes are no factor."""
    assert not list(monomials([({"N": 4.0}, 0.31), ({"N": 6.0}, 0.97), ({"N": 7.0}, 0.11)], 1e-9))


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


def test_float16_is_told_from_rough_differences():
    """Errors of float16 in all arrays are that precision's; those of a difference with a large step are no precision."""

    def half(params, x, t):
        loss, found = xor()({n: p.astype(np.float16) for n, p in params.items()}, x.astype(np.float16), t)
        return float(loss), {n: g.astype(np.float64) for n, g in found.items()}

    def forward(params, x, t):
        loss, found = xor()(params, x, t)
        for name, p in params.items():
            found[name] = np.zeros_like(p)
            for index in np.ndindex(p.shape):
                moved = {n: q.copy() for n, q in params.items()}
                moved[name][index] += 1e-3
                found[name][index] = (xor()(moved, x, t)[0] - loss) / 1e-3
        return loss, found

    assert of(half).slugs == {"half-precision"}
    [finding] = of(forward).findings
    assert finding.slug == "rough-differences"
    assert finding.constants == {"h": 1e-3}


def test_what_fails_at_extreme_logits_is_one_line():
    """A right network with log 0 at large logits is not wrong: it has one remark, with the size of the logits."""

    def textbook(params, x, t):
        z1 = x @ params["W1"] + params["b1"]
        h = np.maximum(z1, 0)
        z2 = h @ params["W2"] + params["b2"]
        p = np.exp(z2 - z2.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        d2 = (p - t) / len(x)
        d1 = d2 @ params["W2"].T * (z1 > 0)
        with np.errstate(all="ignore"):
            loss = -np.sum(t * np.log(p)) / len(x)
        return loss, {"W1": x.T @ d1, "b1": d1.sum(0), "W2": h.T @ d2, "b2": d2.sum(0)}

    lines = of(textbook, "mnist-relu/documented").lines()
    assert len(lines) == 2
    assert lines[0].startswith("also   the loss is NaN or infinite with logits as large as 1e+03")
    assert lines[1].startswith("right: loss")
