"""The reference itself as a target: what the other oracles are independent of."""

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import build_network, build_optimizer
from nn_conformance.judge.target import Answer, Pruning, Run, Training
from nn_reference.arithmetic import Array, Params, copied
from nn_reference.network import backpropagate, forward, loss_of_preactivation
from nn_reference.optimizers import State
from nn_reference.pruning import apply_masks, magnitude_masks, masked_state
from nn_reference.training import train as train_reference

name = "reference"


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
