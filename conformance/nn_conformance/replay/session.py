"""One call of `nn-conformance replay`: tasks, progress, ledgers, and what is printed."""

import json
from collections.abc import Container
from pathlib import Path
from typing import Any, cast

import msgspec

from nn_conformance.cases.format import DTYPES
from nn_conformance.replay import ledger
from nn_conformance.replay.display import leaves, replayed
from nn_conformance.replay.ensembles import replay_all, tasks_for
from nn_conformance.replay.figures import computed
from nn_conformance.replay.files import check_folder, is_there
from nn_conformance.replay.ledger import Framework, Run
from nn_conformance.replay.provenance import versions
from nn_conformance.replay.run import Task, whole_epochs
from nn_conformance.report import console as render
from nn_reference.errors import InputError
from nn_reference.systems import System, get
from nn_reference.validation import suggestion


def run(
    network: str,
    framework: str,
    version: str,
    dtype: str | None,
    seeds: int,
    epochs: int | None,
    out: Path | None,
    *,
    jobs: int,
    backend: str,
    as_json: bool,
) -> bool:
    """Replays, prints, and says whether every run kept to the certified losses.

    Raises:
        InputError: an argument that does not fit, by name.
        DataError: a ledger that is damaged, or data that are not to be had.
    """
    task = _task(get(network, version), framework, dtype, epochs, out)
    system, precision, _, total = task.resolved()
    wanted = {one.seed: one for one in tasks_for(task, seeds)}
    first = None if total == whole_epochs(system) else total
    path = None if out is None else out / ledger.file_name(system, framework, precision, first)
    runs = [] if path is None else _kept(path, framework, wanted)
    tasks = [one for seed, one in wanted.items() if seed not in {run.seed for run in runs}]
    here = jobs == 1 and backend == "local"
    with render.counter(f"replaying {system.id}", len(tasks) * (total if here else 1)) as advance:
        for finished in replay_all(tasks, jobs=jobs, backend=backend, progress=advance):
            runs.append(finished)
            if out is not None:
                ledger.add(out, system, task.framework, precision, [finished], first)
    runs.sort(key=lambda one: list(wanted).index(one.seed))
    if as_json:
        print(json.dumps(_as_json(system, framework, precision, runs), indent=2, allow_nan=False))  # noqa: T201 - for machines
    else:
        replayed(system, framework, precision, runs)
    return not any(leaves(one) for one in runs)


def _task(system: System, framework: str, dtype: str | None, epochs: int | None, out: Path | None) -> Task:
    """The arguments together; those that do not fit are told before anything is trained."""
    if dtype is not None and dtype not in DTYPES:
        raise InputError(f"--dtype: expected {' or '.join(DTYPES)}, got {dtype!r}{suggestion(dtype, DTYPES)}")
    task = Task(system.id, cast("Framework", framework), dtype, epochs=epochs)
    task.resolved()
    if out is not None:
        check_folder(out)
    return task


def _kept(path: Path, framework: str, seeds: Container[int | None]) -> list[Run]:
    """What a ledger has already of these seeds, by the versions that are installed."""
    found = ledger.read(path).runs if is_there(path) else []
    return [run for run in found if run.seed in seeds and run.versions == versions(framework)]


def _as_json(system: System, framework: str, dtype: str, runs: list[Run]) -> dict[str, Any]:
    """The runs as a ledger has them, and for each figure what they have in its place."""
    figures = [
        {
            "quantity": figure.quantity,
            "epoch": figure.epoch,
            "printed": figure.printed,
            "computed": [_plain(computed(system, one, figure)) for one in runs],
        }
        for figure in system.figures
    ]
    return {
        "system": system.id,
        "framework": framework,
        "dtype": dtype,
        "figures": figures,
        "runs": [msgspec.to_builtins(one) for one in runs],
    }


def _plain(value: float | str | None) -> float | str | None:
    return value if not isinstance(value, float) or abs(value) < float("inf") else str(value)
