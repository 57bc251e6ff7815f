"""What `chaos` records: the exact run by Lohner's method and in plain balls, and ensembles in floating point."""

import importlib.metadata
from collections.abc import Iterator, Sequence
from math import ceil, inf
from typing import Any

import numpy as np
from numpy.random import RandomState

from nn_conformance.cases.balls import balls, precision, rounded
from nn_conformance.cases.encoding import number, values
from nn_conformance.cases.format import DTYPES, Dtype
from nn_conformance.replay.records import Chaos, Ensemble, Exact, Plain, Spread
from nn_conformance.replay.task import versions
from nn_maintain.measured import watched
from nn_maintain.studies.copies import shaped
from nn_maintain.studies.enclosure import advance, start
from nn_reference.arithmetic import Array, Params
from nn_reference.errors import UndecidedError
from nn_reference.network import loss_and_outputs, predict
from nn_reference.systems import get
from nn_reference.training import accuracy, train

SYSTEM = get("iris-sigmoid")
# Each epoch while the runs part, then every twentieth.
DENSE, EVERY = 400, 20
BITS, PLAIN_BITS = 2000, 2000
APART = 0.01  # of the loss: from there on a run says nothing about the exact one


def measured_epochs(epochs: int) -> list[int]:
    """After how many updates there is a row."""
    return [n for n in range(epochs + 1) if n < DENSE or n % EVERY == 0]


def measure(epochs: Sequence[int], runs: int) -> Chaos:
    """Everything, at the given numbers of updates; half an hour for all 10,000.

    Raises:
        UndecidedError: as `follow_exactly`.
    """
    exact = follow_exactly(epochs, BITS)
    return Chaos(
        format=1,
        system=SYSTEM.id,
        versions=versions("numpy") | {"python-flint": importlib.metadata.version("python-flint")},
        test_rows=len(SYSTEM.load().test_x),
        epochs=list(epochs),
        exact=exact,
        plain=follow_in_plain_balls(PLAIN_BITS),
        ensembles={dtype: ensemble(dtype, epochs, exact, runs) for dtype in DTYPES},
    )


def follow_exactly(epochs: Sequence[int], bits: int) -> Exact:
    """The exact run at the given numbers of updates.

    Raises:
        UndecidedError: so many bits do not suffice to round a loss, or to tell the largest output.
    """
    data = SYSTEM.load()
    box, wanted = start(SYSTEM.start()), set(epochs)
    exact = Exact(bits=bits, losses=[], accuracies=[], radii_log2=[])
    for n in watched("following exactly", range(epochs[-1] + 1)):
        if n in wanted:
            with precision(bits):
                params = shaped(SYSTEM.network.shapes, box.weights())
                loss, _ = loss_and_outputs(SYSTEM.network, params, balls(data.train_x), balls(data.train_t))
                value, unknown = rounded(np.array([loss]))
                y = predict(SYSTEM.network, params, balls(data.test_x))
            if unknown.any() or not all_told(y):
                raise UndecidedError(
                    f"{SYSTEM.id}: the outcome after {n} epochs is not certain: take more than {bits} bits"
                )
            exact.losses.append(number(float(value[0])))
            exact.accuracies.append(accuracy(y, data.test_t))
            exact.radii_log2.append(number(log2(box.widest())))
        box = advance(SYSTEM, box, bits)
    return exact


def follow_in_plain_balls(bits: int) -> Plain:
    """How far the reference itself gets, in balls that begin as points: until a weight's is wider than 1."""
    data, lost = SYSTEM.load(), 0.0
    with precision(bits):
        begin = {name: balls(p) for name, p in SYSTEM.start().items()}
        for epoch, (_, params) in enumerate(descent(begin, balls(data.train_x), balls(data.train_t))):
            widest = max(ball.rad() for p in params.values() for ball in p.ravel())
            if not widest < 1:
                break
            lost = (bits + log2(widest)) / epoch if epoch else 0.0
    return Plain(
        bits=bits, epochs=epoch - 1, bits_per_epoch=round(lost, 3), bits_needed=ceil(lost * SYSTEM.recipe.epochs)
    )


def descent(params: Params, x: Array, t: Array) -> Iterator[tuple[Any, Params]]:
    """Loss and parameters before each update, for ever."""
    while True:
        ended = train(SYSTEM.network, params, SYSTEM.recipe.optimizer, [slice(0, len(x))], x, t)
        yield ended.losses[0], params
        params = ended.params


def ensemble(dtype: Dtype, epochs: Sequence[int], exact: Exact, runs: int) -> Ensemble:
    """Runs in floating point: the first in file order, the others with permuted rows."""
    series_of_runs = [follow(dtype, epochs, run) for run in watched(dtype, range(runs))]
    losses, accuracies = (np.array(series) for series in zip(*series_of_runs, strict=True))  # (runs, len(epochs))
    rows = len(SYSTEM.load().test_x)
    return Ensemble(
        losses=_spread(losses),
        accuracies=_spread(accuracies),
        parted=[parting(epochs, exact, series) for series in losses],
        correct=[round(float(last) * rows) for last in accuracies[:, -1]],
    )


def follow(dtype: Dtype, epochs: Sequence[int], run: int) -> tuple[Array, Array]:
    """Losses of the training rows and accuracies of the test rows at the given numbers of updates.

    Args:
        dtype: of data, weights and arithmetic.
        epochs: at which there is something to measure, rising.
        run: 0 for file order, else the seed of a permutation of the training rows.
    """
    data, wanted = SYSTEM.load().astype(dtype), set(epochs)
    order = RandomState(run).permutation(len(data.train_x)) if run else np.arange(len(data.train_x))
    begin: Params = {name: p.astype(dtype) for name, p in SYSTEM.start().items()}
    losses, accuracies = [], []
    steps = descent(begin, data.train_x[order], data.train_t[order])
    for n, (loss, params) in zip(range(epochs[-1] + 1), steps, strict=False):
        if n in wanted:
            losses.append(float(loss))
            accuracies.append(accuracy(predict(SYSTEM.network, params, data.test_x), data.test_t))
    return np.array(losses), np.array(accuracies)


def parting(epochs: Sequence[int], exact: Exact, losses: Array) -> int:
    """After how many updates a run's loss is first further from the exact one than a hundredth of it; the last if never."""
    true = values(exact.losses[: len(losses)], "float64")
    beyond = np.flatnonzero(np.abs(losses - true) > APART * true)
    return epochs[int(beyond[0]) if beyond.size else -1]


def all_told(y: Array) -> bool:
    """Whether one output of each row is certainly the largest: a comparison of balls that overlap is false."""
    best = np.argmax(y, axis=1)
    return all(row[top] > other for row, top in zip(y, best, strict=True) for k, other in enumerate(row) if k != top)


def log2(radius: Any) -> float:
    """Of a ball without radius, however small; -inf of zero."""
    return round(float((radius.log() / radius.const_log2()).mid()), 3) if radius > 0 else -inf


def _spread(series: Array) -> Spread:
    """Over the runs (first axis)."""
    least, middle, most = (
        [float(f"{value:.6g}") for value in function(series, axis=0)] for function in (np.min, np.median, np.max)
    )
    return Spread(minimum=least, median=middle, maximum=most)
