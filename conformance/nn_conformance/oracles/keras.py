"""Keras 3 on TensorFlow as an oracle: its layers, activations, losses and optimisers, and `GradientTape`.

`keras_network` builds a described network in Keras. This module evaluates and trains it as a target, makes a user's
model a target, and trains a documented network, an epoch of which is one compiled loop over row numbers.

Evaluations and a few updates are eager, which takes 10 to 30 ms each. What comes in great numbers is traced, as
`Model.fit` does: that takes 0.1 s, and then 0.5 ms for each call. Where Keras itself is off, `known.toml` says so.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator
from functools import lru_cache, partial
from typing import Any

import msgspec
import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import describe_network, describe_optimizer
from nn_conformance.judge.target import Answer, Run, Training, Unsupported
from nn_conformance.oracles.trainer import Epoch, labels, scores, targets
from nn_conformance.oracles.user_model import UserModel, check_output, check_shapes
from nn_reference.arithmetic import Array, Params
from nn_reference.optimizers import State
from nn_reference.pruning import Masks
from nn_reference.systems import Data, System
from nn_reference.training import Batch

# Both packages read these while they are imported, and never again.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf

from nn_conformance.oracles.formulas import dtype_of
from nn_conformance.oracles.keras_network import Built, Tensor, Updater, activate, loss_of, rule_of

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
    return Answer(float(loss), built.arrays(derivatives) | {"x": of_x.numpy()}, built.shown(layers))


def train(asked: Training) -> Run:
    """One update for each batch of rows.

    Raises:
        Unsupported: a clip that is not Keras's, or PyTorch's placement of ε.
        InputError: Keras was told to use another backend.
    """
    described = (msgspec.json.encode(each) for each in (asked.network, asked.optimizer))
    updater = _updater(*described, dtype_of(asked.params))
    updater.built.load(asked.params)
    updater.restore(asked.state or State())
    x, t = updater.built.batch(asked.x, asked.t)
    update = updater.update if len(asked.batches) < MANY else updater.traced
    losses = [float(update(x, t, tf.constant(rows, tf.int32))) for rows in asked.batches]
    return Run(losses, updater.built.arrays(updater.built.variables))


@lru_cache(maxsize=KEPT)
def _built(network: bytes, dtype: str) -> Built:
    """By the description's JSON, since a description itself cannot be looked up."""
    return Built(msgspec.json.decode(network, type=fmt.Network), dtype)


@lru_cache(maxsize=KEPT)
def _updater(network: bytes, optimizer: bytes, dtype: str) -> Updater:
    described = msgspec.json.decode(optimizer, type=fmt.Optimizer)
    return Updater(_built(network, dtype), described, rule_of(described))


class Model(UserModel):
    """A `keras.Model`, which has the precision that it was made with, and keeps its weights."""

    base = keras.Model

    def evaluate(self, network: fmt.Network, params: Params, x: Array, t: Array, *, gradients: bool = True) -> Answer:
        """Loss and gradients of a batch.

        Raises:
            Unsupported: another precision or other shapes than the model has, or a loss that Keras has not.
            TargetError: its output is no (N, C).
        """
        with self._held(network, params):
            if not gradients:
                return Answer(float(self._loss(network, x, t)))
            loss, derivatives = self._backward(network, x, t)
            return Answer(float(loss), {name: g.numpy() for name, g in zip(params, derivatives, strict=True)})

    def train(self, asked: Training) -> Run:
        """One update for each batch by the case's optimiser in Keras. Raises as `evaluate` does."""
        if asked.state is not None and asked.state.moments:
            raise Unsupported("an optimiser that goes on from given moments")
        rule, losses = rule_of(asked.optimizer), []
        with self._held(asked.network, asked.params) as variables:
            backward = partial(self._backward, asked.network)
            backward = tf.function(backward) if len(asked.batches) >= MANY else backward
            for rows in asked.batches:
                loss, derivatives = backward(tf.constant(asked.x[list(rows)]), tf.constant(asked.t[list(rows)]))
                rule.apply(derivatives, variables)
                losses.append(float(loss))
            return Run(losses, {name: v.numpy() for name, v in zip(asked.params, variables, strict=True)})

    @contextlib.contextmanager
    def _held(self, network: fmt.Network, params: Params) -> Iterator[list[Any]]:
        """The model's variables while they are a case's parameters; then it has its own again."""
        model = self.model(network)
        if not model.built:
            model.build((None, network.inputs))
        variables = model.trainable_variables
        before = [variable.numpy() for variable in variables]
        check_shapes("model", [p.shape for p in before], params)
        if (dtype := next(iter(params.values())).dtype) != before[0].dtype:
            raise Unsupported(f"{dtype}: the model has {before[0].dtype}")
        try:
            _assign(variables, params.values())
            yield variables
        finally:
            _assign(variables, before)

    def _loss(self, network: fmt.Network, x: Any, t: Any) -> Tensor:
        model = self.model(network)
        output = model(tf.convert_to_tensor(x))
        check_output(output, tf.Tensor, x.shape[0], network)
        if self.conventions.logits:
            output = activate(network.layers[-1].activation, output)
        return loss_of(network, model.trainable_variables[0].dtype)(tf.convert_to_tensor(t), output)

    def _backward(self, network: fmt.Network, x: Any, t: Any) -> tuple[Tensor, list[Tensor]]:
        with tf.GradientTape() as tape:
            loss = self._loss(network, x, t)
        values = [variable.value for variable in self.model(network).trainable_variables]
        return loss, tape.gradient(loss, values, unconnected_gradients="zero")


def _assign(variables: Iterable[Any], values: Iterable[Array]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


class Trainer:
    """As `oracles.trainer.Trainer` says."""

    def __init__(self, system: System, data: Data, params: Params) -> None:
        with contextlib.suppress(RuntimeError):  # TensorFlow has started already, and keeps the threads that it has
            tf.config.threading.set_intra_op_parallelism_threads(1)
            tf.config.threading.set_inter_op_parallelism_threads(1)
        dtype, t = next(iter(params.values())).dtype.name, targets(system, data, params)
        optimizer = describe_optimizer(system.recipe.optimizer)
        self._built = Built(describe_network(system.network), dtype, t.dtype.name, as_written=True)
        self._updater = Updater(self._built, optimizer, _rule(optimizer, dtype))
        self._x, self._t = self._built.batch(data.train_x, t)
        self._labels, self._losses_dtype = tf.constant(labels(data.train_t), tf.int64), t.dtype.name
        self.masks: Masks | None = None
        self._compiled: tuple[Masks | None, Any] | None = None
        self.restore(params, State())

    def train(self, batches: list[Batch]) -> Epoch:
        """One update for each batch; NaN or not, the compiled loop goes on to the end."""
        if self._compiled is None or self._compiled[0] is not self.masks:
            signature = tf.TensorSpec((None,), tf.int32), tf.TensorSpec((), tf.int32)
            self._compiled = self.masks, tf.function(self._epoch).get_concrete_function(*signature)
        rows = [np.arange(batch.start, batch.stop) if isinstance(batch, slice) else batch for batch in batches]
        losses, correct = self._compiled[1](tf.constant(np.concatenate(rows), tf.int32), tf.constant(len(rows[0])))
        return Epoch(losses.numpy().astype(np.float64), correct.numpy())

    def evaluate(self, x: Array, t: Array) -> tuple[float, Array]:
        """Loss and scores of all rows at once."""
        layers, loss = self._built.forward(*self._built.batch(x, t))
        return float(loss), scores(self._built.network, *layers[-1]).numpy()

    def params(self) -> Params:
        """A copy of the parameters."""
        return self._built.arrays(self._built.variables)

    def state(self) -> State:
        """A copy of the optimiser's state."""
        return self._updater.state()

    def restore(self, params: Params, state: State) -> None:
        """Copies both."""
        self._built.load(params)
        self._updater.restore(state)

    def _epoch(self, order: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
        """Losses, and how many samples were classified rightly, over batches of `size` rows in `order`."""
        steps = -(-tf.size(order) // size)
        losses = tf.TensorArray(self._losses_dtype, steps)
        correct = tf.TensorArray(tf.int64, steps)
        for step in tf.range(steps):
            loss, right = self._update(order[step * size : (step + 1) * size])
            losses = losses.write(step, loss)
            correct = correct.write(step, right)
        return losses.stack(), correct.stack()

    @tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator] # TensorFlow has no types
    def _update(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The loss of these rows, and how many were classified rightly; then an update."""
        layers, loss, gradients = self._built.backward(tf.gather(self._x, rows), tf.gather(self._t, rows))
        self._updater.rule.apply(self._masked(gradients), self._built.variables)
        y = scores(self._built.network, *layers[-1])
        return loss, tf.math.count_nonzero(tf.argmax(y, 1) == tf.gather(self._labels, rows))

    def _masked(self, gradients: list[Tensor]) -> list[Tensor]:
        if self.masks is None:
            return gradients
        masks = self._built.held(self.masks)
        pairs = zip(gradients, self._built.names(), strict=True)
        return [g * masks[key].astype(g.dtype.as_numpy_dtype) if key in masks else g for g, (key, _) in pairs]


def _rule(optimizer: fmt.Optimizer, dtype: str) -> Any:
    """Keras makes its learning rate of the one dtype that is set for all."""
    before = keras.config.floatx()
    keras.config.set_floatx(dtype)
    try:
        if optimizer.placement == "torch":
            return _AdamOfTorch(optimizer.learning_rate, optimizer.beta1, optimizer.beta2, optimizer.epsilon)
        return rule_of(optimizer)
    finally:
        keras.config.set_floatx(before)


class _AdamOfTorch(keras.optimizers.Adam):  # type: ignore[misc] # Keras has no types
    """ε beside the corrected root: √v + ε√(1-β₂ᵗ), over √(1-β₂ᵗ)."""

    def update_step(self, gradient: Tensor, variable: Tensor, learning_rate: Tensor) -> None:
        """One update of one variable."""
        plain: float = self.epsilon  # type: ignore[has-type]
        step = tf.cast(self.iterations + 1, variable.dtype)
        self.epsilon = plain * tf.sqrt(1 - tf.pow(tf.cast(self.beta_2, variable.dtype), step))
        super().update_step(gradient, variable, learning_rate)
        self.epsilon = plain
