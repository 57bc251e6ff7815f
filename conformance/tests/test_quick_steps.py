"""The quick steps of a replay in NumPy are the reference's own, and so are the frameworks'."""

from itertools import islice

import numpy as np
import pytest
from replay_problems import small_data

from nn_conformance.cases.store import Store
from nn_conformance.replay.run import order, start
from nn_conformance.replay.trainers import trainer
from nn_reference import systems
from nn_reference.network import backpropagate
from nn_reference.systems import Data
from nn_reference.training import train

pytestmark = pytest.mark.numeric

FRAMEWORKS = ["numpy", pytest.param("torch", marks=pytest.mark.torch), pytest.param("keras", marks=pytest.mark.keras)]


def test_without_a_quick_way_the_run_is_the_references_own():
    """Where there are no quick rules, losses and weights are bit for bit those of the reference's training loop."""
    system = systems.get("iris-sigmoid", "corrected")
    data = system.load()
    theirs = train(
        system.network, system.start(), system.recipe.optimizer, [slice(0, 120)] * 40, data.train_x, data.train_t
    )
    ours = trainer("numpy", system, data, system.start())
    assert ours._quick is None
    assert ours.train([slice(0, 120)] * 40).losses.tolist() == [float(loss) for loss in theirs.losses]
    assert all(np.array_equal(p, theirs.params[name]) for name, p in ours.params().items())


@pytest.mark.parametrize(
    "system",
    [s for s in systems.SYSTEMS if s.network.inputs == 784 and s.id != "mnist-sigmoid-numpy/documented"],
    ids=lambda s: s.id,
)
def test_the_quick_way_changes_rounding_alone(system):
    """Losses, correct answers and updates are the reference's; the weights of a pixel that was always zero stay put."""
    # Thirty roundings of a sum of 784 terms in float64, 30·√784·2⁻⁵³, of the losses and of the norms of the moves; and a
    # move is rounded to its weight, once for each of up to six updates.
    limit, data = 30 * 28 * 2**-53, small_data().astype("float64")
    data = Data(np.where(np.arange(784) % 7 == 0, 0, data.train_x), data.train_t, data.test_x, data.test_t)
    before, size = start(system, 0, "float64"), system.recipe.batch_size
    batches = [slice(k, min(k + size, 48)) for k in range(0, min(48, 6 * size), size)]
    ours = trainer("numpy", system, data, before)
    assert ours._quick is not None
    found = ours.train(batches)
    theirs = train(system.network, before, system.recipe.optimizer, batches, data.train_x, data.train_t)
    assert np.all(np.abs(found.losses - theirs.losses) <= limit * np.abs(theirs.losses))
    for name, p in ours.params().items():
        move, weight = np.linalg.norm(theirs.params[name] - before[name]), np.linalg.norm(before[name])
        # A softmax over the batch leaves the last bias where it is, whatever the numbers.
        assert move > 1e-9 or name == "b2"
        assert np.linalg.norm(p - theirs.params[name]) <= limit * move + 6 * 2**-53 * weight
    rows, unmoved = pixels(system, ours.params()), pixels(system, before)
    assert np.array_equal(rows[::7], unmoved[::7])
    assert not np.array_equal(rows, unmoved)


def pixels(system, params):
    """The first layer's weights, a row for each pixel."""
    return params["W1"] if system.network.layers[0].layout == "in,out" else params["W1"].T


@pytest.mark.parametrize("system_id", ["xor-sigmoid/documented", "xor-tanh/documented", "iris-relu-adam/documented"])
def test_small_networks_go_the_quick_way_as_the_reference_goes(system_id):
    """A hundred epochs of the quick steps are those of the reference's own loop within two certified bands."""
    system, data = systems.get(system_id), systems.get(system_id).load()
    batches = [batch for epoch in islice(order(system, len(data.train_x), 0), 100) for batch in epoch]
    ours = trainer("numpy", system, data, system.start())
    assert ours._quick is not None
    theirs = train(system.network, system.start(), system.recipe.optimizer, batches, data.train_x, data.train_t)
    band = np.array(Store().case(system_id).case.trajectory.horizons[system.precision].band)
    assert len(band) == len(batches)
    assert np.all(np.abs(ours.train(batches).losses - theirs.losses) <= 2 * band)


@pytest.mark.parametrize(
    ("system_id", "sparse"),
    [
        ("mnist-sigmoid-numpy/documented", False),  # NaN times zero is not zero
        ("mnist-sigmoid-keras/documented", True),
        ("mnist-dense-keras/documented", False),  # Adam's momentum moves weights whose gradient is zero
        ("mnist-sigmoid-torch/documented", True),
    ],
)
def test_zeros_are_left_out_only_where_that_is_the_same(system_id, sparse):
    """Only under plain SGD, and only where every rule is finite."""
    system = systems.get(system_id)
    data = small_data().astype(system.precision)
    assert trainer("numpy", system, data, start(system, 0, system.precision))._sparse is sparse


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("system_id", ["mnist-sigmoid-torch/documented", "mnist-relu-torch/documented"])
def test_wider_targets_promote_the_loss_and_nothing_else(framework, system_id, small):
    """Losses are float64 numbers that float32 has not, as the documents print them; the weights stay float32."""
    system = small(system_id, epochs=1)
    data = system.load()
    ready = trainer(framework, system, data, start(system, 0, "float32"))
    losses = ready.train([slice(0, 8), slice(8, 16)]).losses
    assert np.all(losses != losses.astype(np.float32))
    assert {p.dtype for p in ready.params().values()} == {np.dtype(np.float32)}


def test_what_goes_back_from_a_promoted_loss_is_narrow_again():
    """With float64 targets the loss is float64, gradients are float32 and those of float32 targets but for rounding."""
    for system_id in ("mnist-sigmoid-torch/documented", "mnist-relu/documented"):
        system = systems.get(system_id)
        data, params = small_data(), start(system, 0, "float32")
        narrow_loss, narrow = backpropagate(system.network, params, data.train_x, data.train_t)
        wide_loss, wide = backpropagate(system.network, params, data.train_x, data.train_t.astype(np.float64))
        assert (narrow_loss.dtype, wide_loss.dtype) == (np.float32, np.float64)
        # Of a mean of up to 480 terms, each of one operation in float32 more than the other.
        assert abs(wide_loss - narrow_loss) <= 30 * np.sqrt(480) * 2**-24 * abs(wide_loss)
        for name, gradient in wide.items():
            assert gradient.dtype == np.float32
            # K is the 784 inputs; as the limits of gradients are everywhere.
            assert np.linalg.norm(gradient - narrow[name]) <= 30 * 28 * 2**-24 * np.linalg.norm(narrow[name])


def test_masks_hold_without_a_quick_way():
    """Where the reference's own passes are used, a masked weight's gradient is zeroed as well."""
    system = systems.get("iris-sigmoid", "corrected")
    before, ours = system.start(), trainer("numpy", system, system.load(), system.start())
    ours.masks = {"W1": np.arange(20).reshape(4, 5) % 3 == 0}
    ours.train([slice(0, 120)])
    assert np.array_equal(ours.params()["W1"] != before["W1"], ours.masks["W1"])
    assert np.all(ours.params()["W2"] != before["W2"])
