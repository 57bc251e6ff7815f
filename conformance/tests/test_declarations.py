"""What the sixteen documents declare, beside their published cases; and what their figures do not show."""

import hashlib

import numpy as np
import pytest
from spread import everyday

from nn_conformance.cases.families import describe_network, describe_optimizer
from nn_conformance.cases.store import Store
from nn_maintain.documents import documented
from nn_reference import systems
from nn_reference.network import predict
from nn_reference.systems import Pruning
from nn_reference.training import accuracy, train

SMALL = [system for system in systems.SYSTEMS if system.network.inputs < 784]


@pytest.mark.parametrize("system", everyday(systems.SYSTEMS, SMALL), ids=lambda system: system.id)
def test_a_system_is_the_one_of_its_published_case(system):
    """Layers, loss, optimiser, batches, starting weights and rows of the data are those that were certified, to the last bit."""
    draft, loaded = next(documented(system)), Store().case(system.id)
    case = loaded.case

    assert (describe_network(system.network), describe_optimizer(system.recipe.optimizer)) == (
        case.network,
        case.optimizer,
    )
    assert [list(rows) for rows in draft.steps] == [step.rows for step in case.steps]
    assert draft.params.keys() == loaded.params.keys()
    for ours, published in (
        (draft.x, loaded.x),
        (draft.t, loaded.t),
        *((p, loaded.params[n]) for n, p in draft.params.items()),
    ):
        assert np.array_equal(ours, published)


# What no published case shows of a recipe, by network; both versions of one that prunes.
SAMPLES = {"mnist-tanh": 256, "mnist-tanh-deeper": 256, "mnist-tanh-512": 512, "mnist-tanh-lr025": 256}
SEEDS = {"iris-sigmoid": 42, "iris-relu-adam": 42, "fashion-pruning": 42, "homework": 0}
NARROW = {
    "iris-relu-adam",
    "fashion-pruning",
    "mnist-sigmoid-torch",
    "mnist-sigmoid-keras",
    "mnist-dense-keras",
    "mnist-relu-torch",
}
PRUNINGS = [
    Pruning(threshold=0.05, fine_tune_epochs=5, biases=True, keep_mask=False),
    Pruning(threshold=0.05, fine_tune_epochs=5, biases=False, keep_mask=True),
]


def test_recipes_are_the_documents():
    """Samples of an epoch, seeds, precisions and prunings are the documents', and no other network has one."""
    every = systems.SYSTEMS

    assert {s.name: s.recipe.samples_per_epoch for s in every if s.recipe.samples_per_epoch is not None} == SAMPLES
    assert {s.name: s.seed for s in every if s.seed is not None} == SEEDS
    assert {s.name for s in every if s.precision == "float32"} == NARROW
    assert [s.recipe.pruning for s in every if s.recipe.pruning is not None] == PRUNINGS


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
