"""A training step of each documented network in NumPy, PyTorch and Keras: the same batches, one thread each.

NumPy is `nn_reference.training.train`. PyTorch is eager: forward, `backward`, the optimiser's `step`. Keras is a model of
`Dense` layers, compiled with the network's loss and optimiser.
"""

import os
import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
import torch
from msgspec.structs import replace
from timing import Run, Table, in_turn, quartiles, ratios, seconds

from nn_conformance.cases.families import describe_network, describe_optimizer
from nn_conformance.judge.target import Unsupported
from nn_conformance.oracles import keras_network as in_keras
from nn_conformance.oracles import pytorch as in_torch
from nn_reference import systems
from nn_reference.systems import System
from nn_reference.training import train

COLUMNS = "network", "parameters", "batch", "Mflop", "MB", "at least, ms", "NumPy, ms"
FRAMEWORKS = {"torch": "PyTorch, ms", "train_on_batch": "Keras `train_on_batch`, ms", "fit": "Keras `fit`, ms"}
FLOPS, STEPS = 4e9, 200  # in one run of a network, at most
PEAK = 1024  # rows of the matrices whose product shows what the processor can do


class Task:
    """A network's start and its batches, in its own precision: slices of x and t in the order of the file."""

    def __init__(self, system: System, *, quick: bool) -> None:
        self.system, self.dtype, data = system, system.precision, system.load()
        self.size = system.recipe.batch_size or len(data.train_x)
        widths = system.network.widths
        # Forward and the weights' gradient in each layer, the gradient of its inputs in all but the first.
        products = [a * b * (3 if k else 2) for k, (a, b) in enumerate(pairwise(widths))]
        self.flops = 2 * self.size * sum(products)
        self.steps = 4 if quick else int(min(STEPS, max(4, FLOPS / self.flops)))
        kept = min(self.steps, len(data.train_x) // self.size)
        self.batches = [slice(k % kept * self.size, (k % kept + 1) * self.size) for k in range(self.steps)]
        self.x, self.t = (a[: kept * self.size].astype(self.dtype) for a in (data.train_x, data.train_t))
        self.start = {name: p.astype(self.dtype) for name, p in system.start().items()}
        self.network, self.optimizer = describe_network(system.network), describe_optimizer(system.recipe.optimizer)
        # The batch is read; parameters and moments are read and written.
        moments = len(system.recipe.optimizer.init(self.start).moments)
        entries = self.x[: self.size].size + self.t[: self.size].size + 2 * (1 + moments) * system.network.size
        self.bytes = entries * np.dtype(self.dtype).itemsize

    def optimizer_of(self, framework: str, notes: list[str]) -> Any:
        """The optimiser as the framework has it; a note says where that is not the document's."""
        if self.optimizer.placement in (None, framework):
            return self.optimizer
        notes.append(f"`{self.system.name}`: Adam's ε is where {framework} has it, and not the document.")
        return replace(self.optimizer, placement=framework)


def measure(names: Sequence[str], *, quick: bool) -> Table:
    """One row for each network: what a step needs at least, what it takes, and NumPy over the fastest framework.

    Raises:
        AssertionError: the frameworks compute another loss of the first batch than NumPy.
    """
    torch.set_num_threads(1)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    table = Table([*COLUMNS, *FRAMEWORKS.values(), "NumPy / fastest"])
    for name in names or systems.NAMES:
        task = Task(systems.get(name), quick=quick)
        times = in_turn(_runs(task, table.notes), 1 if quick else 11)
        fastest = min(times.keys() - {"numpy"}, key=lambda framework, of=times: np.median(of[framework]))
        bounds = [[task.flops / 1e6], [task.bytes / 1e6], [_least(task) * 1e3]]
        cells = [quartiles(times[key], 1e3) if key in times else "none" for key in ("numpy", *FRAMEWORKS)]
        head = [name, task.system.network.size, task.size, *bounds]
        table.rows.append([*head, *cells, ratios(times, "numpy", fastest)])
    mean = np.exp(np.mean([np.log(row[-1][1]) for row in table.rows]))
    table.notes.insert(0, f"Geometric mean of NumPy / fastest: {mean:.2f}. Below 1, NumPy is faster.")
    return table


def _runs(task: Task, notes: list[str]) -> dict[str, Run]:
    """What can be timed; notes say what a framework cannot have."""
    runs, losses = {"numpy": seconds(lambda: _numpy(task, task.steps), task.steps)}, [_numpy(task, 1)]
    for framework, build in (("torch", _torch), ("keras", _keras)):
        try:
            built, loss = build(task, task.optimizer_of(framework, notes))
        except Unsupported as reason:
            notes.append(f"`{task.system.name}`: {reason}.")
        else:
            runs, losses = runs | built, [*losses, loss]
    if not np.allclose(losses, losses[0], rtol=1e-3, equal_nan=True):
        raise AssertionError(f"{task.system.name}: expected one loss of the first batch, got {losses}")
    return runs


def _least(task: Task) -> float:
    """Seconds of the slower of the two, at the rates that this machine shows now with one thread."""
    a, source = np.ones((PEAK, PEAK), task.dtype), np.ones(task.bytes // 2, np.uint8)
    product, copy = seconds(lambda: a @ a), seconds(source.copy)
    return max(task.flops / (2 * PEAK**3) * min(product() for _ in range(3)), min(copy() for _ in range(20)))


def _numpy(task: Task, steps: int) -> float:
    """The first loss of so many steps."""
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):  # some documents overflow
        optimizer, batches = task.system.recipe.optimizer, task.batches[:steps]
        return float(train(task.system.network, task.start, optimizer, batches, task.x, task.t).losses[0])


def _torch(task: Task, optimizer: Any) -> tuple[dict[str, Run], float]:
    x, t = torch.tensor(task.x), torch.tensor(task.t)
    tensors = in_torch.tensors_of(task.start, requires_grad=True)
    rule = in_torch.rule_of(optimizer, tensors, None)

    def steps(batches: list[slice]) -> float:
        losses = []
        for batch in batches:
            rule.zero_grad()
            loss = in_torch.forward(task.network, tensors, x[batch], t[batch], as_written=True)[1]
            loss.backward()
            rule.step()
            losses.append(loss.detach())
        return losses[0].item()

    first = steps(task.batches[:1])
    return {"torch": seconds(lambda: steps(task.batches), task.steps)}, first


class Model(keras.Model):
    """A described network, compiled and fitted as any model of Keras."""

    def __init__(self, described: in_keras.Built) -> None:
        super().__init__(dtype=described.dtype)
        self.described, self.dense = described, described.layers

    def call(self, x: Any) -> Any:
        """Outputs, (N, C)."""
        return self.described.outputs(x)[-1][1]


def _keras(task: Task, optimizer: Any) -> tuple[dict[str, Run], float]:
    keras.config.set_floatx(task.dtype)
    described = in_keras.Built(task.network, task.dtype, as_written=True)
    described.load(task.start)
    model, t = Model(described), task.t[:, None] if task.network.layers[-1].vector else task.t
    model.compile(in_keras.rule_of(optimizer), described.loss)
    # An epoch of fit is a pass over the data, which is one step where the batch is all of them.
    whole = task.system.recipe.batch_size is None
    rows = [a if whole else np.concatenate([a[batch] for batch in task.batches]) for a in (task.x, t)]
    how = {"batch_size": task.size, "epochs": task.steps if whole else 1, "shuffle": False, "verbose": 0}

    def steps(batches: list[slice]) -> list[Any]:
        return [model.train_on_batch(task.x[batch], t[batch]) for batch in batches]

    first = float(steps(task.batches[:1])[0])
    one_by_one = seconds(lambda: steps(task.batches), task.steps)
    return {"train_on_batch": one_by_one, "fit": seconds(lambda: model.fit(*rows, **how), task.steps)}, first
