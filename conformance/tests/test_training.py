"""Optimisers, pruning and the training loop."""

from math import expm1, log, sqrt

import numpy as np
import pytest

from nn_conformance.judge.limits import ADAM_FLOAT32, FACTOR, ROUNDOFF
from nn_reference.activations import SIGMOID
from nn_reference.losses import CrossEntropy, SquaredError
from nn_reference.network import Dense, Network
from nn_reference.optimizers import SGD, Adam
from nn_reference.pruning import apply_masks, magnitude_masks, masked_state, sparsity
from nn_reference.training import accuracy, evaluate, train

pytestmark = pytest.mark.numeric

NETWORK = Network(2, (Dense(3, SIGMOID), Dense(2)), CrossEntropy(from_logits=True))
RNG = np.random.RandomState(0)
X, T = RNG.uniform(-1, 1, (6, 2)), np.eye(2)[[0, 1, 1, 0, 1, 0]]
START = {name: RNG.uniform(-1, 1, shape) for name, shape in NETWORK.shapes.items()}
OPTIMIZERS = [SGD(0.1), SGD(0.1, momentum=0.9), Adam(0.01), Adam(0.01, placement="keras")]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=["sgd", "momentum", "adam-torch", "adam-keras"])
def test_a_run_in_two_halves_is_the_whole_run(optimizer):
    """Carrying parameters and state over gives, bit for bit, what one run gives, from a start that neither run changes."""
    batches = [slice(0, 3), np.array([5, 3]), slice(2, 6), np.array([0])]

    whole = train(NETWORK, START, optimizer, batches, X, T)
    half = train(NETWORK, START, optimizer, batches[:2], X, T)
    rest = train(NETWORK, half.params, optimizer, batches[2:], X, T, state=half.state)

    assert all(np.array_equal(whole.params[name], rest.params[name]) for name in START)
    assert whole.losses == half.losses + rest.losses
    assert rest.state.step == 4


@pytest.mark.parametrize(("threshold", "zeros"), [(0.0, 1), (0.5, 2), (0.5001, 4), (9.0, 5)])
def test_pruning_keeps_what_reaches_the_threshold(threshold, zeros):
    """|w| < threshold is pruned, |w| = threshold is not, and the sign does not matter; what is not named is not pruned."""
    params = {"W1": np.array([0.5, -0.5, 0.0, 0.25, -7.0]), "b1": np.array([0.01])}

    pruned = apply_masks(params, magnitude_masks(params, threshold, names=["W1"]))

    assert int((pruned["W1"] == 0).sum()) == zeros
    assert pruned["b1"] == 0.01
    assert sparsity(pruned) == zeros / 6


@pytest.mark.parametrize("forgotten", [None, "mask", "moments"])
def test_pruned_weights_stay_at_zero_unless_mask_or_moments_are_forgotten(forgotten):
    """With gradients and Adam's moments masked, what was pruned stays exactly zero; without either, it moves again."""
    first = train(NETWORK, START, Adam(0.05), [slice(None)] * 5, X, T)
    masks = magnitude_masks(first.params, 0.5)
    pruned = apply_masks(first.params, masks)
    state = first.state if forgotten == "moments" else masked_state(first.state, masks)
    kept = None if forgotten == "mask" else masks

    run = train(NETWORK, pruned, Adam(0.05), [slice(None)] * 5, X, T, state=state, masks=kept)

    assert any(run.params[name][~mask].any() for name, mask in masks.items()) == (forgotten is not None)
    assert any(mask.any() and not np.array_equal(run.params[name], pruned[name]) for name, mask in masks.items())


def test_accuracy_counts_rows_and_takes_the_first_of_equals():
    """Ties go to the first class, and so do rows of NaN."""
    t = np.eye(3)[[0, 1, 2, 0]]
    y = np.array([[1.0, 1.0, 0.0], [0.0, 2.0, 1.0], [9.0, 0.0, 0.0], [np.nan] * 3])

    assert accuracy(y, t) == 3 / 4


def test_evaluation_is_the_loss_and_accuracy_of_all_rows():
    """The loss is that of a full batch, and perfect outputs are right everywhere."""
    network = Network(2, (Dense(2),), SquaredError("samples"))
    params = {"W1": np.eye(2), "b1": np.zeros(2)}

    assert evaluate(network, params, T, T) == (0.0, 1.0)


@pytest.mark.parametrize("power", ["multiplied", "raised"])
def test_powers_of_beta_in_float32_cost_no_more_than_their_allowance(power):
    """However a float32 optimiser forms √(1 - 0.999ᵗ), the limit has room for it, and not ten times too much."""
    worst, product, beta = 0.0, np.float32(1), np.float32(0.999)
    for t in range(1, 3001):
        product = np.float32(product * beta)
        found = np.float32(1) - (product if power == "multiplied" else np.float32(float(beta) ** t))
        worst = max(worst, abs(sqrt(float(found)) / sqrt(-expm1(t * log(0.999))) - 1) / ROUNDOFF["float32"])

    assert worst <= ADAM_FLOAT32 + FACTOR <= 10 * worst
