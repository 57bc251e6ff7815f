"""PyTorch and Keras, as people use them, beside the reference: optimisers, a loss that clips, starts, and short runs."""

import itertools

import numpy as np
import pytest

from nn_reference import systems
from nn_reference.losses import BinaryCrossEntropy
from nn_reference.optimizers import SGD, Adam
from nn_reference.training import train

ROUNDING = {"float32": 2.0**-24, "float64": 2.0**-53}
STEPS = 5
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
RNG = np.random.RandomState(11)
START = RNG.uniform(-1, 1, 50)
# Each step has another size, so that every β and every correction counts.
GRADIENTS = [RNG.uniform(-1, 1, 50) * size for size in (1.0, 0.1, 3.0, 0.01, 0.5)]


def ours(optimizer, dtype):
    params = {"W": START.astype(dtype)}
    state = optimizer.init(params)
    for g in GRADIENTS:
        optimizer.step(params, {"W": g.astype(dtype)}, state)
    return params["W"]


def limit(found, dtype):
    """Five steps round the parameter once each, and the move some ten times: u·(5·|θ| + 50·|move|), by entry."""
    return ROUNDING[dtype] * (STEPS * np.abs(START).max() + 10 * STEPS * np.abs(found - START).max())


@pytest.mark.torch
@DTYPES
@pytest.mark.parametrize("name", ["sgd", "momentum", "adam", "adam-all-fields"])
def test_five_steps_are_those_of_torch_optim(name, dtype):
    """`torch.optim` ends where we end, but for the roundings of five steps."""
    import torch

    parameter = torch.tensor(START.astype(dtype), requires_grad=True)
    mine, rule = {
        "sgd": (SGD(0.1), lambda p: torch.optim.SGD(p, lr=0.1)),
        "momentum": (SGD(0.1, 0.9), lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)),
        "adam": (Adam(0.01), lambda p: torch.optim.Adam(p, lr=0.01)),
        "adam-all-fields": (
            Adam(0.02, 0.6, 0.95, 0.1),
            lambda p: torch.optim.Adam(p, lr=0.02, betas=(0.6, 0.95), eps=0.1),
        ),
    }[name]
    optimizer = rule([parameter])
    for g in GRADIENTS:
        parameter.grad = torch.tensor(g.astype(dtype))
        optimizer.step()

    found = ours(mine, dtype)

    assert found.dtype == dtype
    assert np.max(np.abs(found - parameter.detach().numpy())) <= limit(found, dtype)


@pytest.mark.keras
@DTYPES
@pytest.mark.parametrize("name", ["sgd", "momentum", "adam"])
def test_five_steps_are_those_of_keras_optimizers(name, dtype):
    """Keras ends where we end, but for roundings and for its own constants, which are float32 even for float64 weights."""
    # lr, μ and the βs that are raised to a power are float32 there. 1-β₂ᵗ magnifies β₂'s rounding by 1/(1-β₂), and the
    # root halves it: |f32(0.999)-0.999|/0.001/2 = 6.5e-6 of the move, where lr and μ alone make 1e-7.
    import keras
    import tensorflow as tf

    mine, optimizer = {
        "sgd": (SGD(0.1), keras.optimizers.SGD(0.1)),
        "momentum": (SGD(0.1, 0.9), keras.optimizers.SGD(0.1, momentum=0.9)),
        "adam": (Adam(0.01, epsilon=1e-7, placement="keras"), keras.optimizers.Adam(0.01)),
    }[name]
    variable = keras.Variable(START.astype(dtype), dtype=dtype)
    for g in GRADIENTS:
        optimizer.apply([tf.constant(g.astype(dtype))], [variable])
    theirs = variable.numpy()
    assert theirs.dtype == dtype

    def rounded(constant):
        return float(np.float32(constant))

    found = ours(mine, dtype)
    beta2 = abs(rounded(0.999) - 0.999) / (1 - 0.999) / 2
    constants = (beta2 if name == "adam" else 0.0) + 10 * 2**-24
    worst = np.max(np.abs(theirs - found))
    move = np.abs(found - START).max()

    assert worst <= limit(found, dtype) + constants * move
    if dtype == "float64" and name == "adam":
        assert worst >= 1e-6 * move  # it is there: no rounding of float64 is that large
        assert constants == pytest.approx(7.1e-6, rel=0.1)
    if dtype == "float64" and name == "sgd":
        assert np.max(np.abs(theirs - ours(SGD(rounded(0.1)), dtype))) <= limit(found, dtype)


@pytest.mark.keras
@DTYPES
@pytest.mark.parametrize("from_logits", [False, True])
def test_binary_cross_entropy_is_kerass(from_logits, dtype):
    """Loss and gradient by `GradientTape` agree; outputs beyond the clip have gradient 0, those on its bounds do not."""
    import keras
    import tensorflow as tf

    low, high = np.array([1e-7, 1 - 1e-7], dtype)
    y = np.array([[0.25, 0.5, 0.875], [low, high, 1.5], [-0.25, 0.0, 1.0], [0.125, low, high]], dtype)
    t = np.array([[0, 1, 1], [1, 0, 0], [1, 0, 1], [0, 0, 1]], dtype)
    tensor = tf.constant(y)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        # Keras computes a loss in float32 unless it is told otherwise.
        value = keras.losses.BinaryCrossentropy(from_logits=from_logits, dtype=dtype)(tf.constant(t), tensor)
    gradient = tape.gradient(value, tensor).numpy()

    loss = BinaryCrossEntropy(from_logits=from_logits)
    found, expected = loss.gradient(y, t), float(value)

    # Ten roundings; 1-p with p = 1-1e-7 cancels alike on both sides, since both round p first.
    assert abs(float(loss.value(y, t)) - expected) <= 10 * ROUNDING[dtype] * abs(expected)
    assert np.all(np.abs(found - gradient) <= 10 * ROUNDING[dtype] * np.maximum(np.abs(gradient), 1 / y.size))
    if not from_logits:
        outside = (y < low) | (y > high)
        assert not gradient[outside].any()
        assert np.array_equal(found == 0, outside)
        assert np.array_equal(gradient == 0, outside)


@pytest.mark.keras
def test_keras_dense_starts_within_the_same_bounds():
    """Kernels of `Dense` fill ±√(6/(fan_in+units)) to 1 %, biases are zero, and ours do the same."""
    import keras

    system = systems.get("mnist-dense-keras")
    params = system.start(0)
    for k, (fan_in, units) in enumerate(itertools.pairwise(system.network.widths), 1):
        layer = keras.layers.Dense(units)
        layer.build((None, fan_in))
        kernel, bias = (weights.numpy() for weights in layer.weights)
        bound = np.float32(np.sqrt(6 / (fan_in + units)))
        for weights, zeros in ((kernel, bias), (params[f"W{k}"], params[f"b{k}"])):
            assert weights.shape == (fan_in, units)
            assert not zeros.any()
            assert -bound <= weights.min() < -0.95 * bound
            assert 0.95 * bound < weights.max() <= bound


def in_pytorch(name, params, batches, x, t):
    """The document's PyTorch code in a few lines: `Sequential`, a loss, an optimiser; losses and final parameters."""
    import torch
    from torch import nn

    widths = [784, *(len(params[b]) for b in sorted(params) if b.startswith("b"))]
    linear = [nn.Linear(*pair, dtype=torch.from_numpy(x).dtype) for pair in itertools.pairwise(widths)]
    with torch.no_grad():
        for k, layer in enumerate(linear, 1):
            layer.weight.copy_(torch.tensor(params[f"W{k}"]))
            layer.bias.copy_(torch.tensor(params[f"b{k}"]))
    hidden, last, criterion, rate = {
        "fashion-pruning": (nn.ReLU, None, nn.CrossEntropyLoss(), 0.001),
        "mnist-sigmoid-torch": (nn.Sigmoid, nn.Softmax(dim=1), nn.BCEWithLogitsLoss(), 0.001),
        "mnist-relu-torch": (nn.ReLU, nn.Softmax(dim=0), nn.CrossEntropyLoss(), 0.1),
    }[name]
    layers = [linear[0]]
    for layer in linear[1:]:
        layers += [hidden(), layer]
    model = nn.Sequential(*layers, *([last] if last else []))
    adam = name == "fashion-pruning"
    optimizer = (torch.optim.Adam if adam else torch.optim.SGD)(model.parameters(), lr=rate)
    losses = []
    for batch in batches:
        optimizer.zero_grad()
        loss = criterion(model(torch.tensor(x[batch])), torch.tensor(t[batch]))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    final = {}
    for k, layer in enumerate(linear, 1):
        final[f"W{k}"], final[f"b{k}"] = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    return np.array(losses), final


@pytest.mark.torch
@DTYPES
@pytest.mark.parametrize("name", ["fashion-pruning", "mnist-sigmoid-torch", "mnist-relu-torch"])
def test_twenty_steps_of_pytorch_from_the_same_start(name, dtype):
    """Twenty updates on real data, in PyTorch and here, differ by rounding only: in every loss, in every parameter."""
    # A loss may differ by 30·u·√784 of itself, LAPACK's threshold for sums of 784 products. A parameter may differ by as
    # much of its tensor's whole move, which is the sum of the gradients' errors, and by one rounding of itself a step.
    system = systems.get(name)
    size, start = system.recipe.batch_size, {key: p.astype(dtype) for key, p in system.start(42).items()}
    data = system.load()
    x, t = data.train_x[: 20 * size].astype(dtype), data.train_t[: 20 * size].astype(dtype)
    batches = [slice(size * k, size * (k + 1)) for k in range(20)]

    mine = train(system.network, start, system.recipe.optimizer, batches, x, t)
    losses, final = in_pytorch(name, start, batches, x, t)

    share = 30 * ROUNDING[dtype] * np.sqrt(784)
    assert np.all(np.abs(np.array(mine.losses) - losses) <= share * losses)
    for key, right in final.items():
        move = np.linalg.norm(right - start[key])
        rounding = 20 * ROUNDING[dtype] * np.linalg.norm(right)
        assert right.dtype == mine.params[key].dtype == dtype
        assert np.linalg.norm(mine.params[key] - right) <= share * move + rounding, key
