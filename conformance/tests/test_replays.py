"""Replays: what is measured, that a run can be left and taken up again, and what stands where a run broke off."""

import json
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from numpy.random import RandomState

from nn_conformance.fixtures.store import Store
from nn_conformance.replays import ledger, quick
from nn_conformance.replays import run as run_module
from nn_conformance.replays.checkpoints import load_checkpoint
from nn_conformance.replays.efficiency import efficiency
from nn_conformance.replays.ensembles import seeds
from nn_conformance.replays.figures import in_printed_digits
from nn_conformance.replays.files import write
from nn_conformance.replays.horizon import agreement
from nn_conformance.replays.in_numpy import Trainer
from nn_conformance.replays.quantities import averaged_twice, measured_epochs
from nn_conformance.replays.run import Task, order, own_seed, replay, start, whole_epochs
from nn_conformance.replays.trainers import trainer
from nn_reference import systems
from nn_reference.errors import DataError, InputError
from nn_reference.network import backpropagate, loss_and_outputs, predict
from nn_reference.preprocessing import one_hot
from nn_reference.systems import Data
from nn_reference.training import train

FRAMEWORKS = ["numpy", pytest.param("torch", marks=pytest.mark.torch), pytest.param("keras", marks=pytest.mark.keras)]
TIMES = ("seconds", "resumed")
GET = systems.get


def small_data(samples=48, seed=0):
    """Images of noise, of which three in four pixels are zero."""
    rng = RandomState(seed)
    x = (rng.rand(samples, 784) * (rng.rand(samples, 784) < 0.25)).astype(np.float32)
    t = one_hot(rng.randint(0, 10, samples), 10, dtype=np.float32)
    return Data(x, t, x[:12], t[:12])


@pytest.fixture
def small(monkeypatch):
    """Makes `systems.get` give a system with few samples and epochs."""

    def shrink(system_id, **recipe):
        system, data = GET(system_id), small_data()
        shrunk = replace(system, load=lambda: data, recipe=replace(system.recipe, **recipe))
        monkeypatch.setattr(run_module.systems, "get", lambda _: shrunk)
        return shrunk

    return shrink


def without_times(run):
    """All that must be the same whenever and however often a run is made."""
    fields = {name: getattr(run, name) for name in run.__struct_fields__ if name not in TIMES}
    fields["rows"] = {name: column for name, column in run.rows.items() if name != "elapsed_seconds"}
    fields["final"] = {name: value for name, value in run.final.items() if "_ms_" not in name}
    return fields


class InterruptAfter:
    """A callback that presses Ctrl-C after so many epochs."""

    def __init__(self, epochs):
        self.epochs = epochs

    def __call__(self, done, _):
        if done == self.epochs:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("framework", "version", "stops"),
    [
        ("numpy", "documented", (2,)),
        ("numpy", "corrected", (1, 3)),
        pytest.param("torch", "corrected", (1, 2), marks=pytest.mark.torch),
        pytest.param("keras", "corrected", (1, 2), marks=[pytest.mark.keras, pytest.mark.slow]),
    ],
)
def test_a_run_that_is_taken_up_again_is_the_same_to_the_last_bit(framework, version, stops, small, tmp_path):
    """Interrupted after any epoch, before pruning, after it and while fine-tuning, a run of Adam ends as if it had not been."""
    pruning = replace(GET("fashion-pruning", version).recipe.pruning, fine_tune_epochs=2)
    system = small(f"fashion-pruning/{version}", epochs=2, batch_size=16, pruning=pruning)
    whole = replay(Task(system.id, framework))
    for stop in stops:
        task = Task(system.id, framework, work=tmp_path / str(stop))
        with pytest.raises(KeyboardInterrupt):
            replay(task, InterruptAfter(stop))
        assert load_checkpoint(task.checkpoint)[0].epochs == stop
        resumed = replay(task)
        assert resumed.resumed == 1
        assert without_times(resumed) == without_times(whole)
    assert whole.steps == 4 * 3


def test_every_epoch_of_a_long_run_is_on_disk_when_the_next_one_begins(small, tmp_path, monkeypatch):
    """A process that is killed loses the epoch it was in, and none before, where an epoch takes longer than the interval."""
    monkeypatch.setattr(run_module, "SAVE_SECONDS", -1)
    system = small("mnist-relu/documented", epochs=3)
    task, found = Task(system.id, work=tmp_path), []

    def callback(done, _):
        if done:
            found.append(load_checkpoint(task.checkpoint)[0].epochs)

    replay(task, callback)
    assert found == [1, 2, 3]


def test_an_interruption_amid_an_epoch_loses_that_epoch_only(small, tmp_path, monkeypatch):
    """Ctrl-C while an epoch is being trained leaves the state after the one before it."""
    system = small("mnist-relu/documented", epochs=4)
    whole, task = replay(Task(system.id)), Task(system.id, work=tmp_path)
    steps = 0

    def interrupted(layers, *arguments):
        nonlocal steps
        steps += 1
        if steps == 15:  # of six in an epoch
            raise KeyboardInterrupt
        return once(layers, *arguments)

    once = quick._passes
    monkeypatch.setattr(quick, "_passes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        replay(task)
    assert load_checkpoint(task.checkpoint)[0].epochs == 2
    assert without_times(replay(task)) == without_times(whole)


def test_a_finished_run_is_not_run_again(small, tmp_path, monkeypatch):
    """What is done in an ensemble is there when the ensemble is taken up again, and counts as no interruption."""
    system = small("mnist-relu/documented", epochs=1)
    task = Task(system.id, work=tmp_path)
    first = replay(task)
    monkeypatch.setattr(Trainer, "train", None)
    second = replay(task)
    assert without_times(second) == without_times(first)
    assert second.resumed == 0


def test_a_checkpoint_of_other_versions_is_passed_over(small, tmp_path, monkeypatch):
    """A run is made by one set of versions: what another has begun is not gone on with."""
    system = small("mnist-relu/documented", epochs=2)
    task = Task(system.id, work=tmp_path)
    with monkeypatch.context() as other:
        other.setattr(run_module, "versions", lambda framework: {"numpy": "1.0"})
        with pytest.raises(KeyboardInterrupt):
            replay(task, InterruptAfter(1))
    assert replay(task).resumed == 0


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-9], lambda data: b"{}", lambda data: data.replace(b"total", b"totam")]
)
def test_a_damaged_checkpoint_is_named_with_the_way_out(damage, small, tmp_path):
    """A file that is cut off, or is something else, is refused in one line that says to delete it."""
    system = small("mnist-relu/documented", epochs=2)
    task = Task(system.id, work=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        replay(task, InterruptAfter(1))
    task.checkpoint.write_bytes(damage(task.checkpoint.read_bytes()))
    with pytest.raises(DataError, match=r"expected a checkpoint, got .*: delete it to begin again") as caught:
        replay(task)
    assert str(task.checkpoint) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_another_network_is_refused(small, tmp_path):
    """Parameters of other shapes under the right name are no state of this network."""
    system = small("mnist-relu/documented", epochs=2)
    task = Task(system.id, work=tmp_path)
    replay(task)
    other = task.checkpoint.read_bytes()
    small("mnist-tanh/documented", epochs=2)
    task.checkpoint.with_name(Task("mnist-tanh/documented", work=tmp_path).checkpoint.name).write_bytes(other)
    with pytest.raises(DataError, match="expected the parameters of mnist-tanh/documented"):
        replay(Task("mnist-tanh/documented", work=tmp_path))


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    """If writing fails, the old file is still there, and no part of the new one."""
    path = tmp_path / "ledger.json"
    write(path, b"old")
    with pytest.raises(TypeError):
        write(path, "no bytes")
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["ledger.json"]
    with pytest.raises(InputError, match="cannot be written"):
        write(path / "below", b"new")


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


def test_correct_answers_are_counted_before_each_update():
    """Of a batch those count whose largest output is at the target's when the batch comes."""
    system, data = systems.get("mnist-sigmoid-keras"), small_data()
    before = start(system, 0, "float32")
    ours, counts = trainer("numpy", system, data, before), []
    params = before
    for k in range(0, 48, 16):
        y = predict(system.network, params, data.train_x[k : k + 16])
        counts.append(np.count_nonzero(y.argmax(1) == data.train_t[k : k + 16].argmax(1)))
        params = train(
            system.network, params, system.recipe.optimizer, [slice(k, k + 16)], data.train_x, data.train_t
        ).params
    assert ours.train([slice(k, k + 16) for k in range(0, 48, 16)]).correct.tolist() == counts


def test_a_mean_of_means_so_far_counts_the_last_one_twice():
    """Losses 1 and 3 are 1 and 2 on average so far; an early Keras 3 prints the mean of 1, 2 and 2."""
    assert averaged_twice(np.array([1.0, 3.0])) == pytest.approx(5 / 3, rel=1e-15)  # two roundings


@pytest.mark.keras
def test_keras_progress_bar_makes_the_same_of_a_metric_that_it_averages():
    """Its own class, told of no metric that is averaged already, holds what `averaged_twice` returns; an update without a new batch counts as one."""
    from keras.utils import Progbar

    losses = np.random.default_rng(0).random(50)
    bar = Progbar(50, verbose=0, stateful_metrics=[])
    for k in (*range(1, 51), 50):
        bar.update(k, [("loss", losses[:k].mean())], finalize=False)
    total, count = bar._values["loss"]
    assert averaged_twice(losses) == pytest.approx(total / count, rel=1e-13)  # of a hundred sums, each to 1.1e-16


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
def test_nan_ends_a_run_that_nothing_can_change_any_more(framework, monkeypatch):
    """Document 001's NumPy network is all NaN after a few samples; its ten rows are there, and its first NaN loss is named."""
    system = GET("mnist-sigmoid-numpy")
    data = system.load()
    few = Data(data.train_x[:99], data.train_t[:99], data.test_x, data.test_t)
    monkeypatch.setattr(systems, "get", lambda _: replace(system, load=lambda: few))
    run = replay(Task("mnist-sigmoid-numpy/documented", framework))
    assert run.rows["epoch"] == list(range(1, 11))
    assert run.rows["test_accuracy"] == [0.098] * 10
    assert run.rows["test_loss"] == ["nan"] * 10
    # The eight losses that float64 can be held to are finite, and the first update that meets inf/inf is the ninth.
    assert run.nan_from == 9
    assert run.agreement.worst <= 1
    assert run.first_losses.count("nan") == len(run.first_losses) - 8


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


def test_the_rows_are_the_printed_epochs_and_then_fewer():
    """Every epoch with a printed curve has a row, later ones fifty at most, and the last one always."""
    for system in systems.SYSTEMS:
        whole = whole_epochs(system)
        rows = measured_epochs(system, whole)
        shift = 1 if any(figure.epoch == 0 for figure in system.figures) else 0
        printed = {figure.epoch + shift for figure in system.figures if figure.epoch is not None}
        assert printed <= rows | {0}
        assert max(rows, default=0) == whole
        assert len(rows) <= max(50, len(printed) + 50)


def test_training_figures_are_measured_as_the_documents_do(small):
    """Document 003 takes the mean over an epoch's samples before their updates, 004 the whole set at the epoch's end."""
    system = small("mnist-tanh/documented", epochs=1, samples_per_epoch=20)
    data, run = system.load().astype("float64"), replay(Task(system.id))
    batches = next(iter(order(system, 48, 0)))
    assert len({int(batch[0]) for batch in batches}) == 20
    theirs = train(
        system.network, start(system, 0, "float64"), system.recipe.optimizer, batches, data.train_x, data.train_t
    )
    # 1e-12: of twenty losses, each with less than a thousand roundings of 1.1e-16.
    assert run.rows["training_loss"][0] == pytest.approx(np.mean(theirs.losses), rel=1e-12)
    system = small("mnist-relu/documented", epochs=1)
    data, run = system.load().astype("float64"), replay(Task(system.id))
    batches = next(iter(order(system, 48, 0)))
    theirs = train(
        system.network, start(system, 0, "float64"), system.recipe.optimizer, batches, data.train_x, data.train_t
    )
    loss, y = loss_and_outputs(system.network, theirs.params, data.train_x, data.train_t)
    assert run.rows["training_loss"][0] == pytest.approx(float(loss), rel=1e-12)
    assert run.rows["training_accuracy"][0] == np.mean(y.argmax(1) == data.train_t.argmax(1))
    assert run.rows["epoch"] == [0]


def test_the_last_samples_loss_is_that_before_its_update(small):
    """Document 001's PyTorch network prints the loss of an epoch's last sample."""
    system = small("mnist-sigmoid-torch/documented", epochs=2)
    data, run = system.load(), replay(Task(system.id))
    params = start(system, 0, "float32")
    for printed in run.rows["last_sample_loss"]:
        params = train(
            system.network,
            params,
            system.recipe.optimizer,
            [slice(k, k + 1) for k in range(47)],
            data.train_x,
            data.train_t,
        ).params
        loss, _ = backpropagate(system.network, params, data.train_x[47:], data.train_t[47:].astype(np.float64))
        assert printed == pytest.approx(float(loss), rel=30 * 28 * 2**-24)
        params = train(
            system.network, params, system.recipe.optimizer, [slice(47, 48)], data.train_x, data.train_t
        ).params


def test_pruning_is_measured_at_its_three_stages(small):
    """Accuracy, sparsity, non-zero parameters and bytes stand there three times; a kept mask keeps what was pruned away."""
    found = {}
    for version in ("documented", "corrected"):
        system = small(f"fashion-pruning/{version}", epochs=1, batch_size=16)
        found[version] = replay(Task(system.id)).final
    for final in found.values():
        assert final["accuracy_difference_pruned"] == final["test_accuracy_pruned"] - final["test_accuracy_original"]
        assert (
            final["accuracy_difference_fine_tuned"]
            == final["test_accuracy_fine_tuned"] - final["test_accuracy_original"]
        )
        assert final["nonzero_parameters_original"] == 235_146 > final["nonzero_parameters_pruned"]
        assert final["compressed_bytes_pruned"] < final["compressed_bytes_original"] < 4 * 235_146
    kept, lost = found["corrected"], found["documented"]
    assert kept["nonzero_parameters_fine_tuned"] <= kept["nonzero_parameters_pruned"]
    assert lost["nonzero_parameters_fine_tuned"] > lost["nonzero_parameters_pruned"]
    # The corrected version prunes weights alone; nearly all biases lie within the threshold at this start.
    assert kept["nonzero_parameters_pruned"] > lost["nonzero_parameters_pruned"]


def test_sparsity_and_bytes_are_those_of_the_parameters():
    """Half of the weights at zero are half of the parameters, and take less room than noise."""
    system = systems.get("mnist-tanh")
    params = start(system, 0, "float32")
    zeroed = params["W1"][:, ::2].size
    full = efficiency(system.network, params, np.zeros((1, 784), np.float32), timed=False)
    params["W1"][:, ::2] = 0
    half = efficiency(system.network, params, np.zeros((1, 784), np.float32), timed=False)
    assert full["sparsity"] == 0
    assert half["sparsity"] == zeroed / 84_060
    assert half["nonzero_parameters"] == 84_060 - zeroed
    assert half["compressed_bytes"] < 0.7 * full["compressed_bytes"]


def test_agreement_is_judged_by_the_bands():
    """Exact losses agree with an error of zero; one that lies a band and a half away is found, and so is NaN."""
    trajectory = Store().case("xor-tanh/documented").case.trajectory
    system, exact = systems.get("xor-tanh"), [float(loss) for loss in trajectory.losses]
    assert agreement(system, "float64", exact).worst == 0
    assert agreement(system, "float64", exact[:3]).steps == 3
    exact[7] += 1.5 * trajectory.horizons["float64"].band[7]
    assert agreement(system, "float64", exact).worst == pytest.approx(1.5, rel=1e-3)
    assert agreement(system, "float64", ["nan"]).worst == "nan"
    assert agreement(system, "float32", exact).case == "xor-tanh/documented-float32"


def test_seeds_begin_with_the_documents_own():
    """Twenty seeds are twenty, none twice; the document's own comes first."""
    assert seeds(systems.get("iris-sigmoid"), 3) == [42, 0, 1]
    assert seeds(systems.get("xor-tanh"), 3) == [0, 1, 2]
    assert seeds(systems.get("iris-sigmoid"), 50) == [42, *range(42), *range(43, 50)]
    assert own_seed(systems.get("mnist-relu")) == 0


def test_a_ledger_takes_runs_one_by_one(tmp_path):
    """A run takes the place of one with its seed, others stay, and the file is canonical."""
    system = systems.get("iris-relu-adam")
    for seed in (3, 1, 3):
        path = ledger.add(tmp_path, system, "numpy", "float32", [replay(Task(system.id, seed=seed))])
    book = ledger.read(path)
    assert [run.seed for run in book.runs] == [1, 3]
    assert book.runs[0].weights != book.runs[1].weights
    assert path.name == "iris-relu-adam.documented.numpy.json"
    assert ledger.encoded(book) == path.read_bytes()
    assert ledger.file_name(system, "torch", "float64") == "iris-relu-adam.documented.torch.float64.json"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda run: run.update(surplus=1), "surplus"),
        (lambda run: run.pop("weights"), "weights"),
        (lambda run: run["rows"]["epoch"].pop(), "columns of equal length"),
        (lambda run: run.update(seed=-1), "seed"),
    ],
)
def test_a_ledger_of_another_form_is_refused(change, message, tmp_path):
    """An unknown field, a missing one, uneven columns or an impossible seed is named with the file."""
    path = ledger.add(tmp_path, systems.get("xor-tanh"), "numpy", "float64", [replay(Task("xor-tanh", epochs=2))])
    document = json.loads(path.read_bytes())
    change(document["runs"][0])
    path.write_text(json.dumps(document), "utf-8")
    with pytest.raises(DataError, match=message) as caught:
        ledger.read(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (Task("xor-tahn"), "did you mean 'xor-tanh'"),
        (Task("xor-tanh", "tortch"), "--with: no framework is named 'tortch', did you mean 'torch'"),
        (Task("xor-tanh", epochs=1001), r"epochs: expected an integer in 1..1000, got 1001"),
        (Task("homework", epochs=1), r"epochs: expected an integer in 0..0, got 1"),
        (Task("xor-tanh", seed=-1), "expected an integer in 0"),
    ],
)
def test_a_task_that_cannot_be_is_refused_by_name(task, message):
    """What is no system, framework, number of epochs or seed is said in one line before anything is loaded."""
    with pytest.raises(InputError, match=message):
        replay(task)


@pytest.mark.parametrize(
    ("value", "printed", "expected"),
    [
        (0.12345, "0.240", "0.123"),
        (109386.0, "109,386", "109386"),
        (29.0, "5-10", "29.00"),
        (-0.00029, "-0.0029", "-0.0003"),
    ],
)
def test_numbers_are_shown_with_the_documents_decimals(value, printed, expected):
    """As many decimals as the document prints, none where it prints none."""
    assert in_printed_digits(value, printed) == expected


def test_masks_hold_without_a_quick_way():
    """Where the reference's own passes are used, a masked weight's gradient is zeroed as well."""
    system = systems.get("iris-sigmoid", "corrected")
    before, ours = system.start(), trainer("numpy", system, system.load(), system.start())
    ours.masks = {"W1": np.arange(20).reshape(4, 5) % 3 == 0}
    ours.train([slice(0, 120)])
    assert np.array_equal(ours.params()["W1"] != before["W1"], ours.masks["W1"])
    assert np.all(ours.params()["W2"] != before["W2"])
