"""Keras 3 on TensorFlow as an oracle: its layers, activations, losses and optimisers, and `GradientTape`.

`described` builds a described network in Keras, and this module evaluates and trains it as a target. `door` makes a
user's model a target, and `trainer` trains a documented network.

Evaluations and a few updates are eager, which takes 10 to 30 ms each. What comes in great numbers is traced, as
`Model.fit` does: that takes 0.1 s, and then 0.5 ms for each call. Where Keras itself is off, `known.toml` says so.
"""

import os
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from nn_conformance.cases import format as fmt
from nn_conformance.judge.target import Answer, Run
from nn_reference.arithmetic import Array, Params
from nn_reference.optimizers import State

# Both packages read these while they are imported, and never again.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

from nn_conformance.oracles.formulas import dtype_of
from nn_conformance.oracles.keras.described import Built, Training, rule_of

name = "keras"
KEPT = 64  # networks whose layers and traces are kept: a run goes through one system after the other
MANY = 10  # updates, for which a trace takes less time than it saves


def evaluate(network: fmt.Network, params: Params, x: Array, t: Array, *, gradients: bool = True) -> Answer:
    """Outputs, loss and gradients of a batch, in the parameters' dtype.

    Raises:
        Unsupported: a clip that is not Keras's.
        InputError: Keras was told to use another backend.
    """
    built = _built(msgspec.json.encode(network), dtype_of(params))
    built.load(params)
    x, t = built.batch(x, t)
    if not gradients:
        layers, loss = built.traced(x, t)  # these calls come in great numbers, one for each entry of a parameter
        return Answer(float(loss), layers=built.shown(layers))
    layers, loss, (*derivatives, of_x) = built.backward(x, t, of_x=True)
    gradients_of = built.described([g.numpy() for g in derivatives]) | {"x": of_x.numpy()}
    return Answer(float(loss), gradients_of, built.shown(layers))


def train(
    network: fmt.Network,
    optimizer: fmt.Optimizer,
    params: Params,
    x: Array,
    t: Array,
    batches: Sequence[Sequence[int]],
    state: State | None = None,
) -> Run:
    """One update for each batch of rows.

    Raises:
        Unsupported: a clip that is not Keras's, or PyTorch's placement of ε.
        InputError: Keras was told to use another backend.
    """
    training = _training(msgspec.json.encode(network), msgspec.json.encode(optimizer), dtype_of(params))
    training.built.load(params)
    training.restore(state or State())
    x, t = training.built.batch(x, t)
    update = training.update if len(batches) < MANY else training.traced
    losses = [float(update(x, t, tf.constant(rows, tf.int32))) for rows in batches]
    return Run(losses, training.built.described([variable.numpy() for variable in training.built.variables]))


@lru_cache(maxsize=KEPT)
def _built(network: bytes, dtype: str) -> Built:
    """By the description's JSON, since a description itself cannot be looked up."""
    return Built(msgspec.json.decode(network, type=fmt.Network), dtype)


@lru_cache(maxsize=KEPT)
def _training(network: bytes, optimizer: bytes, dtype: str) -> Training:
    described = msgspec.json.decode(optimizer, type=fmt.Optimizer)
    return Training(_built(network, dtype), described, rule_of(described))
