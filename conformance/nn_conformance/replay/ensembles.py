"""Replays of several seeds: one after the other here, or side by side through joblib, on this machine or a Dask cluster."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nn_conformance.extras import check_installed
from nn_conformance.replay import ledger
from nn_conformance.replay.ledger import Run
from nn_conformance.replay.listed_files import check_folder, is_there
from nn_conformance.replay.task import Task, own_seed, replay, versions, whole_epochs
from nn_reference.errors import InputError
from nn_reference.systems import System
from nn_reference.validation import check_count, suggestion

if TYPE_CHECKING:
    from nn_conformance.run import Counter

BACKENDS = ("local", "dask")
CONNECT = "10s"
NEEDS = {"local": (["joblib"], "report"), "dask": (["distributed"], "dask")}  # modules, and the extra that brings them


def seeds_of(system: System, count: int) -> list[int]:
    """So many: the document's own, if it set one, then 0, 1, 2, ...

    Raises:
        InputError: none at all.
    """
    check_count("--seeds", count, least=1)
    own = own_seed(system)
    return [own, *(seed for seed in range(count) if seed != own)][:count]


def runs_of(task: Task, seeds: int, out: Path | None, *, jobs: int, backend: str, counter: "Counter") -> list[Run]:
    """A task's runs of so many seeds: those that the ledgers below `out` have of the installed versions, and new ones.

    Raises:
        InputError: an argument that does not fit, by name.
        DataError: a ledger that is damaged, or data that are not to be had.
    """
    system, dtype, _, epochs = task.resolved()
    wanted, runs = seeds_of(system, seeds), list[Run]()
    first = None if epochs == whole_epochs(system) else epochs
    if out is not None:
        check_folder(out)
        path = out / ledger.file_name(system, task.framework, dtype, first)
        stored = ledger.read(path).runs if is_there(path) else []
        runs = [run for run in stored if run.seed in wanted and run.versions == versions(task.framework)]
    tasks = [replace(task, seed=seed) for seed in wanted if seed not in {run.seed for run in runs}]
    here = jobs == 1 and backend == "local"
    with counter(f"replaying {system.id}", len(tasks) * (epochs if here else 1)) as advance:
        for finished in replay_all(tasks, jobs=jobs, backend=backend, progress=advance):
            runs.append(finished)
            if out is not None:
                ledger.add(out, system, task.framework, dtype, [finished], first)
    return sorted(runs, key=lambda run: wanted.index(run.seed))


def replay_all(
    tasks: Sequence[Task],
    *,
    jobs: int = 1,
    backend: str = "local",
    progress: Callable[[str], None] = lambda _: None,
) -> Iterator[Run]:
    """Each task's run, as it is finished.

    Args:
        tasks: what to replay.
        jobs: processes side by side; with one, everything runs here.
        backend: ``local``, or ``dask``: a cluster whose scheduler DASK_SCHEDULER_ADDRESS names, else one of `jobs` workers on this
            machine.
        progress: called with a name after each epoch of a run here, after each whole run elsewhere.

    Raises:
        InputError: another backend, or one whose packages are not installed; and as `replay`.
    """
    if backend not in BACKENDS:
        hint = suggestion(backend, BACKENDS) or f"; expected {' or '.join(BACKENDS)}"
        raise InputError(f"--backend: none is named {backend!r}{hint}")
    if backend == "local" and jobs == 1:
        for task in tasks:
            yield replay(task, partial(progress, f"seed {task.seed}"))
        return
    for name in {"local", backend}:
        check_installed("--jobs, --backend", *NEEDS[name])
    import joblib  # noqa: PLC0415 - heavy, and optional

    with contextlib.ExitStack() as stack:
        if backend == "local":
            stack.enter_context(joblib.parallel_config("loky", n_jobs=jobs, inner_max_num_threads=1))
        else:
            stack.enter_context(_client(jobs))
            stack.enter_context(joblib.parallel_config("dask", n_jobs=-1))
        for run in joblib.Parallel(return_as="generator_unordered")(map(joblib.delayed(replay), tasks)):
            progress(f"seed {run.seed}")
            yield run


def _client(jobs: int) -> Any:
    """Connected to the scheduler that Dask's configuration names, else to a cluster made here; closed by `with`."""
    import dask.config  # noqa: PLC0415 - heavy, and optional
    import distributed  # noqa: PLC0415 - likewise

    if address := dask.config.get("scheduler-address", None):
        try:
            return distributed.Client(address, timeout=CONNECT)
        except OSError as error:
            raise InputError(
                f"--backend dask: no scheduler answers at {address} within {CONNECT}; start one, or unset "
                f"DASK_SCHEDULER_ADDRESS for a cluster on this machine ({type(error).__name__})"
            ) from None
    return distributed.Client(n_workers=jobs, threads_per_worker=1, dashboard_address=None)
