"""A document's printed figures, and what a run has in their place."""

from decimal import Decimal, InvalidOperation
from math import prod

import numpy as np

from nn_conformance.cases.encoding import values
from nn_conformance.replay.ledger import Run
from nn_reference.systems import Figure, System

# Are not judged.
TIMES = ("elapsed_seconds", "epoch_seconds", "step_milliseconds", "evaluation_seconds", "evaluation_step_milliseconds")
EVALUATED = 32  # rows of a batch in which Keras evaluates and predicts, by default


def computed(system: System, run: Run, figure: Figure) -> float | str | None:
    """The run's number, or row of classes, for a figure; None where a single run has none.

    A run has no number for the mean of several, for a hearsay without an epoch, or for an epoch that it did not reach.
    """
    quantity = figure.quantity
    if " of test image" in quantity:
        return _classes(system, run, quantity)
    if quantity.startswith("parameters"):
        found: float | None = _parameters(system)[quantity]
    elif quantity in {"test_accuracy_percent", "stated_accuracy_percent"}:
        accuracy = _at(run, "test_accuracy", figure.epoch)
        found = None if accuracy is None else 100 * accuracy
    elif quantity == "steps of an epoch":
        found = run.steps / run.epochs
    elif quantity == "steps of an evaluation":
        found = float(-(-len(system.load().test_x) // EVALUATED))
    elif quantity == "epoch_seconds":
        found = _epoch_seconds(run, figure.epoch)
    elif quantity == "step_milliseconds":
        seconds = _epoch_seconds(run, figure.epoch)
        found = None if seconds is None else 1e3 * seconds * run.epochs / run.steps
    elif (name := quantity.removeprefix("hint ")) in run.final:
        found = float(run.final[name])
    else:
        found = _at(run, quantity, figure.epoch)
    return found


def in_printed_digits(value: float, printed: str) -> str:
    """A number with as many decimals as the document prints."""
    try:
        exponent = Decimal(printed.replace(",", "")).as_tuple().exponent
    except InvalidOperation:  # a range
        exponent = -2
    decimals = max(0, -exponent) if isinstance(exponent, int) else 0
    return f"{value:.{decimals}f}"


def _at(run: Run, quantity: str, epoch: int | None) -> float | None:
    column = run.rows.get(quantity)
    if column is None or epoch not in run.rows["epoch"]:
        return None
    return float(values([column[run.rows["epoch"].index(epoch)]], "float64")[0])


def _epoch_seconds(run: Run, epoch: int | None) -> float | None:
    found = _at(run, "elapsed_seconds", epoch)
    if found is None or epoch is None:
        return None
    return found - (_at(run, "elapsed_seconds", epoch - 1) or 0.0)


def _classes(system: System, run: Run, quantity: str) -> str:
    """Of ``predictions of test images 20-49``, or ``label of test image 0``: those of the run, or of the dataset."""
    first, _, last = quantity.rsplit(maxsplit=1)[-1].partition("-")
    chosen = slice(int(first), int(last or first) + 1)
    if quantity.startswith("predictions"):
        return " ".join(map(str, run.predictions[chosen]))
    return " ".join(map(str, np.argmax(system.load().test_t[chosen], axis=1).tolist()))


def _parameters(system: System) -> dict[str, float]:
    """By the names of Keras's table."""
    found: dict[str, float] = dict.fromkeys(("parameters total", "parameters trainable"), float(system.network.size))
    found["parameters non-trainable"] = 0.0
    for k, names in enumerate(system.network.names):
        held = sum(prod(system.network.shapes[name]) for name in names if name is not None)
        found[f"parameters dense{f'_{k}' if k else ''}"] = float(held)
    return found
