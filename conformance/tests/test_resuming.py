"""A replay can be left at any moment and taken up again, and ends as if it had not been."""

from dataclasses import replace

import pytest
from replay_problems import GET, InterruptAfter, without_times

from nn_conformance.replay import quick
from nn_conformance.replay import run as run_module
from nn_conformance.replay.checkpoints import load_checkpoint
from nn_conformance.replay.files import write
from nn_conformance.replay.in_numpy import Trainer
from nn_conformance.replay.run import Task, replay
from nn_reference.errors import DataError, InputError
from nn_reference.optimizers import SGD


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
    "damage",
    [
        lambda data: data[:-9],
        lambda data: b"{}",
        lambda data: data.replace(b"total", b"totam"),
        lambda data: data[:-5] + bytes([data[-5] ^ 1]) + data[-4:],  # a bit of a weight
        lambda data: data.replace(b'epochs\\":1', b'epochs\\":0'),
        lambda data: data.replace(b"params/W1", b"params/W9"),
    ],
)
def test_a_damaged_checkpoint_is_named_with_the_way_out(damage, small, tmp_path):
    """A file that is cut off, or not one, or differs in one bit, is refused in one line that says to delete it."""
    system = small("mnist-relu/documented", epochs=2)
    task = Task(system.id, work=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        replay(task, InterruptAfter(1))
    whole = task.checkpoint.read_bytes()
    task.checkpoint.write_bytes(damage(whole))
    assert task.checkpoint.read_bytes() != whole
    with pytest.raises(DataError, match=r"expected a checkpoint, got .*: delete it to begin again") as caught:
        replay(task)
    assert str(task.checkpoint) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("other", "change"), [("mnist-tanh/documented", {}), ("mnist-relu/documented", {"optimizer": SGD(0.5)})]
)
def test_a_checkpoint_of_another_run_is_passed_over(other, change, small, tmp_path):
    """What lies under the right name, but comes from another network or another rate, is not gone on with."""
    small("mnist-relu/documented", epochs=2)
    task = Task("mnist-relu/documented", work=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        replay(task, InterruptAfter(1))
    left = task.checkpoint.read_bytes()
    small(other, epochs=2, **change)
    Task(other, work=tmp_path).checkpoint.write_bytes(left)
    assert replay(Task(other, work=tmp_path)).resumed == 0


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
