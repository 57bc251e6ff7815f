"""Replays of several seeds: one after the other here, or side by side through joblib, on this machine or a Dask cluster."""

import contextlib
import importlib.util
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from nn_conformance.replay.ledger import Run
from nn_conformance.replay.run import Callback, Task, own_seed, replay
from nn_reference.errors import InputError
from nn_reference.systems import System
from nn_reference.validation import check_count, suggestion

BACKENDS = ("local", "dask")
CONNECT = "10s"
NEEDS = {"local": ("joblib", "report"), "dask": ("distributed", "dask")}  # module, and the extra that brings it


def seeds(system: System, count: int) -> list[int]:
    """So many: the document's own, if it set one, then 0, 1, 2, ...

    Raises:
        InputError: none at all.
    """
    check_count("--seeds", count, least=1)
    own = own_seed(system)
    return [own, *(seed for seed in range(count) if seed != own)][:count]


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
            yield replay(task, _each_epoch(progress, f"seed {task.seed}"))
        return
    for name in {"local", backend}:
        module, extra = NEEDS[name]
        if importlib.util.find_spec(module) is None:
            raise InputError(
                f"--jobs, --backend: {module} not installed; pip install 'nn-conformance[{extra}]' brings it"
            )
    with _backend(backend, jobs) as parallel:
        for run in parallel(tasks):
            progress(f"seed {run.seed}")
            yield run


def _each_epoch(progress: Callable[[str], None], name: str) -> Callback:
    """Reports every epoch once, those that need not be run included."""
    reported = 0

    def callback(done: int, _: int) -> None:
        nonlocal reported
        for _ in range(done - reported):
            progress(name)
        reported = done

    return callback


@contextlib.contextmanager
def _backend(backend: str, jobs: int) -> Iterator[Callable[[Sequence[Task]], Iterator[Run]]]:
    """A function that runs tasks by joblib's own backend of that kind, each with one thread."""
    import joblib  # noqa: PLC0415 - heavy, and optional

    def run(tasks: Sequence[Task]) -> Iterator[Run]:
        found: Iterator[Run] = joblib.Parallel(return_as="generator_unordered")(map(joblib.delayed(replay), tasks))
        return found

    if backend == "local":
        with joblib.parallel_config("loky", n_jobs=jobs, inner_max_num_threads=1):
            yield run
        return
    with _client(jobs), joblib.parallel_config("dask", n_jobs=-1):
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


def tasks_for(task: Task, count: int) -> list[Task]:
    """The same task for each of so many seeds."""
    system, _, _, _ = task.resolved()
    return [replace(task, seed=seed) for seed in seeds(system, count)]
