"""What the sixteen documents declare, field by field, as a table of its own: nothing here is read from the reference."""

import hashlib
from typing import Any, NamedTuple

import numpy as np
import pytest

from nn_reference import systems
from nn_reference.losses import BinaryCrossEntropy, CrossEntropy, SquaredError
from nn_reference.optimizers import SGD, Adam
from nn_reference.systems import Pruning

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


# (system, quantity): first epoch, rows, and the first 16 hex digits of the SHA-256 of the printed figures joined by
# spaces; taken from the documents by script.
CURVES = {
    ("mnist-dense-keras", "training_loss"): (1, 10, "2cf81c6cd9c0b020"),
    ("mnist-dense-keras", "training_accuracy"): (1, 10, "34047b7d4be0dba1"),
    ("mnist-dense-keras", "validation_loss"): (1, 10, "bf984cc9e057e1f7"),
    ("mnist-dense-keras", "validation_accuracy"): (1, 10, "d6a0277ce274f93d"),
    ("mnist-dense-keras", "epoch_seconds"): (1, 10, "5b5b576ed5cbdaf3"),
    ("mnist-dense-keras", "step_milliseconds"): (1, 10, "f40794cd411954c1"),
    ("mnist-relu-torch", "training_accuracy"): (0, 20, "b4ef4812ede04474"),
    ("mnist-relu-torch", "test_accuracy"): (0, 20, "4d7bfbb1aaf060cd"),
    ("mnist-relu", "test_loss"): (0, 20, "dfa58dacc6f0f08a"),
    ("mnist-relu", "training_loss"): (0, 20, "abc321b17479ff2c"),
    ("mnist-relu", "test_accuracy"): (0, 20, "dfd08891b380b124"),
    ("mnist-relu", "training_accuracy"): (0, 20, "3230f9c0a264651f"),
    ("mnist-sigmoid-keras", "training_accuracy"): (1, 8, "899ee278e5e6d7ac"),
    ("mnist-sigmoid-keras", "training_loss"): (1, 8, "decb11c45b1d51c6"),
    ("mnist-sigmoid-keras", "epoch_seconds"): (1, 8, "eabf1b54ab3d2b22"),
    ("mnist-sigmoid-keras", "step_milliseconds"): (1, 8, "5a7f8679d313d477"),
    ("mnist-sigmoid-numpy", "test_accuracy_percent"): (1, 10, "68ecb80acc65ffcc"),
    ("mnist-sigmoid-numpy", "elapsed_seconds"): (1, 10, "1293826c96e49588"),
    ("mnist-sigmoid-torch", "last_sample_loss"): (1, 10, "6c356761f1b16535"),
    ("mnist-sigmoid-torch", "elapsed_seconds"): (1, 10, "2bae2681b97c7dd1"),
    ("mnist-tanh-512", "training_loss"): (1, 33, "069635323c613137"),
    ("mnist-tanh-deeper", "training_loss"): (1, 33, "cdd9f1a2dfa7d4ab"),
    ("mnist-tanh-lr025", "training_loss"): (1, 33, "d8b7d4f66d8bbd51"),
    ("mnist-tanh", "training_loss"): (1, 33, "d1210878cb1b38ba"),
    ("xor-sigmoid", "training_loss"): (1, 32, "8454c353b62325fa"),
    ("xor-tanh", "training_loss"): (1, 32, "6d35df3fd9e01812"),
}

# (system): how many other figures are printed or stated, and the first 16 hex digits of the SHA-256 of their list, each with
# its quantity, digits and epoch; taken from the documents by hand.
FINALS = {
    "iris-sigmoid": (1, "f9ec70a5abf00cb2"),
    "iris-relu-adam": (1, "c6d92bcaa026c42b"),
    "fashion-pruning": (4, "2f037c435597cb53"),
    "mnist-sigmoid-numpy": (5, "f0ec076e11c5f533"),
    "homework": (18, "ec4b8b9d824e1efb"),
    "mnist-sigmoid-keras": (1, "d2a7f8776768957f"),
    "mnist-dense-keras": (21, "fa6859348a08d5d2"),
    "mnist-tanh": (7, "e1658b25351dded7"),
    "mnist-tanh-deeper": (2, "dc107d3601bec352"),
    "mnist-tanh-512": (2, "8fa567a8b5cfaa16"),
    "mnist-tanh-lr025": (2, "eed71a752383e1c4"),
    "mnist-relu": (7, "27db2a3b7c8fb440"),
    "mnist-relu-torch": (6, "96e1a6f25f73cd13"),
}


def digest_of(text):
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def curves_and_finals(system):
    """Curves are runs of figures of one quantity over consecutive epochs; all other figures are finals."""
    curves, finals = {}, []
    figures = list(system.figures)
    while figures:
        run = [figures.pop(0)]
        while (
            figures
            and run[-1].epoch is not None
            and (figures[0].quantity, figures[0].epoch) == (run[-1].quantity, run[-1].epoch + 1)
        ):
            run.append(figures.pop(0))
        first = run[0]
        if len(run) > 1:
            printed = " ".join(figure.printed for figure in run)
            key = (system.name, first.quantity)
            assert key not in curves
            curves[key] = (first.epoch, len(run), digest_of(printed))
        else:
            finals.append((first.quantity, first.printed, first.epoch))
    return curves, finals


@pytest.mark.parametrize("name", systems.NAMES)
def test_every_printed_figure_has_the_documents_digits(name):
    """Each curve in full, by its digest, and every other figure: none is missing, changed or added."""
    curves, finals = curves_and_finals(systems.get(name))

    assert curves == {key: curve for key, curve in CURVES.items() if key[0] == name}
    assert (len(finals), digest_of(repr(finals))) == FINALS.get(name, (0, digest_of("[]")))


def test_the_legible_labels_of_document_002_are_mnists():
    """The labels that document 002 prints under test images 20 to 49 are those of the file."""
    labels = np.argmax(systems.get("mnist-dense-keras").load().test_t[20:50], axis=1)
    figures = {figure.quantity: figure.printed for figure in systems.get("mnist-dense-keras").figures}

    assert " ".join(map(str, labels)) == figures["labels of test images 20-49"]
