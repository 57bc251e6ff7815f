"""The reference itself as a target, what the other oracles are independent of; and as the trainer of replays in NumPy.

The trainer has the reference's own passes and optimisers, its arrays checked once and not at every step.
"""

import math
from dataclasses import replace

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import build_network, build_optimizer
from nn_conformance.judge.target import Answer, Pruning, Run, Training
from nn_conformance.oracles.trainer import Epoch, labels, targets
from nn_reference.arithmetic import Array, Params, copied
from nn_reference.network import backpropagate, forward, loss_and_outputs, loss_of_preactivation, outputs_from
from nn_reference.optimizers import SGD, State
from nn_reference.pruning import Masks, apply_masks, magnitude_masks, masked_state
from nn_reference.systems import Data, System
from nn_reference.training import Batch
from nn_reference.training import train as train_reference

name = "reference"
FEW = 32  # rows of a batch up to which it pays to leave out pixels that are zero in all of them


def evaluate(network: fmt.Network, params: Params, x: Array, t: Array, *, gradients: bool = True) -> Answer:
    """Forward, and backpropagation if gradients are wanted."""
    built = build_network(network)
    layers = forward(built, params, x)
    if not gradients:
        penalty = 0.0 if built.penalty is None else built.penalty.value(params, len(x))
        return Answer(float(loss_of_preactivation(built, layers[-1].z, t) + penalty), layers=layers)
    loss, found = backpropagate(built, params, x, t, of_x=True)
    return Answer(float(loss), found, layers)


def train(asked: Training) -> Run:
    """One update for each batch."""
    return _run(asked, asked.params, asked.state)


def prune(asked: Training, how: Pruning) -> tuple[Params, Params]:
    """What is left, and where one update goes from there."""
    masks, state = magnitude_masks(asked.params, how.threshold, how.names), asked.state or State()
    left = apply_masks(asked.params, masks)
    own, kept = (masked_state(state, masks), masks) if how.keep_mask else (state, None)
    return left, _run(asked, left, own, kept).params


def _run(asked: Training, params: Params, state: State | None, masks: Params | None = None) -> Run:
    rows, rule = [np.array(batch) for batch in asked.batches], build_optimizer(asked.optimizer)
    # Training continues a state in place, and the caller's is not ours.
    own = None if state is None else state.mapped(copied)
    run = train_reference(build_network(asked.network), params, rule, rows, asked.x, asked.t, state=own, masks=masks)
    return Run([float(loss) for loss in run.losses], run.params)


class Trainer:
    """As `oracles.trainer.Trainer` says."""

    def __init__(self, system: System, data: Data, params: Params) -> None:
        self.system, self.data = system, data
        self.masks: Masks | None = None
        self._x, self._t, self._labels = data.train_x, targets(system, data, params), labels(data.train_t)
        self._sparse = _sparse(system, data)
        self._counts = any(figure.quantity == "training_accuracy" for figure in system.figures)
        # What belongs to one pixel should lie together: BLAS is faster so, and so are the pixels that are left out.
        self._turned = system.network.layers[0].layout == "out,in" and not system.network.layers[0].vector
        first, *others = system.network.layers
        layers = (replace(first, layout="in,out") if self._turned else first, *others)
        self._network = replace(system.network, layers=layers)
        self.restore(params, system.recipe.optimizer.init(params))

    def train(self, batches: list[Batch]) -> Epoch:
        """One update for each batch."""
        losses, correct = np.empty(len(batches)), np.zeros(len(batches), np.int64)
        masks, step = None if self.masks is None else self._turn(self.masks), self.system.recipe.optimizer.step
        for k, batch in enumerate(batches):
            x, t, params = self._x[batch], self._t[batch], self._params
            if self._sparse:
                # The gradient of a weight whose input is zero in every row is zero.
                used = np.flatnonzero(x[0] if len(x) == 1 else x.any(axis=0))
                x, params = x.take(used, axis=1), params | {"W1": params["W1"].take(used, axis=0)}
            if self._counts:
                correct[k] = np.count_nonzero(
                    outputs_from(self._network, params, x)[-1].a.argmax(axis=1) == self._labels[batch]
                )
            losses[k], gradients = backpropagate(self._network, params, x, t)
            step(params, gradients if masks is None else apply_masks(gradients, masks), self._state)
            if self._sparse:
                self._params["W1"][used] = params["W1"]
            if math.isnan(losses[k]) and all(np.isnan(p).all() for p in self._params.values()):
                losses, correct = losses[: k + 1], correct[: k + 1]
                break
        return Epoch(losses, correct if self._counts else None)

    def evaluate(self, x: Array, t: Array) -> tuple[float, Array]:
        """Loss and outputs of all rows at once."""
        loss, y = loss_and_outputs(self.system.network, self.params(), x, t)
        return float(loss), y

    def params(self) -> Params:
        """A copy of the parameters."""
        return self._turn(copied(self._params))

    def state(self) -> State:
        """A copy of the optimiser's state."""
        return self._copied(self._state)

    def restore(self, params: Params, state: State) -> None:
        """Copies both, since updates are in place."""
        self._params = self._turn(copied(params))
        self._state = self._copied(state)

    def _copied(self, state: State) -> State:
        return state.mapped(lambda arrays: self._turn(copied(arrays)))

    def _turn(self, arrays: Params) -> Params:
        """To and from the layout that is trained in; of masks as well."""
        if not self._turned or "W1" not in arrays:
            return arrays
        return arrays | {"W1": np.ascontiguousarray(arrays["W1"].T)}


def _sparse(system: System, data: Data) -> bool:
    """Whether zeros may be left out, and are worth it: plain SGD, few rows in a batch, and most inputs zero.

    A rule that is not the derivative gives NaN on raw pixels, and NaN times zero is not zero.
    """
    optimizer, few = system.recipe.optimizer, (system.recipe.batch_size or len(data.train_x)) <= FEW
    plain = isinstance(optimizer, SGD) and not optimizer.momentum
    exact = all(layer.activation.derivative == "exact" for layer in system.network.layers)
    finite = exact or data.train_x.max() <= 1
    return plain and few and finite and bool(np.count_nonzero(data.train_x) < data.train_x.size / 2)
