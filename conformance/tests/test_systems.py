"""The sixteen systems as data: counts, shapes, figures, starts, orders of batches."""

import itertools
import pickle
from math import prod, sqrt

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


def bounds(system):
    """(low, high) of each parameter's uniform distribution, from the documents and the frameworks' manuals."""
    for name, shape in system.network.shapes.items():
        fan_in, units = list(zip(system.network.widths, system.network.widths[1:], strict=False))[int(name[1:]) - 1]
        if system.name == "iris-sigmoid":
            yield name, shape, 0.0, 1.0
        elif "tanh" in system.name or "xor" in system.name:
            yield name, shape, -0.5, 0.5
        elif system.name in ("iris-relu-adam", "fashion-pruning", "mnist-sigmoid-torch", "mnist-relu-torch"):
            yield name, shape, -1 / sqrt(fan_in), 1 / sqrt(fan_in)
        elif "keras" in system.name:
            limit = sqrt(6 / (fan_in + units)) if name.startswith("W") else 0
            yield name, shape, -limit, limit


@ALL
def test_uniform_starts_fill_their_bounds(system):
    """Weights lie within the documented bounds, and large tensors come within 1 % of both; Keras's biases are zero."""
    params = system.start(3)

    for name, shape, low, high in bounds(system):
        p = params[name].astype(float)
        assert low <= p.min() <= p.max() <= high, name
        if prod(shape) > 1000:
            assert p.min() < low + 0.01 * (high - low)
            assert p.max() > high - 0.01 * (high - low)


@pytest.mark.parametrize(
    ("name", "draw"),
    [
        ("mnist-sigmoid-numpy", lambda rng, units, fan_in: rng.randn(units, fan_in) * sqrt(1 / units)),
        ("mnist-relu", lambda rng, units, fan_in: rng.randn(fan_in, units) / sqrt(fan_in)),
    ],
)
def test_normal_starts_are_the_documents_draws(name, draw):
    """N(0,1)/√fan_in in document 004, and by the number of *units* in 001, bit for bit; biases are zero."""
    system, rng = systems.get(name), RandomState(0)
    params = system.start(0)

    for k, (fan_in, units) in enumerate(itertools.pairwise(system.network.widths), 1):
        assert np.array_equal(params[f"W{k}"], draw(rng, units, fan_in))
        assert not params.get(f"b{k}", np.zeros(1)).any()


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


def test_printed_accuracies_fit_their_number_of_samples():
    """Every five-digit accuracy of document 004 is a whole number of test or training images."""
    for name in ("mnist-relu", "mnist-relu-torch"):
        for figure in systems.get(name).figures:
            if figure.quantity.endswith("_accuracy"):
                count = 60_000 if figure.quantity.startswith("training") else 10_000
                nearest = round(float(figure.printed) * count) / count
                assert abs(nearest - float(figure.printed)) <= 0.5 * 10.0 ** -(len(figure.printed) - 2) + 1e-12


def test_the_8_2_split_is_what_ran_in_document_002():
    """Five printed validation accuracies fit no k/6,000, as the code's 9:1 split would give; all fit k/12,000."""
    printed = [f.printed for f in systems.get("mnist-dense-keras").figures if f.quantity == "validation_accuracy"]

    def fits(text, count):
        return f"{round(float(text) * count) / count:.4f}" == text

    assert sum(not fits(text, 6000) for text in printed) == 5
    assert all(fits(text, 12_000) for text in printed)
    data = systems.get("mnist-dense-keras").load()
    assert len(data.train_x) == 48_000 == 375 * 128
    assert (data.validation_x.shape, data.validation_t.shape) == ((12_000, 784), (12_000, 10))


def batches(**recipe):
    """The batches of ten rows, by epochs."""
    return list(Recipe(SGD(0.1), **recipe).batches(10, RandomState(0)))


@pytest.mark.parametrize(("size", "rows"), [(3, [(0, 3), (3, 6), (6, 9), (9, 10)]), (None, [(0, 10)])])
def test_file_order_is_slices_that_cover_every_row_once(size, rows):
    """Rows 0 to 9 in threes, the last batch partial; without a batch size, one update on all. Each epoch alike."""
    assert batches(epochs=2, batch_size=size) == [[slice(*pair) for pair in rows]] * 2


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


def test_pruning_adds_its_fine_tuning_epochs():
    """`fashion-pruning` has ten epochs and five more."""
    epochs = list(systems.get("fashion-pruning").recipe.batches(64, RandomState(0)))

    assert [[len(batch) for batch in epoch] for epoch in epochs] == [[32, 32]] * 15


def test_what_ran_is_the_network_that_corrected_names():
    """`mnist-dense-keras/as-run` and `/corrected` are one network, trained alike; the documented one is linear first."""
    shown, ran, named = (systems.get("mnist-dense-keras", version) for version in ("documented", "as-run", "corrected"))
    assert (ran.network, ran.recipe, ran.initializer) == (named.network, named.recipe, named.initializer)
    assert [layer.activation.name for layer in shown.network.layers] == ["identity", "relu", "softmax"]
    assert [layer.activation.name for layer in ran.network.layers] == ["relu", "relu", "softmax"]
    assert {*systems.VARIANTS}.isdisjoint(systems.SYSTEMS)


def test_rows_of_cell_in_3_are_a_split_of_all_images():
    """59,500 and 10,500 rows, all digits of the 70,000 once; the network is the documented one."""
    variant, documented = systems.get("mnist-sigmoid-numpy", "in-3"), systems.get("mnist-sigmoid-numpy")
    data, all_of_them = variant.load(), documented.load()
    assert (data.train_x.shape, data.test_x.shape) == ((59_500, 784), (10_500, 784))
    counts = data.train_t.sum(axis=0) + data.test_t.sum(axis=0)
    assert counts.tolist() == (all_of_them.train_t.sum(axis=0) + all_of_them.test_t.sum(axis=0)).tolist()
    assert (data.train_x.min(), data.train_x.max()) == (0, 1)
    assert (variant.network, variant.recipe) == (documented.network, documented.recipe)


def test_networks_can_be_sent_to_another_process():
    """They can be pickled, as those who judge in several processes need."""
    for system in systems.SYSTEMS:
        assert pickle.loads(pickle.dumps(system.network)).widths == system.network.widths  # noqa: S301 - made here
