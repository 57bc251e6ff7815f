"""Losses and accuracies: gradients, what happens at the extremes, and ties."""

from math import inf, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn_reference.losses import BinaryCrossEntropy, CrossEntropy, SquaredError
from nn_reference.network import Dense, Network
from nn_reference.training import accuracy, evaluate

STEP = 1e-200
PROBABILITIES = (CrossEntropy(), BinaryCrossEntropy())
LOSSES = (
    *(SquaredError(reduction, half) for reduction in ("sum", "samples", "elements") for half in (False, True)),
    CrossEntropy(from_logits=True),
    BinaryCrossEntropy(from_logits=True),
    *PROBABILITIES,
)
shapes = st.tuples(st.integers(1, 4), st.integers(1, 4))


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: f"{loss.name}")
@given(shape=shapes, seed=st.integers(0, 2**32 - 1), targets=st.sampled_from(["hard", "soft", "any"]))
def test_gradient_is_the_derivative_of_value(loss, shape, seed, targets):
    """dL/dy equals complex step of the value, whether or not Σt = 1, and each leading index is a loss apart."""
    rng = np.random.RandomState(seed)
    y = rng.uniform(0.05, 0.95, shape) if loss in PROBABILITIES else rng.uniform(-5, 5, shape)
    t = {
        "hard": np.eye(shape[1])[rng.randint(shape[1], size=shape[0])],
        "soft": rng.dirichlet(np.ones(shape[1]), shape[0]),
        "any": rng.uniform(0, 2, shape),
    }[targets]
    copies = y + 1j * STEP * np.eye(y.size).reshape(y.size, *shape)

    expected = (loss.value(copies, t).imag / STEP).reshape(shape)

    assert np.allclose(loss.gradient(y, t), expected, rtol=1e-13, atol=1e-15)


def test_the_clips_bounds_are_inside():
    """At exactly 1e-7 and 1-1e-7 the gradient is (p-t)/(p(1-p)), and one unit in the last place beyond it is zero."""
    bounds = np.array([[1e-7, 1 - 1e-7]])
    t = np.array([[1.0, 0.0]])

    gradient = BinaryCrossEntropy().gradient(bounds, t)
    beyond = BinaryCrossEntropy().gradient(np.nextafter(bounds, [[0.0, 1.0]]), t)

    # -1/(2p) = -5e6, and 1/(2(1-p)) but for the rounding of 1-1e-7, which 1-p magnifies to 2⁻⁵³/1e-7.
    assert gradient[0, 0] == pytest.approx(-5e6, rel=1e-15)
    assert gradient[0, 1] == pytest.approx(5e6, rel=2e-9)
    assert beyond.tolist() == [[0, 0]]


def test_probabilities_of_zero_cost_nothing_or_infinity():
    """0·log 0 is 0, without NaN and warning; log 0 of a target is -∞, and stays so."""
    first, second = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    assert CrossEntropy().value(first, first) == 0
    assert CrossEntropy().gradient(first, first).tolist() == [[-1, 0]]
    assert CrossEntropy().value(first, second) == inf


def test_small_losses_from_logits_keep_their_digits():
    """log(1+e^-40) is e^-40, not 0: the loss of a confident right answer is small, and known."""
    found = BinaryCrossEntropy(from_logits=True).value(np.array([[40.0]]), np.array([[1.0]]))

    assert found == pytest.approx(np.exp(-40), rel=1e-15)
    assert log(found) == pytest.approx(-40)


def test_accuracy_counts_rows_and_takes_the_first_of_equals():
    """Ties go to the first class, and so do rows of NaN."""
    t = np.eye(3)[[0, 1, 2, 0]]
    y = np.array([[1.0, 1.0, 0.0], [0.0, 2.0, 1.0], [9.0, 0.0, 0.0], [np.nan] * 3])

    assert accuracy(y, t) == 3 / 4


def test_evaluation_is_the_loss_and_accuracy_of_all_rows():
    """The loss is that of a full batch, and perfect outputs are right everywhere."""
    network = Network(2, (Dense(2),), SquaredError("samples"))
    params, t = {"W1": np.eye(2), "b1": np.zeros(2)}, np.eye(2)[[0, 1, 1]]

    assert evaluate(network, params, t, t) == (0.0, 1.0)
