"""The ledgers against what is computed here: short runs whole, of long ones the first steps, in each framework."""

import json
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import jsonschema
import numpy as np
import pytest
from ledger_problems import read_all, run_like

from nn_conformance.cases.encoding import values
from nn_conformance.cases.store import Store
from nn_conformance.replay import ledger, listed_files
from nn_conformance.replay.figures import computed, in_printed_digits
from nn_conformance.replay.quantities import measured_epochs
from nn_conformance.replay.task import Task, order, own_seed, replay, start, trainer_of, whole_epochs
from nn_reference import systems
from nn_reference.errors import DataError
from nn_reference.fixture_files import fixtures_root
from nn_reference.systems import Data

HOMEWORK = systems.get("homework")
LEDGERS, SCHEMA = read_all(), "replay.schema.json"
VALIDATOR = jsonschema.Draft202012Validator(json.loads((fixtures_root() / "replays" / SCHEMA).read_bytes()))
MARKS = {"numpy": [], "torch": [pytest.mark.torch], "keras": [pytest.mark.keras]}
# What is recomputed each day: of each framework an evaluation and one training, with pruning or NaN where there is any.
EVERYDAY = {
    *(f"homework.documented.{framework}.json" for framework in ledger.FRAMEWORKS),
    *(f"{name}.documented.numpy.json" for name in ("xor-tanh", "fashion-pruning", "mnist-sigmoid-numpy")),
    "mnist-tanh.documented.torch.json",
    "mnist-dense-keras.documented.keras.json",
}
EVERY = (*systems.SYSTEMS, *systems.VARIANTS)
SHORT = [s for s in EVERY if s.network.size < 1000]
LONG = [s for s in EVERY if s.network.size >= 1000]
# Ten thousand steps take NumPy a second, and the others ten.
OTHERS_SHORT = [s for s in SHORT if s.recipe.epochs < 10_000]
OTHERS_LONG = [s for s in (*LONG, *SHORT) if s not in OTHERS_SHORT]


def names(chosen, frameworks=ledger.FRAMEWORKS, *, recomputed=False):
    """The file names of the ledgers that there are, as parameters with the markers of what recomputes them."""
    found = []
    for framework in frameworks:
        for name in (ledger.file_name(system, framework, system.precision) for system in chosen):
            marks = [*MARKS[framework], *[pytest.mark.slow] * (name not in EVERYDAY)] if recomputed else []
            if name in LEDGERS:
                found.append(pytest.param(name, id=name, marks=marks))
    return found


def run_of(name):
    """System, ledger and the run from the document's own seed."""
    book = LEDGERS[name]
    system = systems.get(book.system)
    return system, book, next(run for run in book.runs if run.seed == own_seed(system))


@cache
def relative_band(system_id, dtype):
    """How far two honest runs of a system may lie apart in their first losses, relative to these.

    Each lies within the certified band of the exact loss, so two lie within twice that. The bands are of the case in
    file order; the same network, weights and rate on other rows of the same data round alike, and a band is already
    thirty times what honest runs were seen to deviate by. A version that has no certified case rounds as the one whose
    layers, weights and scaling of the data it shares.
    """
    name = system_id.split("/")[0]
    trajectory = Store().case(system_id if system_id in Store().ids else f"{name}/corrected").case.trajectory
    band = np.array(trajectory.horizons[dtype].band)[:10]
    return 2 * np.max(band / np.abs(values(trajectory.losses, "float64")[: len(band)]))


def first_losses(system, framework, run):
    """The first losses of a run, computed anew from the rows of its first batches alone."""
    data, count = system.load(), len(run.first_losses)
    size = system.recipe.batch_size or len(data.train_x)
    batches = [batch for epoch in order_of(system, run.seed) for batch in epoch[:count]][:count]
    rows = np.concatenate([np.arange(b.start, b.stop) if isinstance(b, slice) else b for b in batches])
    chosen = Data(data.train_x[rows], data.train_t[rows], data.test_x[:1], data.test_t[:1]).astype(system.precision)
    ready = trainer_of(framework, system, chosen, start(system, run.seed, system.precision))
    return ready.train([slice(k * size, (k + 1) * size) for k in range(count)]).losses


def order_of(system, seed):
    """The first epochs' batches; ten epochs have ten batches, however large."""
    epochs = order(system, len(system.load().train_x), seed)
    first = next(epochs)
    yield first
    if len(first) < 10:
        yield from (next(epochs) for _ in range(9))


def test_ledgers_are_there():
    """NumPy has one for each documented network, and each is of one system, framework and precision, as its name says."""
    documented = [s for s in systems.SYSTEMS if s.version == "documented"]
    assert len(names(documented, ("numpy",))) == len(documented) == 16
    for name, book in LEDGERS.items():
        first = int(name.split("first-")[1].split(".")[0]) if "first-" in name else None
        assert ledger.file_name(systems.get(book.system), book.framework, book.dtype, first) == name


def test_first_epochs_are_those_of_the_whole_runs():
    """A ledger of first epochs has runs of so many epochs, many of them, and the whole runs begin with their losses."""
    (name,) = [name for name in LEDGERS if "first-" in name]
    assert name == "mnist-sigmoid-keras.documented.numpy.first-2.json"
    book = LEDGERS[name]
    system = systems.get(book.system)
    whole = {run.seed: run for run in LEDGERS[ledger.file_name(system, "numpy", system.precision)].runs}
    assert len(book.runs) >= 258
    assert {run.epochs for run in book.runs} == {2}
    for run in book.runs[: len(whole)]:
        # Two honest runs, each within rounding: as `relative_band` says of first losses.
        there = values(whole[run.seed].first_losses, "float64")
        apart = np.abs(values(run.first_losses, "float64") - there) / np.abs(there)
        assert apart.max() <= relative_band(system.id, "float32")


@pytest.mark.parametrize("name", names(EVERY))
def test_a_ledger_is_as_the_code_writes_it_and_the_schema_allows(name):
    """Its bytes are those that its contents encode to, and the schema accepts its first runs; with an unknown field it does not."""
    data = (fixtures_root() / "replays" / name).read_bytes()
    assert ledger.encoded(LEDGERS[name]) == data
    document = json.loads(data)
    del document["runs"][2:]
    VALIDATOR.validate(document)
    document["runs"][0]["unknown"] = 1
    with pytest.raises(jsonschema.ValidationError, match="unknown"):
        VALIDATOR.validate(document)


@pytest.mark.parametrize("name", names(EVERY))
def test_runs_are_whole(name):
    """Every run of a ledger went through all epochs, has all its rows, its own seed once, and kept to the certified losses."""
    system, book, _ = run_of(name)
    shift = min([f.epoch for f in system.figures if f.epoch is not None] or [1]) == 0
    epochs = sorted(epoch - shift for epoch in measured_epochs(system, whole_epochs(system)))
    assert [run.seed for run in book.runs] == sorted({run.seed for run in book.runs})
    for run in book.runs:
        assert run.epochs == whole_epochs(system)
        assert run.rows.get("epoch", []) == epochs
        assert len(run.predictions) == (50 if system.network.inputs == 784 else 0)
        assert run.agreement is None or float(run.agreement.worst) <= 1
        certified = system.id in Store().ids and system.recipe.epochs > 0 and not system.recipe.shuffle
        assert (run.agreement is not None) == (certified and run.seed == own_seed(system))


@pytest.mark.parametrize(
    "name",
    [*names(SHORT, ("numpy",), recomputed=True), *names(OTHERS_SHORT, ("torch", "keras"), recomputed=True)],
)
def test_short_runs_come_out_as_in_the_ledger(name):
    """A whole run computed here has the ledger's losses as far as any honest run can be held to them, and its outcome."""
    # Losses lie within the certified band of the exact ones, here and in the ledger, so within two bands of each other.
    # Beyond the horizon only outcomes are compared that do not hang on rounding: not those of `iris-sigmoid`, which is
    # chaos, and the other accuracies are of 30 flowers, none of which is undecided in the ledger's own runs.
    system, book, there = run_of(name)
    here = replay(Task(system.id, book.framework, seed=there.seed))
    assert here.agreement is None or here.agreement.worst <= 1
    assert (here.start, here.order, here.epochs, here.steps) == (there.start, there.order, there.epochs, there.steps)
    if there.agreement is not None:
        limit = relative_band(system.id, book.dtype) * np.abs(values(there.first_losses, "float64"))
        assert np.all(np.abs(values(here.first_losses, "float64") - values(there.first_losses, "float64")) <= limit)
    if "test_accuracy" in there.rows and system.id != "iris-sigmoid/documented":
        assert here.rows["test_accuracy"][-1] == there.rows["test_accuracy"][-1]
    for figure in system.figures:
        if figure.quantity in there.final:
            printed = [in_printed_digits(computed(system, run, figure), figure.printed) for run in (here, there)]
            # b2 and the loss are printed in full; the last digit but one is what every order of a thousand terms gives.
            digits = len(figure.printed) - (2 if len(figure.printed) > 15 else 0)
            assert printed[0][:digits] == printed[1][:digits]


@pytest.mark.parametrize(
    "name",
    [*names(LONG, ("numpy",), recomputed=True), *names(OTHERS_LONG, ("torch", "keras"), recomputed=True)],
)
def test_first_steps_of_long_runs_are_the_ledgers(name):
    """The first ten losses computed here are the ledger's within two certified bands, NaN where those are NaN."""
    system, book, run = run_of(name)
    there, here = values(run.first_losses, "float64"), first_losses(system, book.framework, run)
    assert np.array_equal(np.isnan(here), np.isnan(there[: len(here)]))
    held = np.isfinite(here)
    limit = relative_band(system.id, book.dtype) * np.abs(there[: len(here)][held])
    assert held.sum() >= 8
    assert np.all(np.abs(here[held] - there[: len(here)][held]) <= limit)
    assert np.all(np.diff(there[: len(here)][held]) != 0)


# The index of a folder of ledgers.


@pytest.fixture
def folder(tmp_path):
    """A folder with an index and one ledger of one run."""
    ledger.add(tmp_path, HOMEWORK, "numpy", "float64", [run_like(HOMEWORK, 0)])
    listed_files.renew_index(tmp_path)
    return tmp_path


def test_the_schema_of_an_index_is_kept():
    """Both committed indices are what their committed schema allows, and a name that leads out of the folder is not."""
    schema = json.loads((fixtures_root() / "replays" / "index.schema.json").read_bytes())
    validator = jsonschema.Draft202012Validator(schema)
    for name in ("replays", "weights"):
        document = json.loads((fixtures_root() / name / "index.json").read_bytes())
        validator.validate(document)
        document["files"][0]["path"] = "../x.json"
        assert not validator.is_valid(document)


def test_a_ledger_without_an_index_is_read(tmp_path):
    """A user's own folder needs no index, and gets none."""
    path = ledger.add(tmp_path, HOMEWORK, "numpy", "float64", [run_like(HOMEWORK, 0)])

    assert [run.seed for run in ledger.read(path).runs] == [0]
    assert list(tmp_path.iterdir()) == [path]


def test_adding_runs_lists_that_ledger_alone(folder):
    """What is added is listed with it; another file that was changed by hand is refused as before."""
    other = ledger.add(folder, HOMEWORK, "torch", "float64", [run_like(HOMEWORK, 0)])
    other.write_bytes(other.read_bytes().replace(b"made up", b"changed"))
    path = ledger.add(folder, HOMEWORK, "numpy", "float64", [run_like(HOMEWORK, 1)])

    assert [run.seed for run in ledger.read(path).runs] == [0, 1]
    with pytest.raises(DataError, match=r"torch\.json: expected sha256 "):
        ledger.read(other)


def test_runs_are_not_added_to_a_changed_ledger(folder):
    """A ledger that is not the listed one is refused and left as it is: to add to it would list it."""
    (path,) = folder.glob("*.*.*.json")
    path.write_bytes(path.read_bytes().replace(b"made up", b"changed"))
    before = {file: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(DataError, match="expected sha256 "):
        ledger.add(folder, HOMEWORK, "numpy", "float64", [run_like(HOMEWORK, 1)])

    assert {file: file.read_bytes() for file in folder.iterdir()} == before


def test_two_writers_lose_nothing(folder):
    """Runs that two add to the same and to other ledgers at once are all there, and each ledger is the listed one."""
    jobs = [(framework, seed) for seed in range(20) for framework in ("numpy", "torch")]
    with ThreadPoolExecutor(4) as pool:
        added = [pool.submit(ledger.add, folder, HOMEWORK, f, "float64", [run_like(HOMEWORK, k)]) for f, k in jobs]
        for done in added:
            done.result()

    assert [len(book.runs) for book in read_all(folder).values()] == [20, 20]
    assert listed_files.renew_index(folder) == []
