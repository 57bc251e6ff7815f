"""What is measured after an epoch, in the documents' own ways, under the names that their printed figures have.

And what a pruned network saves: parameters, bytes when compressed, time of a forward pass with sparse matrices.
"""

import importlib.util
import zlib
from collections.abc import Callable
from itertools import count
from time import process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nn_conformance.cases.families import describe_network
from nn_conformance.judge.target import Target
from nn_conformance.oracles.trainer import Epoch, Trainer
from nn_reference.arithmetic import Array, Params
from nn_reference.network import Network
from nn_reference.pruning import sparsity
from nn_reference.systems import Data, System

# Of a run that prints nothing, or no more, so many rows are kept, and its last.
LATER_ROWS = 50
TIMED_IMAGES = 1000  # of a forward pass
REPEATS = 20  # of it
# Was trained by an early Keras 3, whose progress bar takes the mean of what is a running mean already.
AVERAGED_TWICE = "mnist-sigmoid-keras"


def first_epoch(system: System) -> int:
    """What the document calls its first epoch: document 004 counts from 0."""
    return 0 if any(figure.epoch == 0 for figure in system.figures) else 1


def measured_epochs(system: System, epochs: int) -> set[int]:
    """The epochs, counted from 1, after which there is a row: all of a printed curve, then evenly spaced ones."""
    shift = 1 - first_epoch(system)
    printed = {figure.epoch + shift for figure in system.figures if figure.epoch is not None}
    # A curve that is cut off is printed from the first epoch on without a gap; a single final figure is no curve.
    curve = next(epoch for epoch in count() if epoch + 1 not in printed)
    every = -(-epochs // LATER_ROWS)
    return {epoch for epoch in range(1, epochs + 1) if epoch <= curve or epoch % every == 0 or epoch == epochs}


def prints(system: System, quantity: str) -> bool:
    """Whether the document has a figure of that quantity."""
    return any(figure.quantity == quantity for figure in system.figures)


def measure(system: System, trainer: Trainer, data: Data, epoch: Epoch) -> dict[str, float]:
    """A row: what the training itself showed, then evaluations.

    Document 004 evaluates the training set anew at the end of an epoch; everywhere else its figures are means over the
    epoch's batches, each before its own update, or what an early Keras 3 made of these.
    """
    row: dict[str, float] = {}
    if system.document == "004":
        _evaluate(row, trainer, "training", data.train_x, data.train_t)
    else:
        twice = system.name == AVERAGED_TWICE
        row["training_loss"] = averaged_twice(epoch.losses) if twice else float(np.mean(epoch.losses))
        if prints(system, "training_accuracy") and epoch.correct is not None:
            correct = averaged_twice(epoch.correct) * len(epoch.correct) if twice else float(epoch.correct.sum())
            row["training_accuracy"] = correct / min(
                len(data.train_x), system.recipe.samples_per_epoch or len(data.train_x)
            )
    if prints(system, "last_sample_loss"):
        row["last_sample_loss"] = float(epoch.losses[-1])
    if data.validation_x is not None and data.validation_t is not None:
        _evaluate(row, trainer, "validation", data.validation_x, data.validation_t)
    if system.network.layers[-1].units > 1:
        _evaluate(row, trainer, "test", data.test_x, data.test_t)
    return row


def averaged_twice(batches: NDArray[Any]) -> float:
    """What an early Keras 3 prints for an epoch: the mean over its batches of the mean so far, the last one twice.

    All batches have the same size. Keras's own `History` has the plain mean: keras-team/keras, issue 20212.
    """
    so_far = np.cumsum(batches, dtype=np.float64) / np.arange(1, len(batches) + 1)
    return float((so_far.sum() + so_far[-1]) / (len(batches) + 1))


def measure_end(system: System, trainer: Trainer, data: Data, oracle: Target) -> tuple[dict[str, float], list[int]]:
    """What is measured once, after the last epoch; and the classes of the first fifty test images."""
    final: dict[str, float] = {}
    if not system.recipe.epochs:
        answer = oracle.evaluate(describe_network(system.network), trainer.params(), data.train_x, data.train_t)
        final["loss"] = float("nan") if answer.loss is None else answer.loss
        for name in system.network.shapes:
            for index, value in np.ndenumerate(answer.gradients[name]):
                place = f"[{','.join(map(str, index))}]" if index else ""
                final[f"gradient {name}{place}"] = float(value)
    if system.name.startswith("xor"):
        for row, y in zip(data.test_x, trainer.evaluate(data.test_x, data.test_t)[1], strict=True):
            final[f"output of {int(row[0])},{int(row[1])}"] = float(y[0])
    if system.network.inputs != 784:
        return final, []
    # Of all the images at once: a softmax over the batch depends on the others.
    return final, trainer.evaluate(data.test_x, data.test_t)[1].argmax(axis=1)[:50].tolist()


def measure_stage(system: System, trainer: Trainer, data: Data, stage: str, *, timed: bool) -> dict[str, float]:
    """Accuracy and size of a network that is pruned: ``original``, ``pruned`` or ``fine_tuned``."""
    accuracy = accuracy_of(trainer.evaluate(data.test_x, data.test_t)[1], data.test_t)
    costs = savings(system.network, trainer.params(), data.test_x[:TIMED_IMAGES], timed=timed)
    return {f"test_accuracy_{stage}": accuracy, **{f"{name}_{stage}": value for name, value in costs.items()}}


def differences(final: dict[str, float]) -> dict[str, float]:
    """Of the pruned and the fine-tuned accuracy from the original one, where they were measured."""
    return {
        f"accuracy_difference_{stage}": final[f"test_accuracy_{stage}"] - final["test_accuracy_original"]
        for stage in ("pruned", "fine_tuned")
        if f"test_accuracy_{stage}" in final
    }


def _evaluate(row: dict[str, float], trainer: Trainer, part: str, x: Any, t: Any) -> None:
    row[f"{part}_loss"], y = trainer.evaluate(x, t)
    row[f"{part}_accuracy"] = accuracy_of(y, t)


def accuracy_of(y: Array, t: Array) -> float:
    """Fraction of rows whose largest output is at the target's; NaN where there is one output only."""
    if y.ndim != 2 or y.shape[1] < 2:
        return float("nan")
    return float(np.mean(np.argmax(y, axis=1) == np.argmax(t, axis=1)))


def savings(network: Network, params: Params, x: Array, *, timed: bool) -> dict[str, float]:
    """Sparsity, non-zero parameters, their bytes as float32 after zlib; if `timed`, milliseconds for a pass over x.

    NumPy has no sparse product, and one made of its other operations is slower than the dense one by an order. So the
    times need SciPy, and are left out where it is not installed. A machine's times are no property of the network.
    """
    raw = b"".join(p.astype("<f4").tobytes() for p in params.values())
    measured = {
        "sparsity": sparsity(params),
        "nonzero_parameters": float(sum(np.count_nonzero(p) for p in params.values())),
        "compressed_bytes": float(len(zlib.compress(raw, level=9))),
    }
    if timed and importlib.util.find_spec("scipy") is not None:
        from scipy.sparse import csr_array  # noqa: PLC0415 - heavy, and optional

        columns = np.ascontiguousarray(x.T)
        passes = [_forward(network, params, columns, kind) for kind in (np.ascontiguousarray, csr_array)]
        # In turn, so that whatever else the machine does slows both down.
        rounds = [[once() for once in passes] for _ in range(REPEATS)]
        measured["dense_ms"], measured["sparse_ms"] = (min(times) for times in zip(*rounds, strict=True))
    return measured


def _forward(network: Network, params: Params, columns: Array, kind: Callable[[Array], Any]) -> Callable[[], float]:
    """A forward pass, and the milliseconds of processor time that it takes; samples are columns, as SciPy wants them."""
    layers = []
    for layer, (weights, bias) in zip(network.layers, network.names, strict=True):
        w = params[weights] if layer.layout == "out,in" else params[weights].T
        layers.append((kind(w), 0 if bias is None else params[bias][:, None], layer.activation.forward))

    def once() -> float:
        begin, a = process_time(), columns
        for w, b, activation in layers:
            a = activation(w @ a + b)
        return (process_time() - begin) * 1e3

    return once
