"""The sixteen systems as data: counts, shapes, figures, starts, orders of batches."""

import itertools
import pickle

import numpy as np
import pytest
from numpy.random import RandomState

from nn_reference import systems
from nn_reference.initializers import torch_linear
from nn_reference.losses import CrossEntropy
from nn_reference.network import Dense, Network
from nn_reference.optimizers import SGD
from nn_reference.systems import Recipe

ALL = pytest.mark.parametrize("system", systems.SYSTEMS, ids=lambda system: system.id)


@pytest.mark.parametrize("name", systems.NAMES)
def test_a_corrected_version_is_there_exactly_where_there_is_a_defect(name):
    """A system has defects and a corrected version, or neither; of 002's, `corrected` is what ran, and mends nothing."""
    versions = [system.version for system in systems.SYSTEMS if system.name == name]
    mended = "corrected" in versions and name != "mnist-dense-keras"

    assert bool(systems.get(name).defects) == mended


@ALL
def test_data_fit_the_network(system):
    """Inputs and targets have the network's sizes, are finite, read-only, and one-hot where there are classes."""
    data = system.load()
    last = system.network.layers[-1]

    for x, t in ((data.train_x, data.train_t), (data.test_x, data.test_t)):
        assert x.shape == (len(t), system.network.inputs)
        assert t.shape[1:] == (() if last.vector else (last.units,))
        assert np.isfinite(x[:1000]).all()
        assert not x.flags.writeable  # loads are cached and shared
        assert not t.flags.writeable
        if last.units > 1:
            assert np.array_equal(t.sum(axis=1), np.ones(len(t)))


@ALL
def test_starts_are_of_the_documents_precision_and_reproducible(system):
    """Starting weights have the declared shapes and precision; one seed gives one start, another gives another."""
    first, again, other = system.start(7), system.start(7), system.start(8)

    assert {name: p.shape for name, p in system.start().items()} == system.network.shapes
    assert {p.dtype.name for p in system.start().values()} == {system.precision}
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert any(not np.array_equal(first[name], other[name]) for name in first)


def test_the_shipped_weights_are_pytorchs_from_seed_42():
    """NumPy's Mersenne Twister gives, bit for bit, the weights that PyTorch drew and that ship as data."""
    shipped = systems.get("iris-relu-adam").start()
    drawn = systems.get("iris-relu-adam").start(42)

    assert all(np.array_equal(shipped[name], drawn[name]) for name in shipped)
    assert shipped["W1"].ravel()[:2].tolist() == [np.float32(0.38226926), np.float32(0.41500396)]


@pytest.mark.torch
@pytest.mark.parametrize("seed", [0, 42, 2**32 - 1])
@pytest.mark.parametrize("widths", [(4, 10, 3), (784, 300, 10)])
def test_torch_linear_is_pytorchs_default_bit_for_bit(seed, widths):
    """`torch.manual_seed(s)` and then `Linear` layers give what RandomState(s) gives here."""
    import torch

    network = Network(widths[0], tuple(Dense(units, layout="out,in") for units in widths[1:]), CrossEntropy())
    torch.manual_seed(seed)
    layers = [torch.nn.Linear(a, b) for a, b in itertools.pairwise(widths)]

    found = torch_linear().draw(network, RandomState(seed))

    for k, layer in enumerate(layers, 1):
        assert np.array_equal(found[f"W{k}"], layer.weight.detach().numpy())
        assert np.array_equal(found[f"b{k}"], layer.bias.detach().numpy())


def batches(**recipe):
    """The batches of ten rows, by epochs."""
    return list(Recipe(SGD(0.1), **recipe).batches(10, RandomState(0)))


def test_shuffled_epochs_are_permutations_and_differ():
    """Each epoch visits every row once, in an order of its own, which later epochs leave alone."""
    first, second = batches(epochs=2, batch_size=4, shuffle=True)

    assert sorted(np.concatenate(first)) == sorted(np.concatenate(second)) == list(range(10))
    assert np.concatenate(first).tolist() != np.concatenate(second).tolist()
    assert [len(batch) for batch in first] == [4, 4, 2]


def test_document_003_shuffles_in_place_and_takes_the_first():
    """The order of an epoch is a shuffle of the order before it, as np.random.shuffle of one array gives."""
    rng, order = RandomState(0), np.arange(10)

    for epoch in batches(epochs=3, batch_size=1, shuffle=True, samples_per_epoch=4):
        rng.shuffle(order)
        assert np.concatenate(epoch).tolist() == order[:4].tolist()


def test_what_ran_is_the_network_that_corrected_names():
    """`mnist-dense-keras/as-run` and `/corrected` are one network, trained alike; the documented one is linear first."""
    shown, ran, named = (systems.get("mnist-dense-keras", version) for version in ("documented", "as-run", "corrected"))
    assert (ran.network, ran.recipe, ran.initializer) == (named.network, named.recipe, named.initializer)
    assert [layer.activation.name for layer in shown.network.layers] == ["identity", "relu", "softmax"]
    assert [layer.activation.name for layer in ran.network.layers] == ["relu", "relu", "softmax"]
    assert {*systems.VARIANTS}.isdisjoint(systems.SYSTEMS)


def test_networks_can_be_sent_to_another_process():
    """They can be pickled, as those who judge in several processes need."""
    for system in systems.SYSTEMS:
        assert pickle.loads(pickle.dumps(system.network)).widths == system.network.widths  # noqa: S301 - made here


def test_document_002_holds_back_a_fifth():
    """12,000 of the 60,000 rows are for validation, and none of them is trained on."""
    data = systems.get("mnist-dense-keras").load()

    assert (data.train_x.shape, data.train_t.shape) == ((48_000, 784), (48_000, 10))
    assert (data.validation_x.shape, data.validation_t.shape) == ((12_000, 784), (12_000, 10))
