"""What is wrong from the second step on, or within a batch, where the gradients of one step are right."""

import numpy as np
import pytest
from explain_problems import AMPLE
from msgspec import structs

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


class Trainer:
    """Trains by plain steps or momentum; what a test replaces stands in methods of its own."""

    name = "trainer"
    does = ("train",)

    def evaluate(self, *_, **__):
        raise Unsupported("it only trains")

    def gradient(self, params, x, t, start):
        found = reference.evaluate(self.described, params, x, t).gradients
        return {name: found[name] for name in params}

    def rows(self, batches, k, total):
        return batches[k], batches[k]

    def rate(self, lr, k):
        return lr

    def step(self, params, x, t, lr, start):
        own = self.gradient(params, x, t, start)
        return {name: p - lr * own[name] for name, p in params.items()}

    def train(self, described, optimizer, params, x, t, batches, state=None):
        if optimizer.kind != "sgd" or optimizer.momentum or state is not None:
            raise Unsupported("plain steps")
        self.described = described
        start = params
        for k in range(len(batches)):
            of_x, of_t = self.rows(batches, k, len(x))
            params = self.step(params, x[list(of_x)], t[list(of_t)], self.rate(optimizer.learning_rate, k), start)
        return Run(None, params)


class KeptWeights(Trainer):
    """Errors go back through the weights of the first step."""

    def gradient(self, params, x, t, start):
        h = np.tanh(x @ params["W1"] + params["b1"])
        z = h @ params["W2"] + params["b2"]
        e = np.exp(z - z.max(1, keepdims=True))
        d2 = (e / e.sum(1, keepdims=True) - t) / len(x)
        d1 = d2 @ start["W2"].T * (1 - h**2)
        return {"W1": x.T @ d1, "b1": d1.sum(0), "W2": h.T @ d2, "b2": d2.sum(0)}


class OfStart(Trainer):
    """Every gradient is that of the first parameters."""

    def gradient(self, params, x, t, start):
        return super().gradient(start, x, t, start)


class Rows(Trainer):
    """Other rows than the batch's."""

    def __init__(self, rows):
        self.rows = rows


class Falling(Trainer):
    """The rate is divided by the number of the step, or its root."""

    def __init__(self, power):
        self.power = power

    def rate(self, lr, k):
        return lr / (k + 1) ** self.power


class Irregular(Trainer):
    """A rate of its own in each step, by no rule."""

    def rate(self, lr, k):
        return lr * (1.0, 0.7, 0.2, 0.9)[k]


class Decaying(Trainer):
    """Weights and biases shrink beside the step."""

    def step(self, params, x, t, lr, start):
        own = self.gradient(params, x, t, start)
        return {name: p - lr * (own[name] + 0.037 * p) for name, p in params.items()}


class Within(Trainer):
    """A step after each sample, by the gradients so far or by that of the sample."""

    def __init__(self, *, summed, divided):
        self.summed, self.divided = summed, divided

    def step(self, params, x, t, lr, start):
        total = dict.fromkeys(params, 0.0)
        for i in range(len(x)):
            own = self.gradient(params, x[i : i + 1], t[i : i + 1], start)
            total = {name: self.summed * total[name] + g for name, g in own.items()}
            params = {name: p - lr / (len(x) if self.divided else 1) * total[name] for name, p in params.items()}
        return params


WRONG = {
    "weights of the start": (KeptWeights(), "weights-kept", "before the first step"),
    "parameters of the start": (OfStart(), "gradients-of-start", "before the first step"),
    "first targets": (Rows(lambda b, k, _: (b[k], range(len(b[k])))), "rows-other", "t of the data's first rows"),
    "first rows": (Rows(lambda b, k, _: (range(len(b[k])),) * 2), "rows-other", "the data's first rows"),
    "first batch": (Rows(lambda b, k, _: (b[0], b[0])), "rows-other", "the first batch"),
    "batch before": (Rows(lambda b, k, _: (b[max(0, k - 1)],) * 2), "rows-other", "the batch before"),
    "all rows": (Rows(lambda b, k, n: (range(n),) * 2), "rows-other", "all rows"),
    "falling": (Falling(1.0), "rate-decays", "by the number of the step"),
    "falling by the root": (Falling(0.5), "rate-decays", "the root"),
    "sums within": (
        Within(summed=True, divided=True),
        "updates-within-batch",
        "lr/N·(the gradients of the batch so far)",
    ),
    "sums within, whole rate": (
        Within(summed=True, divided=False),
        "updates-within-batch",
        "lr·(the gradients of the batch so far)",
    ),
    "shares within": (Within(summed=False, divided=True), "updates-within-batch", "lr/N·g"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_from_step_to_step_is_named(name):
    """Each is one finding, with its formula, and the gradients of one step are right."""
    target, slug, formula = WRONG[name]
    explanation = explained(target, fmt.Optimizer("sgd", 0.1))

    [finding] = explanation.findings
    assert finding.slug == slug
    assert formula in finding.uses
    assert {"dW1", "db1", "dW2", "db2"} <= set(explanation.right)
    assert not explanation.unexplained


@pytest.mark.parametrize(
    "target", [Trainer(), Within(summed=False, divided=False)], ids=["a step for a batch", "a step for a sample"]
)
def test_right_steps_are_accused_of_nothing(target):
    """Neither a step for the batch nor, which may be meant, one for each sample is called a mistake."""
    explanation = explained(target, fmt.Optimizer("sgd", 0.1))

    assert not explanation.findings
    assert not explanation.unexplained


class Adam(Trainer):
    """Adam, whose moments are those before the step, or whose squares are those of m."""

    def __init__(self, *, late, of_moment):
        self.late, self.of_moment = late, of_moment

    def train(self, described, optimizer, params, x, t, batches, state=None):
        if state is not None:
            raise Unsupported("Adam from its start")
        self.described, o = described, structs.replace(ADAM, learning_rate=optimizer.learning_rate)
        m, v = ({name: np.zeros_like(p) for name, p in params.items()} for _ in range(2))
        for k, rows in enumerate(batches, 1):
            g = self.gradient(params, x[rows], t[rows], params)
            before = m, v
            m = {name: o.beta1 * m[name] + (1 - o.beta1) * g[name] for name in params}
            v = {name: o.beta2 * v[name] + (1 - o.beta2) * (m if self.of_moment else g)[name] ** 2 for name in params}
            used_m, used_v = before if self.late else (m, v)
            first, second = 1 - o.beta1**k, 1 - o.beta2**k
            params = {
                name: p - o.learning_rate * used_m[name] / first / (np.sqrt(used_v[name] / second) + o.epsilon)
                for name, p in params.items()
            }
        return Run(None, params)


@pytest.mark.parametrize(
    ("adam", "slug"),
    [(Adam(late=True, of_moment=False), "moments-late"), (Adam(late=False, of_moment=True), "square-of-moment")],
)
def test_moments_of_another_time_or_place_are_named(adam, slug):
    """Moments that are used before they are renewed, and squares of m."""
    explanation = explained(adam, ADAM)

    assert explanation.slugs == {slug}
    assert not explanation.unexplained


def test_a_rule_that_no_family_has_is_said_to_be_unexplained():
    """Steps whose rates follow no rule are wrong, and nothing is named or called right for them."""
    explanation = explained(Irregular(), fmt.Optimizer("sgd", 0.1))

    assert not explanation.findings
    assert explanation.unexplained == ["the update"]
    assert "update" not in explanation.right


def test_a_decay_of_biases_is_told_apart():
    """Weights and biases that shrink alike are two mistakes, as a penalty is described for neither."""
    explanation = explained(Decaying(), fmt.Optimizer("sgd", 0.1))

    assert {"penalty-of-biases", "weight-decay"} & explanation.slugs
    assert not explanation.unexplained


class Momentum(Trainer):
    """Weights by a velocity, biases by the gradient."""

    def train(self, described, optimizer, params, x, t, batches, state=None):
        if state is not None:
            raise Unsupported("from its start")
        self.described, lr = described, optimizer.learning_rate
        v = {name: np.zeros_like(p) for name, p in params.items()}
        for rows in batches:
            own = self.gradient(params, x[rows], t[rows], params)
            v = {name: 0.9 * v[name] + lr * g for name, g in own.items()}
            params = {name: p - (v[name] if name[0] == "W" else lr * own[name]) for name, p in params.items()}
        return Run(None, params)


def test_biases_without_momentum_are_one_mistake():
    """What one rule of some parameters explains is not said to be a factor of the gradient, undone by one of the step."""
    [finding] = explained(Momentum(), fmt.Optimizer("sgd", 0.1, momentum=0.9, dialect="rate")).findings

    assert finding.slug == "momentum-missing"
    assert set(finding.arrays) == {"b1", "b2"}


class RMSProp(Trainer):
    """Its rule for the biases is another one: of the gradient, its mean square, and the root of that."""

    def __init__(self, biases):
        self.biases = biases

    def train(self, described, optimizer, params, x, t, batches, state=None):
        if state is not None:
            raise Unsupported("from its start")
        self.described, squares = described, {name: np.zeros_like(p) for name, p in params.items()}
        for rows in batches:
            own = self.gradient(params, x[rows], t[rows], params)
            squares = {name: 0.9 * squares[name] + 0.1 * g * g for name, g in own.items()}
            moved = {}
            for name, g in own.items():
                root = np.sqrt(squares[name]) + 1e-8
                moved[name] = self.biases(g, squares[name], root) if name[0] == "b" else g / root
            params = {name: p - optimizer.learning_rate * moved[name] for name, p in params.items()}
        return Run(None, params)


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
    rmsprop = fmt.Optimizer("rmsprop", 0.125, beta2=0.9, epsilon=1e-8, placement="torch")
    explanation = explained(RMSProp(biases), rmsprop)
    assert explanation.slugs == slugs
    assert not explanation.unexplained
    assert all(set(f.arrays) == {"b1", "b2"} for f in explanation.findings)
