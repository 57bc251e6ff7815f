"""What is wrong from the second step on, or within a batch, where the gradients of one step are right."""

import numpy as np
import pytest
from explain_problems import AMPLE
from spread import everyday

from nn_conformance.adapt.conventions import OURS
from nn_conformance.adapt.doors import converted
from nn_conformance.cases import format as fmt
from nn_conformance.cases.text import network
from nn_conformance.explain import explain
from nn_conformance.judge.target import Run, Unsupported
from nn_conformance.oracles import reference

CLASSES = network("3-5 tanh-4 softmax, cross-entropy")
ADAM = fmt.Optimizer("adam", 0.125, beta1=0.9, beta2=0.99, epsilon=1e-3, placement="torch")


def explained(target, optimizer):
    return explain(converted(target, OURS, (CLASSES,), ("float64",)), CLASSES, optimizer, budget=AMPLE)


def gradients_of(params, x, t):
    found = reference.evaluate(CLASSES, params, x, t).gradients
    return {name: found[name] for name in params}


class Trainer:
    """Trains by plain steps, with other methods in place of some of its own."""

    name, does = "trainer", ("train",)

    def __init__(self, **others):
        vars(self).update(others)

    def evaluate(self, *_, **__):
        raise Unsupported("it only trains")

    def gradient(self, params, x, t, start):
        return gradients_of(params, x, t)

    def rows(self, batches, k, total):
        return batches[k], batches[k]

    def rate(self, lr, k):
        return lr

    def step(self, params, x, t, lr, start):
        own = self.gradient(params, x, t, start)
        return {name: p - lr * own[name] for name, p in params.items()}

    def train(self, asked):
        optimizer, x, t, batches = asked.optimizer, asked.x, asked.t, asked.batches
        if optimizer.kind != "sgd" or optimizer.momentum or asked.state is not None:
            raise Unsupported("plain steps")
        start = params = asked.params
        for k in range(len(batches)):
            of_x, of_t = self.rows(batches, k, len(x))
            params = self.step(params, x[list(of_x)], t[list(of_t)], self.rate(optimizer.learning_rate, k), start)
        return Run(None, params)


def decaying(params, x, t, lr, start):
    """Weights and biases shrink beside the step."""
    own = gradients_of(params, x, t)
    return {name: p - lr * (own[name] + 0.037 * p) for name, p in params.items()}


def within(*, summed, divided):
    """A step after each sample, by the gradients so far or by that of the sample."""

    def step(params, x, t, lr, start):
        total = dict.fromkeys(params, 0.0)
        for i in range(len(x)):
            own = gradients_of(params, x[i : i + 1], t[i : i + 1])
            total = {name: summed * total[name] + g for name, g in own.items()}
            params = {name: p - lr / (len(x) if divided else 1) * total[name] for name, p in params.items()}
        return params

    return step


# What is another in the trainer, the name of the mistake, and what its formula says.
WRONG = {
    "parameters of the start": (
        {"gradient": lambda params, x, t, start: gradients_of(start, x, t)},
        "gradients-of-start",
        "before the first step",
    ),
    "first targets": ({"rows": lambda b, k, _: (b[k], range(len(b[k])))}, "rows-other", "t of the data's first rows"),
    "falling": ({"rate": lambda lr, k: lr / (k + 1)}, "rate-decays", "by the number of the step"),
    "falling by the root": ({"rate": lambda lr, k: lr / np.sqrt(k + 1)}, "rate-decays", "the root"),
    "sums within": (
        {"step": within(summed=True, divided=True)},
        "updates-within-batch",
        "lr/N·(the gradients of the batch so far)",
    ),
}


@pytest.mark.parametrize(
    "name", everyday(WRONG, ("parameters of the start", "first targets", "falling", "sums within"))
)
def test_what_is_wrong_from_step_to_step_is_named(name):
    """Each is one finding, with its formula, and the gradients of one step are right."""
    others, slug, formula = WRONG[name]
    explanation = explained(Trainer(**others), fmt.Optimizer("sgd", 0.1))

    [finding] = explanation.findings
    assert finding.slug == slug
    assert formula in finding.uses
    assert {"dW1", "db1", "dW2", "db2"} <= set(explanation.right)
    assert not explanation.unexplained


@pytest.mark.parametrize(
    "others", [{}, {"step": within(summed=False, divided=False)}], ids=["a step for a batch", "a step for a sample"]
)
def test_right_steps_are_accused_of_nothing(others):
    """Neither a step for the batch nor, which may be meant, one for each sample is called a mistake."""
    explanation = explained(Trainer(**others), fmt.Optimizer("sgd", 0.1))

    assert not explanation.findings
    assert not explanation.unexplained


class ByRule(Trainer):
    """Moves each parameter by a rule of its name, its gradient, the rate, the number of the step, and what it keeps."""

    def __init__(self, rule):
        self.rule = rule

    def train(self, asked):
        if asked.state is not None:
            raise Unsupported("from its start")
        params, x, t = asked.params, asked.x, asked.t
        kept = {name: (np.zeros_like(p), np.zeros_like(p)) for name, p in params.items()}
        for k, rows in enumerate(asked.batches, 1):
            moves = {}
            for name, g in gradients_of(params, x[rows], t[rows]).items():
                moves[name], kept[name] = self.rule(name, g, asked.optimizer.learning_rate, k, *kept[name])
            params = {name: p - moves[name] for name, p in params.items()}
        return Run(None, params)


def adam(*, late, of_moment):
    """Adam, whose moments may be those before the step, or whose squares those of m."""

    def rule(name, g, lr, k, *before):
        m = ADAM.beta1 * before[0] + (1 - ADAM.beta1) * g
        v = ADAM.beta2 * before[1] + (1 - ADAM.beta2) * (m if of_moment else g) ** 2
        used_m, used_v = before if late else (m, v)
        root = np.sqrt(used_v / (1 - ADAM.beta2**k)) + ADAM.epsilon
        return lr * used_m / (1 - ADAM.beta1**k) / root, (m, v)

    return rule


@pytest.mark.parametrize(
    ("rule", "slug"),
    [(adam(late=True, of_moment=False), "moments-late"), (adam(late=False, of_moment=True), "square-of-moment")],
)
def test_moments_of_another_time_or_place_are_named(rule, slug):
    """Moments that are used before they are renewed, and squares of m."""
    explanation = explained(ByRule(rule), ADAM)

    assert explanation.slugs == {slug}
    assert not explanation.unexplained


def test_a_rule_that_no_family_has_is_said_to_be_unexplained():
    """Steps whose rates follow no rule are wrong, and nothing is named or called right for them."""
    explanation = explained(Trainer(rate=lambda lr, k: lr * (1.0, 0.7, 0.2, 0.9)[k]), fmt.Optimizer("sgd", 0.1))

    assert not explanation.findings
    assert explanation.unexplained == ["the update"]
    assert "update" not in explanation.right


def test_a_decay_of_biases_is_told_apart():
    """Weights and biases that shrink alike are two mistakes, as a penalty is described for neither."""
    explanation = explained(Trainer(step=decaying), fmt.Optimizer("sgd", 0.1))

    assert {"penalty-of-biases", "weight-decay"} & explanation.slugs
    assert not explanation.unexplained


@pytest.mark.parametrize(
    ("biases", "slugs"),
    [
        (lambda g, square, root: g / (square + 1e-8), {"root-missing"}),
        (lambda g, square, root: g, {"plain-step"}),
        (lambda g, square, root: g / root, set()),
    ],
    ids=["without a root", "plain", "right"],
)
def test_each_parameters_update_is_fitted_by_itself(biases, slugs):
    """A rule of the biases alone is named, with the biases that have it; a right one is not."""

    def rule(name, g, lr, k, square, _):
        square = 0.9 * square + 0.1 * g * g
        root = np.sqrt(square) + 1e-8
        return lr * (biases(g, square, root) if name[0] == "b" else g / root), (square, _)

    rmsprop = fmt.Optimizer("rmsprop", 0.125, beta2=0.9, epsilon=1e-8, placement="torch")
    explanation = explained(ByRule(rule), rmsprop)
    assert explanation.slugs == slugs
    assert not explanation.unexplained
    assert all(set(f.arrays) == {"b1", "b2"} for f in explanation.findings)
