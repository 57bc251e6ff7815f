"""One replay: trained as the document does, from the weights and in the order that the seed gives, in any framework.

A run takes minutes at most; one that is interrupted is run again.
"""

import importlib.metadata
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from time import process_time
from typing import Any, cast

import numpy as np
from numpy.random import RandomState

from nn_conformance.cases.encoding import digest, number, values
from nn_conformance.cases.format import DTYPES, Dtype, Number
from nn_conformance.cases.store import Store
from nn_conformance.extras import check_installed
from nn_conformance.oracles import ORACLES, load
from nn_conformance.oracles.trainer import Trainer
from nn_conformance.replay.ledger import FRAMEWORKS, Agreement, Framework, Run
from nn_conformance.replay.quantities import (
    differences,
    first_epoch,
    measure,
    measure_end,
    measure_stage,
    measured_epochs,
)
from nn_reference import systems
from nn_reference.arithmetic import Params
from nn_reference.errors import InputError
from nn_reference.systems import Data, System
from nn_reference.training import Batch
from nn_reference.validation import check_choice, check_count, check_seed, suggestion

FIRST_LOSSES = 10  # in a ledger
KEPT = 400  # losses to compare; no certified trajectory is longer


def check_framework(name: str) -> None:
    """The framework is one of the three, and installed.

    Raises:
        InputError: it is not.
    """
    if name not in FRAMEWORKS:
        hint = suggestion(name, FRAMEWORKS) or f"; expected one of {', '.join(FRAMEWORKS)}"
        raise InputError(f"--with: no framework is named {name!r}{hint}")
    check_installed(f"--with {name}", ORACLES[oracle_of(name)].needs, name)


def oracle_of(framework: str) -> str:
    """The name of the oracle that has the framework's trainer, and needs what that needs."""
    return "reference" if framework == "numpy" else framework


def trainer_of(framework: Framework, system: System, data: Data, params: Params) -> Trainer:
    """The system in that framework, at `params`, with `data` in their dtype."""
    check_framework(framework)
    return cast("Trainer", cast("Any", load(oracle_of(framework))).Trainer(system, data, params))


@dataclass(frozen=True)
class Task:
    """What to replay, in words that another process understands.

    Attributes:
        system: id, as ``mnist-relu/documented``.
        framework: ``numpy``, ``torch`` or ``keras``.
        dtype: what is computed in; the document's precision by default.
        seed: of starting weights and order; the document's own, or 0, by default.
        epochs: how many of the recipe's, fine-tuning included; all by default.
    """

    system: str
    framework: Framework = "numpy"
    dtype: Dtype | None = None
    seed: int | None = None
    epochs: int | None = None

    def resolved(self) -> tuple[System, Dtype, int, int]:
        """The system, and what the defaults come to: precision, seed, epochs.

        Raises:
            InputError: what is no system, precision, seed or number of epochs, or a framework that is not installed.
        """
        system = systems.get(self.system)
        check_framework(self.framework)
        if self.dtype is not None:
            check_choice("--dtype", self.dtype, DTYPES)
        seed = own_seed(system) if self.seed is None else self.seed
        check_seed(seed)
        whole = whole_epochs(system)
        if self.epochs is not None:
            check_count("epochs", self.epochs, least=min(1, whole), below=whole + 1)
        return system, self.dtype or system.precision, seed, whole if self.epochs is None else self.epochs


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


def replay(task: Task, done: Callable[[], None] = lambda: None) -> Run:
    """Trains, measures, and returns the run.

    Args:
        task: what to replay.
        done: called after each epoch, and for each that NaN makes needless.

    Raises:
        InputError: as `Task.resolved`.
        DataError: data that are not to be had.
    """
    system, dtype, seed, epochs = task.resolved()
    data, begin = system.load().astype(dtype), process_time()
    training = trainer_of(task.framework, system, data, start(system, seed, dtype))
    measured = measured_epochs(system, whole_epochs(system)) | {epochs}
    steps, nan_from = 0, None
    losses: list[Number] = []
    rows: dict[str, list[Number]] = {}
    stages: dict[str, float] = {}
    for n, batches in enumerate(islice(order(system, len(data.train_x), seed), epochs), 1):
        epoch = training.train(batches)
        losses += [number(loss) for loss in epoch.losses[: KEPT - len(losses)].tolist()]
        if np.isnan(epoch.losses[-1]) and all(np.isnan(p).all() for p in training.params().values()):
            nan_from = steps + int(np.flatnonzero(np.isnan(epoch.losses))[0]) + 1
        steps += len(epoch.losses)
        # No update leads out of NaN: the rows to come are this one.
        to_come = measured & (set(range(n, epochs + 1)) if nan_from else {n})
        if to_come:
            row = measure(system, training, data, epoch) | {"elapsed_seconds": round(process_time() - begin, 3)}
            _add_rows(rows, sorted(to_come), row, first_epoch(system))
        stages |= _stages(system, training, data, n, timed=task.framework == "numpy")
        for _ in range(n, epochs + 1) if nan_from else [n]:
            done()
        if nan_from:
            break
    final, predictions = measure_end(system, training, data, load(oracle_of(task.framework)))
    own = seed == own_seed(system)
    return Run(
        seed=seed,
        start=start_text(system, seed, own=own),
        order=order_text(system),
        versions=versions(task.framework),
        epochs=epochs,
        steps=steps,
        seconds=round(process_time() - begin, 3),
        first_losses=losses[:FIRST_LOSSES],
        rows=rows,
        final={name: number(value) for name, value in (final | stages | differences(stages)).items()},
        weights=weights_digest(training.params()),
        predictions=predictions,
        nan_from=nan_from,
        # The certified trajectory has the system's own weights, and the file's order.
        agreement=agreement(system, dtype, losses) if own and not system.recipe.shuffle else None,
    )


def versions(framework: str) -> dict[str, str]:
    """Of Python, NumPy and the framework's packages, without what names a machine."""
    names = ("numpy", *ORACLES[oracle_of(framework)].needs)
    of_packages = {name: importlib.metadata.version(name).partition("+")[0] for name in names}
    return {"python": platform.python_version(), **of_packages}


def weights_digest(params: Params) -> str:
    """Of all parameters, in order, as little-endian bytes."""
    return digest(np.concatenate([p.ravel() for p in params.values()]))


def start_text(system: System, seed: int, *, own: bool) -> str:
    """For example ``U[0, 1), seed 42``; the document's own may ship as data."""
    shipped = own and system.shipped_start is not None
    return f"{system.initializer.description}, seed {seed}{', as shipped' if shipped else ''}"


def order_text(system: System) -> str:
    """In words, as `order` does it."""
    if not system.recipe.shuffle:
        return "file order"
    some = system.recipe.samples_per_epoch
    return (
        f"shuffled anew each epoch, by the generator that has drawn the weights{f'; the first {some}' if some else ''}"
    )


def _add_rows(rows: dict[str, list[Number]], epochs: list[int], row: dict[str, float], first: int) -> None:
    """The same row for each of some epochs, under the document's numbers of them."""
    rows.setdefault("epoch", []).extend(epoch - 1 + first for epoch in epochs)
    for name, value in row.items():
        rows.setdefault(name, []).extend([number(value)] * len(epochs))


def _stages(system: System, training: Trainer, data: Any, done: int, *, timed: bool) -> dict[str, float]:
    """Prunes after the last epoch of training; what is measured before and after that, and after fine-tuning."""
    pruning, measured = system.recipe.pruning, {}
    if pruning is not None and done == system.recipe.epochs:
        measured = measure_stage(system, training, data, "original", timed=timed)
        params, state, training.masks = pruning.apply(system.network, training.params(), training.state())
        training.restore(params, state)
        measured |= measure_stage(system, training, data, "pruned", timed=timed)
    elif pruning is not None and done == whole_epochs(system):
        measured = measure_stage(system, training, data, "fine_tuned", timed=timed)
    return measured


def agreement(system: System, dtype: Dtype, losses: Sequence[Number]) -> Agreement | None:
    """How well losses in file order, from the system's own start, keep to the bands; None where there is nothing to compare.

    A precision narrower than the document's starts from rounded weights, as the case with rounded numbers does.
    """
    case_id = f"{system.id}-{dtype}" if DTYPES.index(dtype) < DTYPES.index(system.precision) else system.id
    store = Store()
    if case_id not in store.ids or not losses:
        return None
    trajectory = store.case(case_id).case.trajectory
    if trajectory is None:
        return None
    horizon = trajectory.horizons[dtype]
    steps = min(len(losses), horizon.steps)
    error = values(losses[:steps], "float64") - values(trajectory.losses[:steps], "float64")
    return Agreement(case_id, steps, number(float(np.max(np.abs(error) / horizon.band[:steps]))))
