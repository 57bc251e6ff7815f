"""A document's printed figures, and what a run has in their place."""

import warnings
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from math import isfinite, prod
from typing import Any

import numpy as np
from msgspec import to_builtins

from nn_conformance.replay.ledger import Run
from nn_reference.network import Dense, Network
from nn_reference.plain import mnist_sigmoid_numpy
from nn_reference.systems import Figure, System

# What needs no run: the first word of a quantity, and where it comes from.
DECLARED = {
    "parameters": "counted from the declaration",
    "output": "the declaration's",
    "inputs": "the declaration's",
    "activations": "the declaration's",
    "module": "the declaration's, as PyTorch prints such a module",
    "label": "the dataset's",
    "labels": "the dataset's",
}
# Are not judged.
TIMES = ("elapsed_seconds", "epoch_seconds", "step_milliseconds", "evaluation_seconds", "evaluation_step_milliseconds")
# Of document 001's class on raw pixels.
WARNED_SAMPLES = 100  # after which every weight is NaN: 43 is the most that 21 seeds took
WARN = {
    mnist_sigmoid_numpy.sigmoid: "sigmoid",
    mnist_sigmoid_numpy.sigmoid_prime: "its derivative",
}  # as figures name them
EVALUATED = 32  # rows of a batch in which Keras evaluates and predicts, by default


def computed(system: System, run: Run | None, figure: Figure) -> float | str | None:
    """The run's number or text for a figure; None where a single run has none, or there is no run.

    A run has no number for the mean of several, for a hearsay without an epoch, or for an epoch that it did not reach.
    """
    quantity = figure.quantity
    if quantity.split(" ")[0] in DECLARED:
        return _declared(system, quantity)
    if run is None:
        return None
    value: float | str | None = None
    if quantity.startswith("predictions"):
        value = " ".join(map(str, run.predictions[_images(quantity)]))
    elif quantity == "warnings":
        value = lines_that_warn(system, run.seed)
    elif quantity in {"test_accuracy_percent", "stated_accuracy_percent"}:
        accuracy = _at(run, "test_accuracy", figure.epoch)
        value = None if accuracy is None else 100 * accuracy
    elif quantity == "steps of an epoch":
        value = run.steps / run.epochs
    elif quantity == "steps of an evaluation":
        value = float(-(-len(system.load().test_x) // EVALUATED))
    elif quantity in {"epoch_seconds", "step_milliseconds"}:
        seconds = _epoch_seconds(run, figure.epoch)
        per_step = 1e3 * run.epochs / run.steps if quantity == "step_milliseconds" else 1
        value = None if seconds is None else seconds * per_step
    elif (name := quantity.removeprefix("hint ")) in run.final:
        value = float(run.final[name])
    else:
        value = _at(run, quantity, figure.epoch)
    return value


def as_json(system: System, framework: str, dtype: str, runs: Sequence[Run]) -> dict[str, Any]:
    """The runs as a ledger has them, and for each figure what they have in its place."""

    def plain(value: float | str | None) -> float | str | None:
        return value if not isinstance(value, float) or isfinite(value) else str(value)

    figures = [
        {
            "quantity": figure.quantity,
            "epoch": figure.epoch,
            "printed": figure.printed,
            "computed": [plain(computed(system, run, figure)) for run in runs],
        }
        for figure in system.figures
    ]
    about = {"system": system.id, "framework": framework, "dtype": dtype}
    return {**about, "figures": figures, "runs": to_builtins(runs)}


def is_number(printed: str) -> bool:
    """Whether it is one number: neither a text nor a range."""
    return printed.replace(",", "").removeprefix("-").replace(".", "", 1).isdigit()


def number(printed: str) -> float:
    """What it says."""
    return float(printed.replace(",", ""))


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
    # Python reads the names too that JSON has for NaN and infinity.
    return float(column[run.rows["epoch"].index(epoch)])


def _epoch_seconds(run: Run, epoch: int | None) -> float | None:
    elapsed = _at(run, "elapsed_seconds", epoch)
    if elapsed is None or epoch is None:
        return None
    return elapsed - (_at(run, "elapsed_seconds", epoch - 1) or 0.0)


def _images(quantity: str) -> slice:
    """Of ``predictions of test images 20-49``, or ``label of test image 0``."""
    first, _, last = quantity.rsplit(maxsplit=1)[-1].partition("-")
    return slice(int(first), int(last or first) + 1)


def _declared(system: System, quantity: str) -> float | str:
    """What a document prints of its network or its data, from the declaration and the dataset."""
    network, kind = system.network, quantity.split(" ", maxsplit=1)[0]
    if kind in {"label", "labels"}:
        return " ".join(map(str, np.argmax(system.load().test_t[_images(quantity)], axis=1).tolist()))
    if kind == "inputs":
        return float(network.inputs)
    if kind == "activations":
        names = dict.fromkeys(layer.activation.name for layer in network.layers if layer.activation.name != "identity")
        return ", ".join("ReLU" if name == "relu" else name for name in names)
    if kind == "module":
        return _modules(network)[quantity.removeprefix("module ")]
    if kind == "output":
        return {f"output shape {name}": f"(None, {layer.units})" for name, layer in _keras_names(network)}[quantity]
    counts: dict[str, float] = dict.fromkeys(("parameters total", "parameters trainable"), float(network.size))
    counts["parameters non-trainable"] = 0.0
    for (name, _), held in zip(_keras_names(network), network.names, strict=True):
        counts[f"parameters {name}"] = float(sum(prod(network.shapes[n]) for n in held if n is not None))
    return counts[quantity]


def _keras_names(network: Network) -> list[tuple[str, Dense]]:
    """Each layer with the name that Keras's table gives it."""
    return [(f"dense{f'_{k}' if k else ''}", layer) for k, layer in enumerate(network.layers)]


def _modules(network: Network) -> dict[str, str]:
    """What PyTorch prints of each submodule, by the names that document 004 gives them."""
    texts = {}
    for k, (inputs, layer) in enumerate(zip(network.widths, network.layers, strict=False), 1):
        texts[f"layer{k}"] = f"Linear(in_features={inputs}, out_features={layer.units}, bias={layer.bias})"
        if layer.activation.name == "relu":
            texts["relu"] = "ReLU()"
        elif layer.activation.axis is not None:
            texts["softmax"] = f"Softmax(dim={layer.activation.axis + 2})"
    return texts


def lines_that_warn(system: System, seed: int) -> str:
    """Which source lines of document 001's class warn, in order and by name, until its weights are NaN.

    One for each warning that Python shows: of a line, each message once.

    Args:
        system: `mnist-sigmoid-numpy/documented`.
        seed: of the starting weights.
    """
    data, rate = system.load(), system.recipe.optimizer.learning_rate
    params = {name: p.copy() for name, p in system.start(seed).items()}
    names = {line: name for function, name in WARN.items() for *_, line in function.__code__.co_lines()}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for x, t in zip(data.train_x[:WARNED_SAMPLES, None], data.train_t[:WARNED_SAMPLES, None], strict=True):
            mnist_sigmoid_numpy.step(params, x, t, rate)  # type: ignore[no-untyped-call] # it is for students
            if np.isnan(params["W1"]).all():
                break
    shown = dict.fromkeys((names[warning.lineno], str(warning.message)) for warning in caught)
    return ", ".join(name for name, _ in shown)
