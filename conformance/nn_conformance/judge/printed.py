"""The reference against what the documents print, where that can be settled in a moment."""

from collections.abc import Callable, Iterator
from decimal import Decimal

import numpy as np
from numpy.random import RandomState
from numpy.typing import DTypeLike

from nn_conformance.judge.verdict import CheckId, Verdict, at_most
from nn_reference.arithmetic import Params
from nn_reference.network import loss_and_gradients, predict
from nn_reference.systems import System
from nn_reference.training import accuracy, evaluate, train

SEEDS = range(5)
WITHIN = 100  # samples after which every weight must be NaN; 33 is the most that was seen
UNIT = "error in units of the last printed digit"

Check = Callable[[System], Iterator[Verdict]]


def printed_figures(system: System) -> Iterator[Verdict]:
    """`homework`: loss and gradients against the digits that document 002 prints.

    The error is in units of the last printed digit, for arrays the eighth decimal, as NumPy prints them. Loss and b2
    are printed in full, and may differ by four units of roundoff: the thousand terms' own errors cancel in the sum, but
    another machine may round its last operations otherwise. A hint, which the document calls close, may by one unit.
    """
    data = system.load()
    loss, gradients = loss_and_gradients(system.network, system.start(), data.train_x, data.train_t)
    for figure in system.figures:
        hint = figure.quantity.startswith("hint ")
        value = _quantity(figure.quantity.removeprefix("hint "), float(loss), gradients)
        unit = 1e-8 if "[" in figure.quantity and not hint else _last_digit(figure.printed)
        error = abs(float(Decimal(value) - Decimal(figure.printed))) / unit
        limit = 1.0 if hint else 0.5 + 4 * abs(value) * 2**-53 / unit
        check = CheckId(system.id, "printed", figure.quantity.replace(" ", "-"))
        summary = f"document {system.document} prints {figure.printed}, computed {value!r}"
        yield at_most(check, error, limit, f"{summary}; {UNIT}", summary)


def iris_accuracy(system: System) -> Iterator[Verdict]:
    """`iris-relu-adam`: the test accuracy after 100 full-batch steps from the weights that ship; 29 of 30."""
    data = system.load()
    params, state = system.start(), None
    for batches in system.recipe.batches(len(data.train_x), RandomState(system.seed)):
        run = train(system.network, params, system.recipe.optimizer, batches, data.train_x, data.train_t, state=state)
        params, state = run.params, run.state
    _, found = evaluate(system.network, params, data.test_x, data.test_t)
    yield _accuracy_verdict(system, found)


def nan_absorption(system: System) -> Iterator[Verdict]:
    """`mnist-sigmoid-numpy`: every weight is NaN within a hundred samples, and so the accuracy is 980 of 10,000.

    Ten epochs need not be run to know how they end: an update subtracts from the weight, and NaN minus anything
    is NaN. argmax of ten NaN is 0, and 980 of the test digits are zeros.
    """
    data = system.load()
    for dtype in (np.float64, np.float32):
        for seed in SEEDS:
            params = {name: p.astype(dtype) for name, p in system.start(seed).items()}
            samples, params = samples_until_nan(system, params, dtype)
            label = f"{np.dtype(dtype).name}-seed-{seed}"
            words = "samples until every weight is NaN, which no update can leave"
            yield at_most(CheckId(system.id, "absorbed", label), samples, WITHIN, words)
            if samples <= WITHIN:
                found = accuracy(predict(system.network, params, data.test_x), data.test_t)
                yield _accuracy_verdict(system, found, f"-{label}")


def samples_until_nan(system: System, params: Params, dtype: DTypeLike) -> tuple[float, Params]:
    """How many samples it takes, one update for each, until every weight is NaN (infinity if `WITHIN` do not do)."""
    data = system.load()
    x, t = data.train_x[:WITHIN].astype(dtype), data.train_t[:WITHIN].astype(dtype)
    for sample in range(WITHIN):
        params = train(system.network, params, system.recipe.optimizer, [slice(sample, sample + 1)], x, t).params
        if all(np.isnan(p).all() for p in params.values()):
            return sample + 1, params
    return float("inf"), params


def _accuracy_verdict(system: System, found: float, label: str = "") -> Verdict:
    """The test accuracy in percent, to the last printed digit."""
    figure = next(figure for figure in system.figures if figure.quantity == "test_accuracy_percent")
    unit = _last_digit(figure.printed)
    check = CheckId(system.id, "printed", f"{figure.quantity}{label}")
    summary = f"document {system.document} prints {figure.printed}, computed {100 * found:.4f}"
    return at_most(check, abs(100 * found - float(figure.printed)) / unit, 0.5, f"{summary}; {UNIT}", summary)


def _last_digit(printed: str) -> float:
    """The unit of the last digit."""
    return float(Decimal(1).scaleb(int(Decimal(printed).as_tuple().exponent)))


def _quantity(name: str, loss: float, gradients: Params) -> float:
    """``loss``, ``gradient b2`` or ``gradient W1[0,1]``."""
    if name == "loss":
        return loss
    tensor, _, index = name.removeprefix("gradient ").rstrip("]").partition("[")
    return float(gradients[tensor][tuple(int(i) for i in index.split(",")) if index else ()])


# What a document prints, where it can be settled without a long run.
PRINTED: dict[str, Check] = {
    "homework/documented": printed_figures,
    "iris-relu-adam/documented": iris_accuracy,
    "mnist-sigmoid-numpy/documented": nan_absorption,
}
