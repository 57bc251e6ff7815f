"""`nn-conformance replay` as people call it, and ensembles side by side."""

import importlib.util
import json
import os
import re

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from nn_conformance.cli import replay as commands
from nn_conformance.cli.options import examples
from nn_conformance.oracles.reference import Trainer
from nn_conformance.replay import ensembles, ledger
from nn_conformance.replay.ensembles import replay_all
from nn_conformance.replay.ledger import Agreement
from nn_conformance.replay.task import Task
from nn_reference import systems
from nn_reference.errors import InputError

APP = typer.Typer(rich_markup_mode=None)
APP.command("replay", epilog=commands.EPILOG)(commands.replay)


@pytest.fixture
def call():
    """Runs `replay` with these arguments; errors are raised."""

    def run(*arguments):
        return CliRunner().invoke(APP, arguments, catch_exceptions=False)

    return run


def test_rows_of_the_document_stand_beside_ours(call):
    """A curve has a row for each printed epoch, with the document's digits and as many of ours."""
    found = call("xor-tanh")
    assert found.exit_code == 0
    rows = re.findall(r"^(\d+) +(0\.\d{6}) +(0\.\d{6})\s*$", found.stdout, re.MULTILINE)
    curve = [figure.printed for figure in systems.get("xor-tanh").figures]
    assert [(epoch, printed) for epoch, printed, _ in rows] == [(str(k), p) for k, p in enumerate(curve, 1)]
    assert "kept to the certified losses of xor-tanh/documented for 400 updates" in found.stdout
    assert re.search(r"output of 1,1 0\.\d+", found.stdout)


def test_several_seeds_show_their_range(call):
    """With seeds the lowest, middle and highest number stand beside the document's, and each run has a line."""
    found = call("iris-relu-adam", "--seeds", "3")
    assert re.search(r"lowest +median +highest", found.stdout)
    assert re.findall(r"^seed (\d+):", found.stdout, re.MULTILINE) == ["42", "0", "1"]
    cells = re.search(r"test_accuracy_percent +100 +96\.67 +(\S+) +(\S+) +(\S+)", found.stdout).groups()
    assert sorted(cells, key=float) == list(cells)
    assert cells[0] != cells[2]


def test_json_has_figures_and_runs(call, small):
    """For machines: every figure with what each run has in its place, and the runs as a ledger has them."""
    test_t = small("mnist-sigmoid-numpy/documented", scale=255).load().test_t
    found = json.loads(call("mnist-sigmoid-numpy", "--json").stdout)
    said = (found["system"], found["framework"], found["dtype"])
    assert said == ("mnist-sigmoid-numpy/documented", "numpy", "float64")
    accuracies = [figure for figure in found["figures"] if figure["quantity"] == "test_accuracy_percent"]
    # Grey values from 0 to 255 end in NaN, which is taken for the first class.
    assert [figure["computed"] for figure in accuracies] == [[pytest.approx(100 * test_t[:, 0].mean())]] * 10
    assert [run["seed"] for run in found["runs"]] == [0]
    assert found["runs"][0]["rows"]["training_loss"] == ["nan"] * 10


def test_first_epochs_and_another_precision_have_ledgers_of_their_own(call, tmp_path):
    """Runs that are stopped early go into a file whose name says so; in float32 a run is held to the case that starts there."""
    call("xor-tanh", "--epochs", "3", "--out", str(tmp_path))
    found = call("xor-tanh", "--dtype", "float32", "--out", str(tmp_path))
    call("xor-tanh", "--out", str(tmp_path))
    epochs = {path.name: ledger.read(path).runs[0].epochs for path in tmp_path.iterdir()}
    assert epochs == {
        "xor-tanh.documented.numpy.first-3.json": 3,
        "xor-tanh.documented.numpy.float32.json": 1000,
        "xor-tanh.documented.numpy.json": 1000,
    }
    assert "certified losses of xor-tanh/documented-float32" in found.stdout


def test_a_ledger_keeps_the_runs_that_it_has(call, tmp_path):
    """Seeds that are there, from the versions that are installed, are not run again; those of other versions are."""
    call("xor-tanh", "--out", str(tmp_path))
    (path,) = tmp_path.glob("*.json")
    first = ledger.read(path).runs[0]
    marked = msgspec.structs.replace(first, start="as it was")
    ledger.add(tmp_path, systems.get("xor-tanh"), "numpy", "float64", [marked])
    found = json.loads(call("xor-tanh", "--out", str(tmp_path), "--seeds", "2", "--json").stdout)
    assert [run["start"] for run in found["runs"]] == ["as it was", "U[-0.5, 0.5), seed 1"]
    assert ledger.read(path).runs[0] == marked
    older = msgspec.structs.replace(marked, versions={**first.versions, "numpy": "1.0"})
    ledger.add(tmp_path, systems.get("xor-tanh"), "numpy", "float64", [older])
    call("xor-tanh", "--out", str(tmp_path))
    assert ledger.read(path).runs[0].start == first.start


def test_a_folder_is_tried_before_anything_is_trained(call, tmp_path, monkeypatch):
    """A folder that cannot be written is told at once, by its option, and not after hours."""
    monkeypatch.setattr(ensembles, "replay_all", None)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"--out .*file: cannot be written \(.*\); name another folder"):
        call("xor-tanh", "--out", str(tmp_path / "file"))


def test_what_an_ensemble_has_done_when_it_is_interrupted_is_kept(call, tmp_path, monkeypatch):
    """Ctrl-C in the third seed leaves two in the ledger; the same command runs the third alone."""
    train, calls = Trainer.train, []

    def interrupted(self, batches):
        calls.append(1)
        if len(calls) == 250:  # of a hundred in each run
            raise KeyboardInterrupt
        return train(self, batches)

    arguments = ("iris-relu-adam", "--seeds", "3", "--out", str(tmp_path))
    monkeypatch.setattr(Trainer, "train", interrupted)
    assert call(*arguments).exit_code == 130
    (path,) = tmp_path.iterdir()
    assert [run.seed for run in ledger.read(path).runs] == [0, 42]
    assert call(*arguments).exit_code == 0
    assert [run.seed for run in ledger.read(path).runs] == [0, 1, 42]
    assert len(calls) == 350


def test_a_part_of_a_run_shows_what_it_reached(call):
    """Stopped early, the rows end there, and figures of later epochs have no number."""
    found = call("xor-tanh", "--epochs", "3")
    assert len(re.findall(r"^\d+ +0\.\d{6} +0\.\d{6}\s*$", found.stdout, re.MULTILINE)) == 3
    assert re.search(r"test_accuracy_percent +100 +96\.67 +—", call("iris-relu-adam", "--epochs", "5").stdout)


def test_a_run_that_leaves_the_certified_losses_is_a_failure(call, monkeypatch):
    """Outside the band, or NaN there, the exit code is 1 and the line says so; at its edge it is 0."""
    for worst, code in ((1.0, 0), (1.01, 1), ("nan", 1)):
        monkeypatch.setattr(
            "nn_conformance.replay.task.agreement", lambda *_, worst=worst: Agreement("xor-tanh/documented", 400, worst)
        )
        found = call("xor-tanh", "--epochs", "2")
        assert found.exit_code == code
        assert ("left the certified losses" in found.stdout) == bool(code)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("xor-tahn",), "did you mean 'xor-tanh'"),
        (("xor-tanh", "--version", "corrected"), "xor-tanh has no version 'corrected'"),
        (("xor-tanh", "--with", "tortch"), "--with: no framework is named 'tortch', did you mean 'torch'"),
        (("xor-tanh", "--epochs", "1001"), "epochs: expected an integer in 1..1000, got 1001"),
        (
            ("xor-tanh", "--dtype", "float23"),
            "--dtype: expected 'float32' or 'float64', got 'float23', did you mean 'float32'",
        ),
        (("xor-tanh", "--backend", "desk"), "--backend: none is named 'desk', did you mean 'dask'"),
    ],
)
def test_what_cannot_be_is_refused_by_name(arguments, message, call):
    """A mistyped name or a number out of range is one line that says what was expected."""
    with pytest.raises(InputError) as caught:
        call(*arguments)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_help_has_examples_that_exist():
    """The help names every option, and its examples are of networks that there are."""
    found = CliRunner().invoke(APP, ["--help"])
    assert found.exit_code == 0
    options = "--with", "--version", "--dtype", "--seeds", "--epochs", "--out", "--jobs", "--backend", "--json"
    assert [option for option in options if option not in found.stdout] == []
    assert commands.EPILOG.startswith(examples("replay").split("replay")[0])
    names = re.findall(r"replay (\S+)", commands.EPILOG)
    assert names
    assert set(names) <= set(systems.NAMES)


def test_one_thread_is_set_before_numpy_is_imported(call, monkeypatch):
    """Where the user has set no number of threads, it is one: sums that are split among threads round otherwise."""
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    call("homework")
    assert (os.environ["OPENBLAS_NUM_THREADS"], os.environ["OMP_NUM_THREADS"]) == ("1", "2")


def test_progress_counts_every_epoch_once(small):
    """Each epoch is reported by its seed, and those that NaN makes needless too, so that a bar ends where it should."""
    names, system = [], small("mnist-sigmoid-numpy/documented", scale=255)
    list(replay_all([Task(system.id, seed=seed) for seed in (0, 1)], progress=names.append))
    assert names == ["seed 0"] * 10 + ["seed 1"] * 10


@pytest.mark.report
def test_runs_side_by_side_are_the_runs_one_after_the_other():
    """Through joblib's processes every seed comes out with the same weights, losses and rows; a name is told for each."""
    tasks, told = [Task("xor-sigmoid", seed=seed, epochs=20) for seed in range(3)], []
    there = {run.seed: run for run in replay_all(tasks, jobs=2, progress=told.append)}
    assert sorted(told) == ["seed 0", "seed 1", "seed 2"]
    for here in replay_all(tasks):
        assert there[here.seed].weights == here.weights
        assert there[here.seed].first_losses == here.first_losses
    assert len({run.weights for run in there.values()}) == 3


@pytest.mark.dask
def test_runs_on_a_dask_cluster_are_the_runs_here():
    """On a cluster of two workers, found by the address of its scheduler, every seed comes out with the same weights."""
    import dask.config
    import distributed

    tasks = [Task("xor-sigmoid", seed=seed, epochs=20) for seed in range(4)]
    workers = {"n_workers": 2, "threads_per_worker": 1, "processes": False, "protocol": "tcp://"}
    with (
        distributed.LocalCluster(**workers, dashboard_address=None) as cluster,
        dask.config.set({"scheduler-address": cluster.scheduler_address}),
    ):
        there = {run.seed: run.weights for run in replay_all(tasks, backend="dask")}
    assert there == {run.seed: run.weights for run in replay_all(tasks)}


@pytest.mark.dask
def test_a_scheduler_that_does_not_answer_is_named(monkeypatch):
    """One line says which address was tried for how long, and what to do."""
    import dask.config

    monkeypatch.setattr(ensembles, "CONNECT", "1s")
    with (
        dask.config.set({"scheduler-address": "tcp://127.0.0.1:1"}),
        pytest.raises(
            InputError, match=r"--backend dask: no scheduler answers at tcp://127.0.0.1:1 within 1s; start one"
        ),
    ):
        list(replay_all([Task("xor-sigmoid", seed=0)], backend="dask"))


@pytest.mark.parametrize(
    ("backend", "module", "extra"), [("local", "joblib", "report"), ("dask", "distributed", "dask")]
)
def test_a_backend_that_is_not_installed_is_named_with_its_extra(backend, module, extra, monkeypatch):
    """Without joblib or distributed, one line says what brings it."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == module else find(name))
    with pytest.raises(InputError, match=rf"{module} not installed; pip install 'nn-conformance\[{extra}\]' brings it"):
        list(replay_all([Task("xor-tanh", seed=0)], jobs=2, backend=backend))
