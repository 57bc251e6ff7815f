"""A gradient against its own loss from outside: right ones pass, each kind of wrong one is caught, named and found."""

import math

import numpy as np
import pytest
from gradient_problems import NETWORKS, Counted, at, one, problem, spoilt, statuses

from nn_conformance.gradcheck import check_gradients

pytestmark = pytest.mark.numeric


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", NETWORKS)
def test_right_gradients_pass(name, dtype):
    """Networks of all activations, losses and layouts pass in either precision."""
    report = check_gradients(*problem(NETWORKS[name], dtype))

    assert report.ok, str(report)
    assert all(finding.error <= finding.limit for finding in report.findings)


def test_the_same_seed_says_the_same():
    """All figures of a report depend on its arguments alone; another seed takes other directions."""
    arguments = problem(NETWORKS["relu"])
    first = check_gradients(*arguments, directions=2, seed=3)

    assert first == check_gradients(*arguments, directions=2, seed=3)
    assert first.findings != check_gradients(*arguments, directions=2, seed=4).findings
    assert first.seed == 3


WRONG = {
    "factor-1.1": ("W1", lambda g: g * 1.1, "it is 1.10000"),
    "factor-1.001": ("W1", lambda g: g * 1.001, "it is 1.00100"),
    "sign": ("W2", lambda g: -g, "its sign is wrong everywhere"),
    "zero": ("b1", lambda g: g * 0, "it is zero, but the loss changes with this parameter"),
    "reshaped": ("W2", lambda g: g.T.reshape(g.shape), "it was reshaped where it should be transposed"),
    "zero-block": ("W1", at(np.s_[8:12, 16:24], lambda g: 0 * g), "W1[8:12, 16:24]"),
    "one-row": ("W1", at(3, lambda g: 2 * g), "W1[3, :]"),
    "one-column": ("W2", at(np.s_[:, 7], lambda g: 2 * g), "W2[:, 7]"),
    "two-entries": ("W1", at(([3, 17], [29, 4]), lambda g: g + 0.3), "W1[3, 29] is 0."),
    "one-bias": ("b1", at(11, lambda g: g + 0.01), "b1[11] is "),
    "one-of-few": ("b2", at(4, lambda g: g + 1e-6), "b2[4] is "),
    "huge": ("W1", lambda g: g + 1e200, ""),
    "overflowing": ("W1", lambda g: np.full_like(g, 1e308), "it is too large to compute with"),
    "transposed": ("W1", np.transpose, "it is the transpose of the right one"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_gradient_is_caught_named_and_found(mistake):
    """One tensor fails, with the cause, and the others pass."""
    name, change, cause = WRONG[mistake]
    loss, params, gradients = problem(NETWORKS["square" if mistake == "transposed" else "relu"])

    report = check_gradients(loss, params, spoilt(gradients, name, change), directions=4)

    assert statuses(report) == dict.fromkeys(params, "passed") | {name: "failed"}
    assert cause in one(report, name).cause
    assert not one(report, name).error <= one(report, name).limit < math.inf


def test_swapped_tensors_are_named():
    """Two gradients of one shape, given for each other, each name the other."""
    loss, params, gradients = problem(NETWORKS["square"])

    report = check_gradients(loss, params, gradients | {"W1": gradients["W2"], "W2": gradients["W1"]})

    assert one(report, "W1").cause == "the right one is what was given for 'W2'"
    assert one(report, "W2").cause == "the right one is what was given for 'W1'"
    assert statuses(report)["b1"] == "passed"


@pytest.mark.parametrize("size", [100, 100_000])
def test_the_limit_does_not_grow_with_the_number_of_entries(size):
    """Against the norm of the gradient the limit stays what it is, from a hundred entries to a hundred thousand."""
    rng = np.random.default_rng(0)
    p, w = rng.normal(size=size), rng.normal(size=size) / np.sqrt(size)

    finding = one(check_gradients(lambda q: 1 + np.sum(w * np.sin(q)), p, w * np.cos(p), directions=3))

    assert finding.status == "passed"
    # Rounding u·L over the step ∛u, and as much of curvature, on a norm of 0.7.
    assert finding.smallest_entry <= 1e-7
    assert finding.smallest_factor <= 1e-7


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("seed", range(2))
def test_what_is_said_to_be_certain_is_caught(seed, dtype):
    """An entry that is off by just more than `smallest_entry`, and a factor beyond `smallest_factor`, always fail."""
    loss, params, gradients = problem(NETWORKS["relu"], dtype, seed)
    right = check_gradients(loss, params, gradients, directions=3, seed=seed)
    assert right.ok, str(right)

    for finding in right.findings[:2]:
        g, rng = gradients[finding.name].astype(np.float64), np.random.default_rng(seed)
        index = tuple(rng.integers(0, n) for n in g.shape)
        entry = spoilt(gradients, finding.name, at(index, lambda e, size=finding.smallest_entry: e + 1.02 * size))
        factor = gradients | {finding.name: (g / (1 - 1.02 * finding.smallest_factor)).astype(dtype)}

        assert one(check_gradients(loss, params, entry, directions=3, seed=seed), finding.name).status == "failed"
        if finding.smallest_factor < 0.9:
            assert one(check_gradients(loss, params, factor, directions=3, seed=seed), finding.name).status == "failed"


def test_wrong_entries_that_cancel_are_missed_as_seldom_as_derived():
    """Two opposite errors, the worst case, escape half of all directions: 2 of them and the signs miss one in eight."""
    slopes = np.zeros(20)
    slopes[4], slopes[9] = 1.0, -1.0

    missed = sum(check_gradients(lambda p: 1.0, np.ones(20), slopes, directions=2, seed=seed).ok for seed in range(8))

    assert missed == 0  # the first direction has the signs of the gradient, and here that is the error itself

    def loss(p):
        return 10 * p[4] + 10 * p[9]

    claims = np.where(np.arange(20) == 4, 11.0, np.where(np.arange(20) == 9, 9.0, 0.0))
    missed = sum(check_gradients(loss, np.ones(20), claims, directions=2, seed=seed).ok for seed in range(48))

    # 12 expected: the signs are blind to it. Binomial, standard deviation 3; four of them at most.
    assert 1 <= missed <= 24


def test_an_isolated_entry_is_found_in_twice_the_logarithm_of_the_size():
    """From 2⁴ to 2¹² entries a wrong one costs two calls more for each doubling, in one axis or in two."""
    extra = {}
    for shape in [(2**4,), (2**12,), (2**2, 2**2), (2**6, 2**6)]:
        rng = np.random.default_rng(0)
        p, w = rng.normal(size=shape), rng.normal(size=shape)

        def loss(q, w=w):
            return 5 + np.sum(w * np.sin(q)) / np.sqrt(w.size)

        right = w * np.cos(p) / np.sqrt(w.size)
        index = tuple(int(rng.integers(0, n)) for n in shape)
        passed, failed = Counted(loss), Counted(loss)
        assert check_gradients(passed, p, right).evaluations == passed.calls
        report = check_gradients(failed, p, at(index, lambda g: g + 1.0)(right.copy()))
        extra[shape] = failed.calls - passed.calls

        assert one(report).cause.startswith(f"params[{', '.join(map(str, index))}] is ")
        assert report.evaluations == failed.calls

    # Eight doublings, and a few calls more or less for the steps that other signs lead to.
    assert abs(extra[2**12,] - extra[2**4,] - 16) <= 12
    assert abs(extra[2**6, 2**6] - extra[2**2, 2**2] - 16) <= 12
    # Beside the halving: each of 11 directions again at a quarter of the step, the search for a jump, the entry itself.
    assert max(extra.values()) <= 2 * 12 + 11 * 4 + 80
