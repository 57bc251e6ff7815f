"""What the documents' networks do that their figures do not show: order of draws, NaN, a softmax over the batch."""

import numpy as np
import pytest
from numpy.random import RandomState

from nn_conformance.judge.printed import samples_until_nan
from nn_reference import systems
from nn_reference.network import loss_and_gradients, predict
from nn_reference.training import accuracy, train


def test_homework_draws_weights_and_data_from_one_generator():
    """randn(3,2), randn(3), rand(1000,2), randint(0,2,(1000,)) from seed 0, in this order."""
    rng = RandomState(0)
    system = systems.get("homework")
    params, data = system.start(), system.load()

    assert np.array_equal(params["W1"], rng.randn(3, 2))
    assert np.array_equal(params["W2"], rng.randn(3))
    assert params["b2"].shape == ()
    assert np.array_equal(data.train_x, rng.rand(1000, 2))
    assert np.array_equal(data.train_t, rng.randint(0, 2, (1000,)))


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
def test_nan_is_where_mnist_sigmoid_numpy_ends(dtype):
    """Within a hundred samples every weight is NaN; no sample brings one back; 980 of 10,000 are then right."""
    system = systems.get("mnist-sigmoid-numpy")
    data = system.load()
    start = {name: p.astype(dtype) for name, p in system.start(0).items()}  # four more seeds are among its checks

    samples, params = samples_until_nan(system, start, dtype)
    x, t = data.train_x[:2].astype(dtype), data.train_t[:2].astype(dtype)
    later = train(system.network, params, system.recipe.optimizer, [slice(0, 1), slice(1, 2)], x, t)

    assert samples <= 100
    assert all(np.isnan(p).all() for p in later.params.values())
    assert accuracy(predict(system.network, later.params, data.test_x), data.test_t) == 980 / 10_000


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
def test_the_corrected_network_stays_finite(dtype):
    """The mended version of the same network has finite weights after the same hundred samples."""
    system = systems.get("mnist-sigmoid-numpy", "corrected")
    start = {name: p.astype(dtype) for name, p in system.start(0).items()}

    samples, params = samples_until_nan(system, start, dtype)

    assert samples == float("inf")
    assert all(np.isfinite(p).all() for p in params.values())


def test_softmax_over_a_batch_of_one_learns_nothing():
    """`mnist-relu-torch` normalises over the batch, so at a batch of one its gradient is exactly zero."""
    system = systems.get("mnist-relu-torch")
    data = system.load()

    _, gradients = loss_and_gradients(system.network, system.start(), data.train_x[:1], data.train_t[:1])

    assert all(not gradient.any() for gradient in gradients.values())
