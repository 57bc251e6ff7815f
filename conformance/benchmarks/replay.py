"""Replays in NumPy, PyTorch and Keras side by side, in one run: `python conformance/benchmarks/replay.py [NETWORK]...`.

Needs the `torch` and `keras` extras. Each trains the first batches of a replay, from the same weights and in the same
order, as `nn-conformance replay` does it: in PyTorch eagerly, in Keras in one compiled loop, each on one thread. Prints
milliseconds of processor time for each step, the best of several repeats taken in turn, and NumPy's to the faster of
the two. Building, tracing and the first steps are not counted.
"""

import os
import sys
from collections.abc import Callable
from itertools import chain, cycle, islice
from time import process_time

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

from nn_conformance.replay.ledger import FRAMEWORKS  # noqa: E402 - after the threads are set
from nn_conformance.replay.run import order, own_seed, start  # noqa: E402 - likewise
from nn_conformance.replay.trainers import trainer  # noqa: E402 - likewise
from nn_reference import systems  # noqa: E402 - likewise
from nn_reference.errors import InputError  # noqa: E402 - likewise
from nn_reference.systems import System  # noqa: E402 - likewise

SECONDS, STEPS, REPEATS = 0.5, 2000, 7  # of the slowest framework in one repeat, steps at most, and how often


def main(ids: list[str]) -> None:
    """One line for each system. Raises InputError for a network that is unknown, or has no training."""
    chosen = [systems.get(name) for name in ids] or [system for system in systems.SYSTEMS if system.recipe.epochs]
    print(f"{'system':<32} {'steps':>6} {'numpy':>9} {'torch':>9} {'keras':>9}   numpy / faster of the two")
    slower = 0
    for system in chosen:
        if not system.recipe.epochs:
            raise InputError(f"network: {system.name} has no training to time")
        steps, times = milliseconds(system)
        ratio = times["numpy"] / min(times["torch"], times["keras"])
        slower += ratio > 1
        row = " ".join(f"{times[framework]:9.4f}" for framework in FRAMEWORKS)
        print(f"{system.id:<32} {steps:6} {row}   {ratio:.2f}{' slower' if ratio > 1 else ''}", flush=True)
    print(f"NumPy is the slower one in {slower} of {len(chosen)}; milliseconds for each step, one thread")


def milliseconds(system: System) -> tuple[int, dict[str, float]]:
    """How many steps were timed, and the best time of one in each framework."""
    runs = {framework: prepared(system, framework) for framework in FRAMEWORKS}
    for run in runs.values():
        run(20)  # which traces what is to be compiled
    slowest = max(run(20) for run in runs.values())
    steps = max(20, min(STEPS, int(SECONDS / slowest)))
    for run in runs.values():
        run(steps)
    rounds = [{framework: run(steps) for framework, run in runs.items()} for _ in range(REPEATS)]
    return steps, {framework: min(times[framework] for times in rounds) * 1e3 for framework in FRAMEWORKS}


def prepared(system: System, framework: str) -> Callable[[int], float]:
    """A function that trains so many steps, on from where the last call left it, and returns seconds for each."""
    data, seed = system.load().astype(system.precision), own_seed(system)
    ready = trainer(framework, system, data, start(system, seed, system.precision))
    epochs = islice(order(system, len(data.train_x), seed), 10)
    batches = list(islice(cycle(chain.from_iterable(epochs)), STEPS))

    def run(steps: int) -> float:
        size, begin = whole(system, steps), process_time()
        for k in range(0, steps, size):
            ready.train(batches[k : min(k + size, steps)])
        return (process_time() - begin) / steps

    return run


def whole(system: System, steps: int) -> int:
    """Batches of one call: those of an epoch, or all that are timed of a longer one."""
    samples = min(len(system.load().train_x), system.recipe.samples_per_epoch or sys.maxsize)
    return min(steps, -(-samples // (system.recipe.batch_size or samples)))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except InputError as error:
        sys.exit(f"error: {error}")
