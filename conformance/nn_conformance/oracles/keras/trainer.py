"""Replays in Keras on TensorFlow: a described network; an epoch is one compiled loop over row numbers."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import describe_network, describe_optimizer
from nn_conformance.oracles.formulas import of_softmax
from nn_conformance.oracles.keras.described import Built, Tensor, Training, rule_of
from nn_conformance.oracles.trainer import Epoch, accuracy, labels, targets
from nn_reference.arithmetic import Array, Params
from nn_reference.optimizers import State
from nn_reference.pruning import Masks
from nn_reference.systems import Data, System
from nn_reference.training import Batch


class Trainer:
    """As `oracles.trainer.Trainer` says."""

    def __init__(self, system: System, data: Data, params: Params) -> None:
        with contextlib.suppress(RuntimeError):  # TensorFlow has started already, and keeps the threads that it has
            tf.config.threading.set_intra_op_parallelism_threads(1)
            tf.config.threading.set_inter_op_parallelism_threads(1)
        dtype, t = next(iter(params.values())).dtype.name, targets(system, data, params)
        optimizer = describe_optimizer(system.recipe.optimizer)
        self._built = Built(describe_network(system.network), dtype, t.dtype.name, as_written=True)
        self._training = Training(self._built, optimizer, _rule(optimizer, dtype))
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

    def evaluate(self, x: Array, t: Array) -> tuple[float, float]:
        """Loss and accuracy over all rows at once."""
        layers, loss = self._built.forward(*self._built.batch(x, t))
        return float(loss), accuracy(self._scores(layers[-1]).numpy(), t)

    def gradients(self) -> tuple[float, Params]:
        """Loss and gradients of all training samples."""
        _, loss, gradients = self._built.backward(self._x, self._t)
        return float(loss), self._built.described([g.numpy() for g in gradients])

    def outputs(self, x: Array) -> Array:
        """The last layer's activation; its logits where the loss takes them."""
        return np.asarray(self._scores(self._built.outputs(tf.constant(x))[-1]).numpy())

    def params(self) -> Params:
        """A copy of the parameters."""
        # `numpy` may show TensorFlow's own memory.
        return self._built.described([variable.numpy().copy() for variable in self._built.variables])

    def state(self) -> State:
        """A copy of the optimiser's state."""
        return self._training.state()

    def restore(self, params: Params, state: State) -> None:
        """Copies both."""
        self._built.load(params)
        self._training.restore(state)

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
        self._training.rule.apply(self._masked(gradients), self._built.variables)
        y = self._scores(layers[-1])
        return loss, tf.math.count_nonzero(tf.argmax(y, 1) == tf.gather(self._labels, rows))

    def _masked(self, gradients: list[Tensor]) -> list[Tensor]:
        if self.masks is None:
            return gradients
        masks = self._built.held(self.masks)
        pairs = zip(gradients, self._built.names(), strict=True)
        return [g * masks[key].astype(g.dtype.as_numpy_dtype) if key in masks else g for g, (key, _) in pairs]

    def _scores(self, output: tuple[Tensor, Tensor]) -> Tensor:
        z, a = output
        return z if of_softmax(self._built.network) else a


def _rule(optimizer: fmt.Optimizer, dtype: str) -> Any:
    """Keras makes its learning rate of the one dtype that is set for all."""
    with _floats(dtype):
        if optimizer.placement == "torch":
            return _AdamOfTorch(optimizer.learning_rate, optimizer.beta1, optimizer.beta2, optimizer.epsilon)
        return rule_of(optimizer)


@contextlib.contextmanager
def _floats(dtype: str) -> Iterator[None]:
    before = keras.config.floatx()
    keras.config.set_floatx(dtype)
    try:
        yield
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
