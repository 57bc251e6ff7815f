"""The reference against the documents: printed digits, and each document's own way of computing, written out plainly.

The transcriptions below share nothing with the reference: loops, one sample at a time where the document does so.
"""

import numpy as np
import pytest
from numpy.random import RandomState

from nn_conformance.judge.printed import samples_until_nan
from nn_reference import systems
from nn_reference.network import loss_and_gradients, predict
from nn_reference.training import accuracy, train

# A handful of steps in another order of operations: differences stay within some hundred roundings.
SAME = 1e-12


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def after(system, batches, seed=0):
    """Parameters after the given batches, from a seeded start, by the reference."""
    data = system.load()
    return train(
        system.network, system.start(seed), system.recipe.optimizer, batches, data.train_x, data.train_t
    ).params


def assert_same(found, expected):
    for name, value in expected.items():
        scale = max(1.0, float(np.max(np.abs(value))))
        assert np.max(np.abs(found[name] - value)) <= SAME * scale, name


def test_homework_prints_its_digits():
    """Loss and every gradient of `homework` print, digit for digit, as document 002 prints them."""
    system = systems.get("homework")
    data = system.load()

    loss, gradients = loss_and_gradients(system.network, system.start(), data.train_x, data.train_t)

    assert str(float(loss)) == "0.1332476222330792"
    assert repr(gradients["W1"]).split() == (
        [
            "array([[",
            "0.00244596,",
            "0.00262019],",
            "[-0.00030765,",
            "-0.00024188],",
            "[-0.00034768,",
            "-0.000372",
            "]])",
        ]
    )
    assert repr(gradients["W2"]) == "array([0.02216011, 0.02433097, 0.01797174])"
    assert repr(gradients["b1"]) == "array([ 0.00492577, -0.00058023, -0.00065977])"
    assert str(float(gradients["b2"])) == "0.029249230265318685"


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


def test_iris_sigmoid_steps_as_document_000_does():
    """Twenty full-batch steps equal `W += lr · Xᵀ(...)` with the error y - ŷ and sums over the rows."""
    system = systems.get("iris-sigmoid")
    data = system.load()
    rng = RandomState(42)
    w1, w2 = rng.rand(4, 5), rng.rand(5, 3)
    for _ in range(20):
        hidden = sigmoid(data.train_x @ w1)
        output = sigmoid(hidden @ w2)
        delta = (data.train_t - output) * output * (1 - output)
        below = delta @ w2.T * hidden * (1 - hidden)
        w2 = w2 + hidden.T @ delta * 0.1
        w1 = w1 + data.train_x.T @ below * 0.1

    assert_same(after(system, [slice(None)] * 20, seed=42), {"W1": w1, "W2": w2})


@pytest.mark.parametrize(("name", "squash", "slope"), [
    ("xor-sigmoid", sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z))),
    ("xor-tanh", np.tanh, lambda z: 1 - np.tanh(z) ** 2),
])  # fmt: skip
def test_xor_steps_as_document_003_does(name, squash, slope):
    """Ten epochs equal the layers' own updates, rows of shape (1, n), weights before bias, one sample at a time."""
    system = systems.get(name)
    rng = RandomState(0)
    w1, b1, w2, b2 = (rng.rand(*shape) - 0.5 for shape in ((2, 3), (1, 3), (3, 1), (1, 1)))
    for _ in range(10):
        for row, target in (((0, 0), 0), ((0, 1), 1), ((1, 0), 1), ((1, 1), 0)):
            x = np.array([row])
            z1 = x @ w1 + b1
            z2 = squash(z1) @ w2 + b2
            d2 = 2 * (squash(z2) - target) / 1 * slope(z2)
            d1 = d2 @ w2.T * slope(z1)
            w2, b2 = w2 - 0.1 * squash(z1).T @ d2, b2 - 0.1 * d2
            w1, b1 = w1 - 0.1 * x.T @ d1, b1 - 0.1 * d1

    batches = [batch for epoch in range(10) for batch in [slice(i, i + 1) for i in range(4)]]
    assert_same(after(system, batches), {"W1": w1, "b1": b1[0], "W2": w2, "b2": b2[0]})


def test_mnist_sigmoid_numpy_steps_as_document_001_does():
    """Two samples on vectors: outer products, e^-x/(e^-x+1)², softmax times s(1-s), 2(ŷ-y)/10, raw pixels."""
    system = systems.get("mnist-sigmoid-numpy")
    data = system.load()
    start = system.start(0)
    w1, w2, w3 = (start[name].copy() for name in ("W1", "W2", "W3"))

    def slope(z):
        with np.errstate(over="ignore"):
            return np.exp(-z) / (np.exp(-z) + 1) ** 2

    for x, y in zip(data.train_x[:2], data.train_t[:2], strict=True):
        z1 = w1 @ x
        z2 = w2 @ sigmoid(z1)
        z3 = w3 @ sigmoid(z2)
        s = np.exp(z3 - z3.max()) / np.exp(z3 - z3.max()).sum()
        d3 = 2 * (s - y) / 10 * s * (1 - s)
        d2 = w3.T @ d3 * slope(z2)
        d1 = w2.T @ d2 * slope(z1)
        w3, w2, w1 = (
            w3 - 0.001 * np.outer(d3, sigmoid(z2)),
            w2 - 0.001 * np.outer(d2, sigmoid(z1)),
            w1 - 0.001 * np.outer(d1, x),
        )

    assert not np.array_equal(w1, start["W1"])
    assert_same(after(system, [slice(0, 1), slice(1, 2)]), {"W1": w1, "W2": w2, "W3": w3})


def test_mnist_relu_steps_as_document_004_does():
    """Three batches of eight in file order: softmax without shift, (ŷ-y)/8, weights (in, out)."""
    system = systems.get("mnist-relu")
    data = system.load()
    rng = RandomState(0)
    w1, w2 = rng.randn(784, 300) / np.sqrt(784), rng.randn(300, 10) / np.sqrt(300)
    b1, b2 = np.zeros((1, 300)), np.zeros((1, 10))
    assert all(np.array_equal(system.start(0)[name], w) for name, w in (("W1", w1), ("W2", w2)))
    for i in range(0, 24, 8):
        x, y = data.train_x[i : i + 8], data.train_t[i : i + 8]
        z1 = x @ w1 + b1
        scores = np.exp(np.maximum(z1, 0) @ w2 + b2)
        d2 = (scores / scores.sum(axis=1, keepdims=True) - y) / 8
        d1 = d2 @ w2.T * (z1 > 0)
        w2, b2 = w2 - 0.1 * (np.maximum(z1, 0).T @ d2), b2 - 0.1 * d2.sum(axis=0)
        w1, b1 = w1 - 0.1 * (x.T @ d1), b1 - 0.1 * d1.sum(axis=0)

    found = after(system, [slice(0, 8), slice(8, 16), slice(16, 24)])
    assert_same(found, {"W1": w1, "b1": b1[0], "W2": w2, "b2": b2[0]})


def test_iris_relu_adam_reaches_its_printed_accuracy():
    """From the weights that ship, 100 steps of Adam give 96.67 %: 29 of 30 test rows."""
    system = systems.get("iris-relu-adam")
    data = system.load()

    run = train(
        system.network, system.start(), system.recipe.optimizer, [slice(None)] * 100, data.train_x, data.train_t
    )
    found = accuracy(predict(system.network, run.params, data.test_x), data.test_t)

    assert f"{100 * found:.2f}" == "96.67"


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


@pytest.mark.parametrize("name", systems.NAMES)
def test_data_are_read_only(name):
    """Loads are cached and shared, so nobody can change another's samples."""
    data = systems.get(name).load()

    assert not any(a.flags.writeable for a in (data.train_x, data.train_t, data.test_x, data.test_t))


def test_document_002_holds_twelve_thousand_rows_back():
    """The validation rows are those that the split leaves over, and none of them is trained on."""
    data = systems.get("mnist-dense-keras").load()

    assert data.validation_x.shape == (12_000, 784)
    assert data.validation_t.shape == (12_000, 10)


def test_softmax_over_a_batch_of_one_learns_nothing():
    """`mnist-relu-torch` normalises over the batch, so at a batch of one its gradient is exactly zero."""
    system = systems.get("mnist-relu-torch")
    data = system.load()

    _, gradients = loss_and_gradients(system.network, system.start(), data.train_x[:1], data.train_t[:1])

    assert all(not gradient.any() for gradient in gradients.values())
