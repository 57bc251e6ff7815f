"""One replay: trained as the document does, from the weights and in the order that the seed gives, in any framework.

After an epoch the run can be left, and taken up again with the same outcome to the last bit.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import monotonic, process_time

import msgspec
import numpy as np
from numpy.random import RandomState

from nn_conformance.cases.encoding import number
from nn_conformance.cases.format import Dtype
from nn_conformance.replay.checkpoints import Checkpoint, Progress, load_checkpoint, save_checkpoint
from nn_conformance.replay.horizon import KEPT, agreement
from nn_conformance.replay.ledger import Agreement, Framework, Run, file_name
from nn_conformance.replay.provenance import identity, order_text, start_text, versions, weights_digest
from nn_conformance.replay.quantities import (
    differences,
    first_epoch,
    measure,
    measure_end,
    measure_stage,
    measured_epochs,
)
from nn_conformance.replay.trainers import Epoch, Trainer, check_framework, trainer
from nn_reference import systems
from nn_reference.arithmetic import Params
from nn_reference.optimizers import State
from nn_reference.systems import System
from nn_reference.training import Batch
from nn_reference.validation import check_count, check_seed

FIRST_LOSSES = 10  # in a ledger
SAVE_SECONDS = 1.0  # the least time between two checkpoints: what a sudden end can cost

Callback = Callable[[int, int], None]


@dataclass(frozen=True)
class Task:
    """What to replay, in words that another process understands.

    Attributes:
        system: id, as ``mnist-relu/documented``.
        framework: ``numpy``, ``torch`` or ``keras``.
        dtype: what is computed in; the document's precision by default.
        seed: of starting weights and order; the document's own, or 0, by default.
        epochs: how many of the recipe's, fine-tuning included; all by default.
        work: folder for checkpoints; none are kept without.
    """

    system: str
    framework: Framework = "numpy"
    dtype: Dtype | None = None
    seed: int | None = None
    epochs: int | None = None
    work: Path | None = None

    def resolved(self) -> tuple[System, Dtype, int, int]:
        """The system, and what the defaults come to: precision, seed, epochs.

        Raises:
            InputError: what is no system, seed or number of epochs, or a framework that is not installed.
        """
        system = systems.get(self.system)
        check_framework(self.framework)
        seed = own_seed(system) if self.seed is None else self.seed
        check_seed(seed)
        whole = whole_epochs(system)
        if self.epochs is not None:
            check_count("epochs", self.epochs, least=min(1, whole), below=whole + 1)
        return system, self.dtype or system.precision, seed, whole if self.epochs is None else self.epochs

    @property
    def checkpoint(self) -> Path | None:
        """The file of this run's checkpoint, if one is kept."""
        if self.work is None:
            return None
        system, dtype, seed, epochs = self.resolved()
        name = file_name(system, self.framework, dtype).removesuffix(".json")
        return self.work / f"{name}.seed-{seed}.epochs-{epochs}.safetensors"


def own_seed(system: System) -> int:
    """The document's, or 0."""
    return system.seed or 0


def whole_epochs(system: System) -> int:
    """All that the recipe has, fine-tuning included."""
    pruning = system.recipe.pruning
    return system.recipe.epochs + (pruning.fine_tune_epochs if pruning else 0)


def start(system: System, seed: int, dtype: str) -> Params:
    """The weights to start with: those that ship where the seed is the document's own, else drawn."""
    params = system.start(None if seed == own_seed(system) else seed)
    return {name: p.astype(dtype) for name, p in params.items()}


def order(system: System, samples: int, seed: int) -> Iterator[list[Batch]]:
    """The batches of each epoch. A shuffle goes on with the generator that has drawn the weights, as document 003 does."""
    rng = RandomState(seed)
    system.initializer.draw(system.network, rng)
    return system.recipe.batches(samples, rng)


def replay(task: Task, callback: Callback | None = None) -> Run:
    """Trains, measures, and returns the whole run.

    Args:
        task: what to replay.
        callback: called with (epochs done, epochs in all) at the beginning and after each; those that NaN makes
            needless count as done.

    Raises:
        InputError: as `Task.resolved`, or a checkpoint that cannot be written.
        DataError: a checkpoint that is damaged, or data that are not to be had.
    """
    system, dtype, seed, epochs = task.resolved()
    replaying = _Replay(task, system, dtype, seed, epochs)
    batches = order(system, len(replaying.data.train_x), seed)
    progress, report = replaying.progress, callback or (lambda done, total: None)
    try:
        report(progress.epochs, epochs)
        for epoch in islice(batches, progress.epochs, epochs):
            if progress.nan_from is not None:
                report(epochs, epochs)
                break
            replaying.go_on(epoch)
            report(progress.epochs, epochs)
        return replaying.finished(seed)
    finally:
        replaying.save()


class _Replay:
    """A run on its way."""

    def __init__(self, task: Task, system: System, dtype: Dtype, seed: int, epochs: int) -> None:
        self.task, self.system, self.dtype, self.data = task, system, dtype, system.load().astype(dtype)
        self.timed = task.framework == "numpy"
        self.measured = measured_epochs(system, whole_epochs(system)) | {epochs}
        params = start(system, seed, dtype)
        self.progress = Progress(identity(system, params), versions(task.framework), epochs)
        self.trainer: Trainer = trainer(task.framework, system, self.data, params)
        self.saved = monotonic()
        self.whole: Checkpoint | None = None
        path = task.checkpoint
        if path is not None and (found := load_checkpoint(path)) is not None:
            self.resume(*found)

    def resume(self, progress: Progress, found: Checkpoint) -> None:
        """Goes on from a checkpoint; what other versions or another declaration left is no part of this run, and is passed over."""
        if (progress.identity, progress.versions) != (self.progress.identity, self.progress.versions):
            return
        self.progress = progress
        progress.resumed += progress.epochs < progress.total and progress.nan_from is None
        names = self.system.network.shapes  # a file keeps another order
        moments = {m: {name: arrays[name] for name in names} for m, arrays in found.state.moments.items()}
        self.trainer.restore({name: found.params[name] for name in names}, State(found.state.step, moments))
        self.trainer.masks = found.masks

    def go_on(self, batches: list[Batch]) -> None:
        """An epoch, with what is measured after it, and a checkpoint."""
        begin, progress = process_time(), self.progress
        epoch = self.trainer.train(batches)
        progress.epochs += 1
        progress.steps += len(epoch.losses)
        progress.losses += [number(loss) for loss in epoch.losses[: KEPT - len(progress.losses)].tolist()]
        if len(epoch.losses) < len(batches) or np.isnan(epoch.losses[-1]):
            self.absorb(epoch)
        measured = progress.epochs in self.measured or progress.nan_from is not None
        row = measure(self.system, self.trainer, self.data, epoch) if measured else {}
        self.stages()
        progress.seconds += process_time() - begin
        if measured:
            self.add_row(progress.epochs, row | {"elapsed_seconds": round(progress.seconds, 3)})
        if progress.nan_from is not None:  # no update leads out of NaN: the rows to come would be this one
            for to_come in sorted(self.measured - set(range(progress.epochs + 1))):
                self.add_row(to_come, row | {"elapsed_seconds": round(progress.seconds, 3)})
        if self.task.work is not None:
            self.keep()

    def absorb(self, epoch: Epoch) -> None:
        """Notes from where on every parameter is NaN, if that is so: the epochs that are left need not be run."""
        if all(np.isnan(p).all() for p in self.trainer.params().values()):
            before = self.progress.steps - len(epoch.losses)
            self.progress.nan_from = before + int(np.flatnonzero(np.isnan(epoch.losses))[0]) + 1

    def add_row(self, epoch: int, row: dict[str, float]) -> None:
        """Under the document's number of the epoch."""
        rows = self.progress.rows
        rows.setdefault("epoch", []).append(epoch - 1 + first_epoch(self.system))
        for name, value in row.items():
            rows.setdefault(name, []).append(number(value))

    def stages(self) -> None:
        """Prunes after the last epoch of training; measures before, after, and when it has been fine-tuned."""
        pruning, recipe = self.system.recipe.pruning, self.system.recipe
        if pruning is None:
            return
        if self.progress.epochs == recipe.epochs:
            self.measure_stage("original")
            params, state, self.trainer.masks = pruning.apply(
                self.system.network, self.trainer.params(), self.trainer.state()
            )
            self.trainer.restore(params, state)
            self.measure_stage("pruned")
        elif self.progress.epochs == whole_epochs(self.system):
            self.measure_stage("fine_tuned")

    def measure_stage(self, stage: str) -> None:
        """Adds what is measured of a network that is pruned."""
        final = self.progress.final
        final |= measure_stage(self.system, self.trainer, self.data, stage, timed=self.timed)
        final |= differences(final)

    def keep(self) -> None:
        """A copy in memory after every epoch, and on disk where the last one there is old."""
        progress = msgspec.json.encode(self.progress)
        self.whole = Checkpoint(progress, self.trainer.params(), self.trainer.state(), self.trainer.masks)
        if monotonic() - self.saved > SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        """Writes the copy of the last whole epoch, if it has not been written yet."""
        if self.whole is not None and self.task.checkpoint is not None:
            save_checkpoint(self.task.checkpoint, self.whole)
            self.whole, self.saved = None, monotonic()

    def finished(self, seed: int) -> Run:
        """The run as the ledger has it."""
        progress, begin = self.progress, process_time()
        final, predictions = measure_end(self.system, self.trainer, self.data)
        params = self.trainer.params()
        return Run(
            seed=seed,
            start=start_text(self.system, seed, own=seed == own_seed(self.system)),
            order=order_text(self.system),
            versions=progress.versions,
            epochs=progress.total,
            steps=progress.steps,
            seconds=round(progress.seconds + process_time() - begin, 3),
            resumed=progress.resumed,
            first_losses=progress.losses[:FIRST_LOSSES],
            rows=progress.rows,
            final={name: number(value) for name, value in final.items()} | progress.final,
            weights=weights_digest(params),
            predictions=predictions,
            nan_from=progress.nan_from,
            agreement=self.agreement(seed),
        )

    def agreement(self, seed: int) -> Agreement | None:
        """With the certified trajectory, where the run has its weights and its order."""
        if seed != own_seed(self.system) or self.system.recipe.shuffle:
            return None
        return agreement(self.system, self.dtype, self.progress.losses)
