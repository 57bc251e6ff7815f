"""Oracles at kinks and clips: which slope they take, and that their steps stay on one side."""

import numpy as np
import pytest
from oracle_problems import call, described, load

from nn_conformance.cases import format as fmt
from nn_conformance.cases.store import Store
from nn_conformance.judge.limits import norm
from nn_conformance.judge.target import Training, Unsupported
from nn_conformance.oracles import arb, central, complex_step

KINKS = [i for i in Store().ids if i.endswith("probe-kink")]


@pytest.mark.parametrize("case_id", KINKS)
def test_slopes_at_a_kink(case_id):
    """Complex step and Arb have slope 0 there, as the certified gradients do; differences have ½, the mean of both sides."""
    loaded = load(case_id)
    evaluation = loaded.case.evaluation
    changes = [loaded.arrays(kink.change, "change") for kink in evaluation.kinks]
    answers = [oracle.evaluate(loaded.case.network, *call(case_id)) for oracle in (complex_step, arb, central)]

    for name, g in loaded.arrays(evaluation.gradients, "gradients").items():
        half = sum(change[name] for change in changes) / 2
        assert norm(answers[0].gradients[name] - g) <= 1e-14
        assert np.array_equal(answers[1].gradients[name], g)
        assert norm(answers[2].gradients[name] - g - half) <= answers[2].uncertainty[name] / 3
    assert sum(norm(change["W1"]) for change in changes) > 0.01


@pytest.mark.parametrize("distance", [1e-6, -1e-8, 1e-10])
def test_steps_stay_on_their_side_of_a_kink(distance):
    """Where z is nearer to zero than the step, the step is divided until both ends are on z's side."""
    network = described([(1, "relu", {}, {}), (1, "tanh", {}, {})], {"kind": "squared_error"}, inputs=1)
    params = {"W1": np.ones((1, 1)), "b1": np.array([distance]), "W2": np.ones((1, 1)), "b2": np.ones(1)}
    x, t = np.zeros((1, 1)), np.zeros((1, 1))
    found, right = (each.evaluate(network, params, x, t) for each in (central, arb))

    assert (right.gradients["b1"][0] != 0) == (distance > 0)
    for name, g in ((name, right.gradients[name]) for name in found.gradients):
        assert norm(found.gradients[name] - g) <= found.uncertainty[name] / 3
    # A step of 2⁻¹⁷ would have made the mean of the two slopes of it.
    assert found.uncertainty["b1"] < 0.01


def test_a_kink_that_is_too_near_is_unsupported():
    """At 1e-20 from zero no difference has digits left, and central differences say so."""
    network = described([(1, "relu", {}, {})], {"kind": "squared_error"}, inputs=1)
    params = {"W1": np.ones((1, 1)), "b1": np.array([1e-20])}

    with pytest.raises(Unsupported, match="layer 1: a ReLU or a clip changes sides within a step of"):
        central.evaluate(network, params, np.zeros((1, 1)), np.ones((1, 1)))


@pytest.mark.parametrize("offset", [1e-8, -1e-8, 3e-6])
def test_steps_stay_on_their_side_of_a_clip(offset):
    """An output beside a clip bound is inside or outside at both ends of a step."""
    network = described(
        [(1, "identity", {}, {})], {"kind": "binary_cross_entropy", "reduction": "elements", "clip": 0.25}, inputs=1
    )
    params = {"W1": np.zeros((1, 1)), "b1": np.array([0.25 + offset])}
    found, right = (each.evaluate(network, params, np.ones((1, 1)), np.ones((1, 1))) for each in (central, arb))

    assert (right.gradients["b1"][0] == 0) == (offset < 0)
    assert norm(found.gradients["b1"] - right.gradients["b1"]) <= found.uncertainty["b1"] / 3


@pytest.mark.parametrize("left", [2e-11, -2e-11])
def test_the_reach_of_an_update_is_honest(left):
    """Where a gradient is smaller than its error, Adam may go either way, and the run says how far."""
    network = described([(1, "identity", {}, {"bias": False})], {"kind": "squared_error"}, inputs=1)
    # Two samples pull either way, and all but `left` of the gradient cancels.
    params, x, t = {"W1": np.ones((1, 1))}, np.ones((2, 1)), np.array([[0.5], [1.5 - left]])
    rule = fmt.Optimizer(kind="adam", learning_rate=0.5, beta1=0.9, beta2=0.999, epsilon=1e-30, placement="torch")
    answer = central.evaluate(network, params, x, t)
    found, right = (each.train(Training(network, rule, params, x, t, [[0, 1]])) for each in (central, arb))

    assert 0 < abs(answer.gradients["W1"][0, 0]) < answer.uncertainty["W1"]
    assert right.params["W1"][0, 0] == pytest.approx(1 - np.sign(left) / 2)
    assert found.uncertainty["W1"] == pytest.approx(1)  # from one side to the other
    assert norm(found.params["W1"] - right.params["W1"]) <= found.uncertainty["W1"]
