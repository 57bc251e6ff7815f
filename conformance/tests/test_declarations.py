"""What the sixteen documents declare, field by field, as a table of its own; and what their figures do not show."""

import hashlib
from typing import Any, NamedTuple

import numpy as np
import pytest

from nn_reference import systems
from nn_reference.losses import BinaryCrossEntropy, CrossEntropy, SquaredError
from nn_reference.network import loss_and_gradients, predict
from nn_reference.optimizers import SGD, Adam
from nn_reference.systems import Pruning
from nn_reference.training import accuracy, train

# SHA-256, first 12 hex digits, of the first eight rows of train_x, train_t, test_x, test_t (little-endian), with the
# dtype and the shapes. Computed from the data files with NumPy and scikit-learn alone.
IMAGES = ((60000, 784), (60000, 10), (10000, 784), (10000, 10))
FLOWERS = ((120, 4), (120, 3), (30, 4), (30, 3))
DATA = {
    "raw": ("float32", IMAGES, "41d64962b607 91acc1d04292 87d5563c2e19 4a8db352f209"),
    "unit": ("float32", IMAGES, "5b26633c40e4 91acc1d04292 6a228b3860cc 4a8db352f209"),
    "mnist-normalised": ("float32", IMAGES, "5e39f30b0c2a 91acc1d04292 2be1c7931bc8 4a8db352f209"),
    "fashion-half": ("float32", IMAGES, "bbb67ed15335 ca9603cee65f 2411b18ee24b 0f60b337c6b3"),
    "unit-8:2": (
        "float32",
        ((48000, 784), (48000, 10), *IMAGES[2:]),
        "0f6b5fb3f3dc b3e158b0594c 6a228b3860cc 4a8db352f209",
    ),
    "iris": ("float64", FLOWERS, "a73434c4f111 c9ae5decd835 5ebb98b31870 7ea9fe64dc0e"),
    "iris-by-training-rows": ("float64", FLOWERS, "9817651897d7 c9ae5decd835 fb426cafb7f5 7ea9fe64dc0e"),
    "iris32-by-training-rows": ("float32", FLOWERS, "ec9a17fe42ee f699ff64fffd 81364ba783bb a0f92fb9b13f"),
    "iris32-by-all-rows": ("float32", FLOWERS, "6c8f4cc513db f699ff64fffd 0596d5a88dc6 a0f92fb9b13f"),
    "xor": ("float64", ((4, 2), (4, 1), (4, 2), (4, 1)), "5302888e23a4 c9a2fb79c96c 5302888e23a4 c9a2fb79c96c"),
    "homework": (
        "float64",
        ((1000, 2), (1000,), (1000, 2), (1000,)),
        "9cb07fcc2402 66d958b7ce18 9cb07fcc2402 66d958b7ce18",
    ),
}

# Every field is written out, so that no default is taken for granted.
ADAM_TORCH = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "placement": "torch"}
ADAM_KERAS = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7, "placement": "keras"}
HALF_SUM = SquaredError(reduction="sum", half=True)
HALF_MEAN = SquaredError(reduction="samples", half=True)
MEAN_OF_OUTPUTS = SquaredError(reduction="elements", half=False)
CE_LOGITS, CE = CrossEntropy(from_logits=True), CrossEntropy(from_logits=False)
BCE_LOGITS, BCE = BinaryCrossEntropy(from_logits=True, clip=1e-7), BinaryCrossEntropy(from_logits=False, clip=1e-7)
PRUNED = Pruning(threshold=0.05, fine_tune_epochs=5, biases=True, keep_mask=False)
MASKED = Pruning(threshold=0.05, fine_tune_epochs=5, biases=False, keep_mask=True)


class Row(NamedTuple):
    """One declaration; a layer reads: units, activation, `softmax:axis` for a softmax, and a derivative but the exact."""

    system: str
    layers: str
    bias: str
    layout: str
    loss: Any
    optimizer: Any
    batch: int | None
    epochs: int
    order: str
    samples: int | None
    pruning: Pruning | None
    precision: str
    seed: int | None
    data: str


def sgd(learning_rate: float) -> SGD:
    return SGD(learning_rate, momentum=0.0)


TABLE = [
    Row("iris-sigmoid/documented", "4, 5 sigmoid, 3 sigmoid", "none", "in,out", HALF_SUM, sgd(0.1), None, 10_000, "file order", None, None, "float64", 42, "iris"),
    Row("iris-sigmoid/corrected", "4, 5 sigmoid, 3 sigmoid", "none", "in,out", HALF_SUM, sgd(0.1), None, 10_000, "file order", None, None, "float64", 42, "iris-by-training-rows"),
    Row("iris-relu-adam/documented", "4, 10 relu, 3 identity", "biases", "out,in", CE_LOGITS, Adam(0.01, **ADAM_TORCH), None, 100, "file order", None, None, "float32", 42, "iris32-by-all-rows"),
    Row("iris-relu-adam/corrected", "4, 10 relu, 3 identity", "biases", "out,in", CE_LOGITS, Adam(0.01, **ADAM_TORCH), None, 100, "file order", None, None, "float32", 42, "iris32-by-training-rows"),
    Row("fashion-pruning/documented", "784, 256 relu, 128 relu, 10 identity", "biases", "out,in", CE_LOGITS, Adam(0.001, **ADAM_TORCH), 32, 10, "shuffled", None, PRUNED, "float32", 42, "fashion-half"),
    Row("fashion-pruning/corrected", "784, 256 relu, 128 relu, 10 identity", "biases", "out,in", CE_LOGITS, Adam(0.001, **ADAM_TORCH), 32, 10, "shuffled", None, MASKED, "float32", 42, "fashion-half"),
    Row("mnist-sigmoid-numpy/documented", "784, 128 sigmoid quotient, 64 sigmoid quotient, 10 softmax:-1 diagonal", "none", "out,in", MEAN_OF_OUTPUTS, sgd(0.001), 1, 10, "file order", None, None, "float64", None, "raw"),
    Row("mnist-sigmoid-numpy/corrected", "784, 128 sigmoid, 64 sigmoid, 10 softmax:-1", "none", "out,in", MEAN_OF_OUTPUTS, sgd(0.1), 1, 10, "file order", None, None, "float64", None, "unit"),
    Row("mnist-sigmoid-torch/documented", "784, 128 sigmoid, 64 sigmoid, 10 softmax:-1", "biases", "out,in", BCE_LOGITS, sgd(0.001), 1, 10, "file order", None, None, "float32", None, "mnist-normalised"),
    Row("mnist-sigmoid-torch/corrected", "784, 128 sigmoid, 64 sigmoid, 10 identity", "biases", "out,in", BCE_LOGITS, sgd(0.001), 1, 10, "file order", None, None, "float32", None, "mnist-normalised"),
    Row("mnist-sigmoid-keras/documented", "784, 128 sigmoid, 64 sigmoid, 10 identity", "biases", "in,out", BCE, sgd(0.01), 32, 10, "shuffled", None, None, "float32", None, "unit"),
    Row("mnist-sigmoid-keras/corrected", "784, 128 sigmoid, 64 sigmoid, 10 identity", "biases", "in,out", BCE_LOGITS, sgd(0.01), 32, 10, "shuffled", None, None, "float32", None, "unit"),
    Row("homework/documented", "2, 3 sigmoid, 1 sigmoid", "biases", "out,in", HALF_MEAN, sgd(0.0), None, 0, "file order", None, None, "float64", 0, "homework"),
    Row("mnist-dense-keras/documented", "784, 128 identity, 64 relu, 10 softmax:-1", "biases", "in,out", CE, Adam(0.001, **ADAM_KERAS), 128, 10, "shuffled", None, None, "float32", None, "unit-8:2"),
    Row("mnist-dense-keras/corrected", "784, 128 relu, 64 relu, 10 softmax:-1", "biases", "in,out", CE, Adam(0.001, **ADAM_KERAS), 128, 10, "shuffled", None, None, "float32", None, "unit-8:2"),
    Row("xor-sigmoid/documented", "2, 3 sigmoid, 1 sigmoid", "biases", "in,out", MEAN_OF_OUTPUTS, sgd(0.1), 1, 1000, "file order", None, None, "float64", None, "xor"),
    Row("xor-tanh/documented", "2, 3 tanh, 1 tanh", "biases", "in,out", MEAN_OF_OUTPUTS, sgd(0.1), 1, 1000, "file order", None, None, "float64", None, "xor"),
    Row("mnist-tanh/documented", "784, 100 tanh, 50 tanh, 10 tanh", "biases", "in,out", MEAN_OF_OUTPUTS, sgd(0.1), 1, 500, "shuffled", 256, None, "float64", None, "unit"),
    Row("mnist-tanh-deeper/documented", "784, 100 tanh, 50 tanh, 100 tanh, 10 tanh", "biases", "in,out", MEAN_OF_OUTPUTS, sgd(0.1), 1, 500, "shuffled", 256, None, "float64", None, "unit"),
    Row("mnist-tanh-512/documented", "784, 100 tanh, 50 tanh, 10 tanh", "biases", "in,out", MEAN_OF_OUTPUTS, sgd(0.1), 1, 500, "shuffled", 512, None, "float64", None, "unit"),
    Row("mnist-tanh-lr025/documented", "784, 100 tanh, 50 tanh, 10 tanh", "biases", "in,out", MEAN_OF_OUTPUTS, sgd(0.25), 1, 500, "shuffled", 256, None, "float64", None, "unit"),
    Row("mnist-relu/documented", "784, 300 relu, 10 softmax:-1", "biases", "in,out", CE, sgd(0.1), 8, 20, "file order", None, None, "float64", None, "unit"),
    Row("mnist-relu-torch/documented", "784, 300 relu, 10 softmax:-2", "biases", "out,in", CE_LOGITS, sgd(0.1), 8, 20, "file order", None, None, "float32", None, "unit"),
    Row("mnist-relu-torch/corrected", "784, 300 relu, 10 identity", "biases", "out,in", CE_LOGITS, sgd(0.1), 8, 20, "file order", None, None, "float32", None, "unit"),
]  # fmt: skip


def layer_text(layer) -> str:
    axis = "" if layer.activation.axis is None else f":{layer.activation.axis}"
    derivative = "" if layer.activation.derivative == "exact" else f" {layer.activation.derivative}"
    return f"{layer.units} {layer.activation.name}{axis}{derivative}"


def digest(rows: np.ndarray) -> str:
    return hashlib.sha256(rows[:8].astype(rows.dtype.newbyteorder("<")).tobytes()).hexdigest()[:12]


def test_the_table_has_a_row_for_each_system_and_version():
    """Twenty-four declarations, in the documents' order, and no other."""
    assert [system.id for system in systems.SYSTEMS] == [row.system for row in TABLE]
    assert len(TABLE) == 24


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.system)
def test_a_system_declares_what_its_document_says(row):
    """Layers, loss, optimiser, recipe, pruning, precision and seed are the document's, defaults included."""
    system = systems.get(*row.system.split("/"))
    layers, recipe = system.network.layers, system.recipe

    assert ", ".join([str(system.network.inputs), *map(layer_text, layers)]) == row.layers
    assert [layer.bias for layer in layers] == [row.bias == "biases"] * len(layers)
    assert [layer.layout for layer in layers] == [row.layout] * len(layers)
    vector = [system.name == "homework" and k == len(layers) for k in range(1, len(layers) + 1)]
    assert [layer.vector for layer in layers] == vector
    assert system.network.loss == row.loss
    assert recipe.optimizer == row.optimizer
    assert (recipe.batch_size, recipe.epochs, recipe.shuffle) == (row.batch, row.epochs, row.order == "shuffled")
    assert (recipe.samples_per_epoch, recipe.pruning) == (row.samples, row.pruning)
    assert (system.precision, system.seed) == (row.precision, row.seed)


@pytest.mark.slow
@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.system)
def test_a_system_is_fed_the_documents_data(row):
    """The first eight rows of inputs and targets, training and test, have their digests, dtype and shapes."""
    data = systems.get(*row.system.split("/")).load()
    arrays = (data.train_x, data.train_t, data.test_x, data.test_t)
    dtype, shapes, digests = DATA[row.data]

    assert {a.dtype.name for a in arrays} == {dtype}
    assert tuple(a.shape for a in arrays) == shapes
    assert " ".join(map(digest, arrays)) == digests


# By network: how many figures its document prints or states, and the first 16 hex digits of the SHA-256 of their lines,
# each with its quantity, epoch and digits; the digits were taken from the documents by script, and by hand.
FIGURES = {
    "iris-sigmoid": (1, "2ca609edbf8d3510"),
    "iris-relu-adam": (1, "bece7a345ad3ba44"),
    "fashion-pruning": (4, "cc12ba3d07c3d14d"),
    "mnist-sigmoid-numpy": (25, "73bbec319c71d241"),
    "mnist-sigmoid-torch": (20, "627e9f8ca08d36d0"),
    "mnist-sigmoid-keras": (33, "93e3e13097a7e6e7"),
    "homework": (18, "d833824519c7ef82"),
    "mnist-dense-keras": (81, "a21f46da3c4093b2"),
    "xor-sigmoid": (32, "0302bda9e7931557"),
    "xor-tanh": (32, "a8ba92f30cb30ce2"),
    "mnist-tanh": (40, "a66400c8d138e0ad"),
    "mnist-tanh-deeper": (35, "66d0a17adc0a8035"),
    "mnist-tanh-512": (35, "ea6d576703632161"),
    "mnist-tanh-lr025": (35, "07449ccf4aaff642"),
    "mnist-relu": (87, "33d9d2dfa1a1757e"),
    "mnist-relu-torch": (46, "783fc027864f5387"),
}


@pytest.mark.parametrize("name", systems.NAMES)
def test_every_printed_figure_has_the_documents_digits(name):
    """None is missing, changed or added, and all are in the document's order."""
    figures = systems.get(name).figures
    text = "\n".join(f"{figure.quantity} {figure.epoch} {figure.printed}" for figure in figures)

    assert (len(figures), hashlib.sha256(text.encode()).hexdigest()[:16]) == FIGURES[name]


def test_the_legible_labels_of_document_002_are_mnists():
    """The labels that document 002 prints under test images 20 to 49 are those of the file."""
    labels = np.argmax(systems.get("mnist-dense-keras").load().test_t[20:50], axis=1)
    figures = {figure.quantity: figure.printed for figure in systems.get("mnist-dense-keras").figures}

    assert " ".join(map(str, labels)) == figures["labels of test images 20-49"]


def test_homework_draws_weights_and_data_from_one_generator():
    """randn(3,2), randn(3), rand(1000,2), randint(0,2,(1000,)) from seed 0, in this order."""
    rng = np.random.RandomState(0)
    system = systems.get("homework")
    params, data = system.start(), system.load()

    assert np.array_equal(params["W1"], rng.randn(3, 2))
    assert np.array_equal(params["W2"], rng.randn(3))
    assert params["b2"].shape == ()
    assert np.array_equal(data.train_x, rng.rand(1000, 2))
    assert np.array_equal(data.train_t, rng.randint(0, 2, (1000,)))


def samples_until_nan(system, params, dtype):
    """How many samples it takes, one update for each, until every weight is NaN (infinity if a hundred do not do)."""
    data = system.load()
    x, t = data.train_x[:100].astype(dtype), data.train_t[:100].astype(dtype)
    for sample in range(100):
        params = train(system.network, params, system.recipe.optimizer, [slice(sample, sample + 1)], x, t).params
        if all(np.isnan(p).all() for p in params.values()):
            return sample + 1, params
    return float("inf"), params


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
def test_nan_is_where_mnist_sigmoid_numpy_ends(dtype):
    """Within a hundred samples every weight is NaN, and 980 of 10,000 are then right; the corrected network stays finite."""
    system, corrected = (systems.get("mnist-sigmoid-numpy", version) for version in ("documented", "corrected"))
    data = system.load()
    (samples, params), (never, finite) = (
        samples_until_nan(s, {name: p.astype(dtype) for name, p in s.start(0).items()}, dtype)
        for s in (system, corrected)
    )
    x, t = data.train_x[:2].astype(dtype), data.train_t[:2].astype(dtype)
    later = train(system.network, params, system.recipe.optimizer, [slice(0, 1), slice(1, 2)], x, t)

    assert samples <= 100
    assert all(np.isnan(p).all() for p in later.params.values())
    assert accuracy(predict(system.network, later.params, data.test_x), data.test_t) == 980 / 10_000
    assert never == float("inf")
    assert all(np.isfinite(p).all() for p in finite.values())


def test_softmax_over_a_batch_of_one_learns_nothing():
    """`mnist-relu-torch` normalises over the batch, so at a batch of one its gradient is exactly zero."""
    system = systems.get("mnist-relu-torch")
    data = system.load()

    _, gradients = loss_and_gradients(system.network, system.start(), data.train_x[:1], data.train_t[:1])

    assert all(not gradient.any() for gradient in gradients.values())
