"""Layers kept from earlier calls, sizes of batches, shuffled inputs, and what is used twice in a network."""

import numpy as np
import pytest
from explain_problems import AMPLE, of, xor

from nn_conformance.cases import format as fmt
from nn_conformance.cases.text import network
from nn_conformance.explain import explain
from nn_conformance.judge.target import Answer, Run, Unsupported

CLASSES = network("3-4 tanh-3 softmax, cross-entropy")


class Net:
    """A chain of tanh layers and softmax, with other methods in place of some of its own."""

    name, skips = "net", False

    def __init__(self, **others):
        vars(self).update(others)

    def forward(self, params, x):
        a, z = [x], []
        last = len(params) // 2
        for k in range(1, last + 1):
            z.append(a[self.below(k)] @ params[f"W{k}"] + params[f"b{k}"])
            a.append(np.tanh(z[-1]) + (a[-1] if self.skips and k < last else 0.0))
        return a, z

    def below(self, k):
        return k - 1

    def joined(self, weights, past):
        return weights + past if self.skips else weights

    def bias(self, d):
        return d.sum(0)

    def penalty(self, params):
        return 0.0

    def evaluate(self, network, params, x, t, *, gradients=True):
        a, z = self.forward(params, x)
        logits = z[-1] - z[-1].max(1, keepdims=True)
        log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        d, past, found = (np.exp(log_p) - t) / len(x), 0.0, {}
        for k in range(len(z), 0, -1):
            found[f"W{k}"], found[f"b{k}"] = a[k - 1].T @ d, self.bias(d)
            back = d @ params[f"W{k}"].T
            past = back if k == len(z) else self.joined(back, past)
            d = past * (1 - np.tanh(z[k - 2]) ** 2) if k > 1 else d
        return Answer(-(t * log_p).sum() / len(x) + self.penalty(params), found)

    def train(self, *_, **__):
        raise Unsupported("no updates")


class Stale(Net):
    """Keeps the first layer for each shape of x."""

    def forward(self, params, x):
        a, z = super().forward(params, x)
        z[0] = self.kept.setdefault(x.shape, z[0])
        a[1] = np.tanh(z[0])
        z[1] = a[1] @ params["W2"] + params["b2"]
        return a, z


def test_a_layer_that_is_kept_by_the_shape_of_x_is_told_with_its_number():
    """Activations of an earlier call of the same sizes are named as that, and no rule of backpropagation is blamed."""
    [finding] = explain(Stale(kept={}), CLASSES, budget=AMPLE).findings
    assert (finding.slug, finding.slot, finding.layer) == ("stale-activations", "memory", 1)


def test_a_layer_that_reads_another_one_is_told():
    """Layer 3 of equal widths that takes a1 for a2 is found by the losses, and the gradients belong to that forward pass."""
    reads = Net(below=lambda k: 1 if k == 3 else k - 1)
    explanation = explain(reads, network("3-4 tanh-4 tanh-3 softmax, cross-entropy"), budget=AMPLE)
    assert not explanation.unexplained or "no small case" in explanation.unexplained[0]
    [finding] = explain(reads, network("4-4 tanh-4 tanh-4 softmax, cross-entropy"), budget=AMPLE).findings
    assert (finding.slug, finding.layer, finding.uses) == ("layer-input-other", 3, "z = a1·W3 + b3")


@pytest.mark.parametrize(
    ("joined", "slug"), [(lambda w, p: w, "skip-left-out"), (lambda w, p: p, "skip-only"), (lambda w, p: w + p, None)]
)
def test_a_gradient_of_one_use_only_is_told(joined, slug):
    """Where a value is used twice, by weights and by a skip connection, the one that is lost is named; the sum is right."""
    described = network("4-4 tanh skip-4 tanh skip-3 softmax, cross-entropy")
    explanation = explain(Net(skips=True, joined=joined), described, budget=AMPLE)
    assert explanation.slugs == ({slug} if slug else set())
    assert not explanation.unexplained


def test_sums_that_cancel_are_not_called_empty():
    """Biases of a softmax layer that are summed over units are 0: they are wrong by the same rule as those below."""
    units = Net(bias=lambda d: np.full(d.shape[1], d.sum()))
    [finding] = explain(units, CLASSES, budget=AMPLE).findings
    assert (finding.slug, finding.arrays) == ("bias-grand-total", ("db1", "db2"))


@pytest.mark.parametrize(("counts", "said"), [((1, 0), "W1 once, W2 not at all"), ((2, 1), "W1 twice, W2 once")])
def test_a_penalty_that_counts_a_layer_wrongly_is_told(counts, said):
    """How often each matrix is in the penalty is read off the losses."""

    class Counts(Net):
        def evaluate(self, network, params, x, t, *, gradients=True):
            answer = super().evaluate(network, params, x, t)
            return Answer(answer.loss, {n: g + 0.1 * params[n] * (n[0] == "W") for n, g in answer.gradients.items()})

    described = network("3-4 tanh-3 softmax, cross-entropy, l2 0.05")
    counted = Counts(
        penalty=lambda params: 0.05 * sum(c * (params[f"W{k}"] ** 2).sum() for k, c in enumerate(counts, 1))
    )
    [finding] = explain(counted, described, budget=AMPLE).findings
    assert (finding.slug, finding.uses) == ("penalty-miscounted", f"the penalty counts {said}")


@pytest.mark.parametrize(
    ("divisor", "slug"),
    [
        (lambda n, first, every: first, "first-batch-size"),
        (lambda n, first, every: every, "divided-by-all"),
        (lambda n, first, every: n, None),
    ],
)
def test_what_a_batch_is_divided_by_is_told(divisor, slug):
    """The first batch's size and the number of all samples are told from the batch's own, which is right."""

    class Trains(Net):
        def train(self, asked):
            params, x, t, batches = asked.params, asked.x, asked.t, asked.batches
            for rows in batches:
                found = self.evaluate(asked.network, params, x[rows], t[rows]).gradients
                factor = len(rows) / divisor(len(rows), len(batches[0]), len(x))
                params = {n: p - asked.optimizer.learning_rate * factor * found[n] for n, p in params.items()}
            return Run([], params)

    explanation = explain(Trains(), CLASSES, fmt.Optimizer("sgd", 0.1), budget=AMPLE)
    assert explanation.slugs == ({slug} if slug else set())


def test_inputs_that_are_shuffled_without_their_targets_are_told():
    """A random order of x alone is told from other random answers."""
    rng = np.random.default_rng(0)

    class Shuffles(Net):
        def evaluate(self, network, params, x, t, *, gradients=True):
            return super().evaluate(network, params, rng.permutation(x), t)

    assert "inputs-shuffled" in explain(Shuffles(), CLASSES, budget=AMPLE).slugs


def test_cases_with_several_outputs_tell_rules_apart_that_are_one_with_one_output():
    """That the first sample's δ is summed over outputs shows with three outputs, where the target takes them."""
    [finding] = of(xor(b2=lambda d: np.full(d.shape[1], d[0].sum()))).findings
    assert (finding.uses, finding.arrays) == ("db = δ[0].sum(), one number for all units", ("db2",))


def test_classes_that_count_otherwise_are_told():
    """A class that is left out of every gradient is found from the weights of samples, whatever the class is."""

    class Skips(Net):
        def evaluate(self, network, params, x, t, *, gradients=True):
            answer = super().evaluate(network, params, x, t)
            rows = t[:, 0] == 0
            share = rows.sum() / len(x)
            found = super().evaluate(network, params, x[rows], t[rows]).gradients if rows.any() else {}
            return Answer(answer.loss, {n: found[n] * share if found else 0 * p for n, p in params.items()})

    explanation = explain(Skips(), network("3-3 softmax, cross-entropy"), budget=AMPLE)
    [finding] = explanation.findings
    assert finding.slug == "samples-weighted"
    assert finding.uses == "class 0 counts 0 times"
    assert "loss" in explanation.right
