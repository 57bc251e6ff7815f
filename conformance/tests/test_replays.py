"""Replays: what is measured, how steps are taken, and what stands where a run broke off."""

import json
from dataclasses import replace

import numpy as np
import pytest
from replay_problems import GET, small_data

from nn_conformance.cases.store import Store
from nn_conformance.replay import ledger
from nn_conformance.replay.ensembles import seeds_of
from nn_conformance.replay.quantities import averaged_twice, measured_epochs, savings
from nn_conformance.replay.task import Task, agreement, order, own_seed, replay, start, trainer_of, whole_epochs
from nn_reference import systems
from nn_reference.errors import DataError, InputError
from nn_reference.network import backpropagate, loss_and_outputs, predict
from nn_reference.systems import Data
from nn_reference.training import train

pytestmark = pytest.mark.numeric

FRAMEWORKS = ["numpy", pytest.param("torch", marks=pytest.mark.torch), pytest.param("keras", marks=pytest.mark.keras)]


def trained(system, params, batches, data):
    """What the reference's own `train` makes of these batches."""
    return train(system.network, params, system.recipe.optimizer, batches, data.train_x, data.train_t)


def test_correct_answers_are_counted_before_each_update():
    """Of a batch those count whose largest output is at the target's when the batch comes."""
    system, data = systems.get("mnist-sigmoid-keras"), small_data()
    before = start(system, 0, "float32")
    ours, counts = trainer_of("numpy", system, data, before), []
    params, batches = before, [slice(k, k + 16) for k in range(0, 48, 16)]
    for batch in batches:
        y = predict(system.network, params, data.train_x[batch])
        counts.append(np.count_nonzero(y.argmax(1) == data.train_t[batch].argmax(1)))
        params = trained(system, params, [batch], data).params
    assert ours.train(batches).correct.tolist() == counts


def test_a_mean_of_means_so_far_counts_the_last_one_twice():
    """Losses 1 and 3 are 1 and 2 on average so far; an early Keras 3 prints the mean of 1, 2 and 2."""
    assert averaged_twice(np.array([1.0, 3.0])) == pytest.approx(5 / 3, rel=1e-15)  # two roundings


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
    theirs = trained(system, start(system, 0, "float64"), batches, data)
    # 1e-12: of twenty losses, each with less than a thousand roundings of 1.1e-16.
    assert run.rows["training_loss"][0] == pytest.approx(np.mean(theirs.losses), rel=1e-12)
    system = small("mnist-relu/documented", epochs=1)
    data, run = system.load().astype("float64"), replay(Task(system.id))
    batches = next(iter(order(system, 48, 0)))
    theirs = trained(system, start(system, 0, "float64"), batches, data)
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
        params = trained(system, params, [slice(k, k + 1) for k in range(47)], data).params
        loss, _ = backpropagate(system.network, params, data.train_x[47:], data.train_t[47:].astype(np.float64))
        assert printed == pytest.approx(float(loss), rel=30 * 28 * 2**-24)
        params = trained(system, params, [slice(47, 48)], data).params


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
    full = savings(system.network, params, np.zeros((1, 784), np.float32), timed=False)
    params["W1"][:, ::2] = 0
    half = savings(system.network, params, np.zeros((1, 784), np.float32), timed=False)
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
    assert seeds_of(systems.get("iris-sigmoid"), 3) == [42, 0, 1]
    assert seeds_of(systems.get("xor-tanh"), 3) == [0, 1, 2]
    assert seeds_of(systems.get("iris-sigmoid"), 50) == [42, *range(42), *range(43, 50)]
    assert own_seed(systems.get("mnist-relu")) == 0


def test_a_seed_that_no_generator_takes_is_refused():
    """It is said in one line before anything is loaded."""
    with pytest.raises(InputError, match="expected an integer in 0"):
        replay(Task("xor-tanh", seed=-1))


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
