"""Replays in Keras on TensorFlow: its layers, losses and optimisers; an epoch is one compiled loop over row numbers.

Keras holds W as (inputs, units), and an output without its axis it does not have: arrays are transposed or reshaped on
their way in and out. Where a document's backward rule is not the derivative of its function, the tape differentiates a
function that has that rule.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np

from nn_conformance.replay.trainers import Epoch, accuracy, labels, targets
from nn_reference.arithmetic import Array, Params
from nn_reference.errors import InputError
from nn_reference.losses import BinaryCrossEntropy, CrossEntropy, SquaredError
from nn_reference.network import Dense, Network
from nn_reference.optimizers import Adam, Optimizer, State
from nn_reference.pruning import Masks
from nn_reference.systems import Data, System
from nn_reference.training import Batch

# Both packages read these while they are imported, and never again.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf

if keras.backend.backend() != "tensorflow":
    raise InputError(f"KERAS_BACKEND: expected tensorflow, got {keras.backend.backend()}; unset the variable")

Tensor: TypeAlias = Any


class Trainer:
    """As `trainers.Trainer` says."""

    def __init__(self, system: System, data: Data, params: Params) -> None:
        with contextlib.suppress(RuntimeError):  # TensorFlow has started already, and keeps the threads that it has
            tf.config.threading.set_intra_op_parallelism_threads(1)
            tf.config.threading.set_inter_op_parallelism_threads(1)
        self.system, self.network = system, system.network
        t = targets(system, data, params)
        self._x, self._t = tf.constant(data.train_x), tf.constant(self._columns(t))
        self._labels = tf.constant(labels(data.train_t), tf.int64)
        dtype = next(iter(params.values())).dtype.name
        self._model = list(_layers(self.network, dtype))
        self._variables = [variable for layer in self._model for variable in layer.weights]
        with _floats(dtype):
            self._rule = _optimizer(system.recipe.optimizer)
        self._rule.build(self._variables)
        self._loss, self._losses_dtype = _loss(self.network, t.dtype.name), t.dtype.name
        self._layers = dict(zip(self.network.shapes, _owners(self.network), strict=True))
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
        y = self._forward(tf.constant(x))
        return float(self._loss(self._columns(t), y)), accuracy(y.numpy(), t)

    def gradients(self) -> tuple[float, Params]:
        """Loss and gradients of all training samples."""
        with tf.GradientTape() as tape:
            loss = self._loss(self._t, self._forward(self._x))
        return float(loss), self._described(tape.gradient(loss, self._variables))

    def outputs(self, x: Array) -> Array:
        """The last layer's activation; its logits where the loss takes them."""
        return self._forward(tf.constant(x)).numpy()

    def params(self) -> Params:
        """A copy of the parameters."""
        return self._described(self._variables)

    def state(self) -> State:
        """A copy of the optimiser's state."""
        held = self._moments()
        return State(int(self._rule.iterations), {m: self._described(variables) for m, variables in held.items()})

    def restore(self, params: Params, state: State) -> None:
        """Copies both."""
        self._rule.iterations.assign(state.step)
        moments = {m: variables for m, variables in self._moments().items() if state.moments}
        for arrays, variables in ((params, self._variables), *((state.moments[m], moments[m]) for m in moments)):
            for (name, layer), variable in zip(self._layers.items(), variables, strict=True):
                variable.assign(_held(layer, arrays[name]))

    def _forward(self, x: Tensor) -> Tensor:
        for layer in self._model:
            x = layer(x)
        return x

    def _epoch(self, order: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
        """Losses, and how many samples were classified rightly, over batches of `size` rows in `order`."""
        steps = -(-tf.size(order) // size)
        losses = tf.TensorArray(self._losses_dtype, steps)
        correct = tf.TensorArray(tf.int64, steps)
        for step in tf.range(steps):
            rows = order[step * size : (step + 1) * size]
            with tf.GradientTape() as tape:
                y = self._forward(tf.gather(self._x, rows))
                loss = self._loss(tf.gather(self._t, rows), y)
            self._rule.apply(self._masked(tape.gradient(loss, self._variables)), self._variables)
            losses = losses.write(step, loss)
            correct = correct.write(step, tf.math.count_nonzero(tf.argmax(y, 1) == tf.gather(self._labels, rows)))
        return losses.stack(), correct.stack()

    def _masked(self, gradients: list[Tensor]) -> list[Tensor]:
        masks = self.masks or {}
        return [
            g * _held(layer, masks[name]).astype(g.dtype.as_numpy_dtype) if name in masks else g
            for g, (name, layer) in zip(gradients, self._layers.items(), strict=True)
        ]

    def _moments(self) -> dict[str, list[Any]]:
        # After the step count and the learning rate come the moments, parameter by parameter.
        held = self._rule.variables[2:]
        return {"m": held[::2], "v": held[1::2]} if held else {}

    def _described(self, held: Any) -> Params:
        """What Keras holds for each parameter, as the document has it; copied, since `numpy` may show its own memory."""
        pairs = zip(self._layers.items(), held, strict=True)
        return {name: _described(layer, p.numpy().copy()) for (name, layer), p in pairs}

    def _columns(self, t: Array) -> Array:
        return t[:, None] if self.network.layers[-1].vector else t


@contextlib.contextmanager
def _floats(dtype: str) -> Iterator[None]:
    """Keras makes its learning rate of the one dtype that is set for all."""
    before = keras.config.floatx()
    keras.config.set_floatx(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx(before)


def _layers(network: Network, dtype: str) -> Iterator[Any]:
    """Built layers. No model around them: it would cast to a dtype of its own."""
    for k, (layer, fan_in) in enumerate(zip(network.layers, network.widths, strict=False), 1):
        fused = network.loss_takes_logits_of_softmax and k == len(network.layers)
        rule = "linear" if fused else _activation(layer)
        dense = keras.layers.Dense(layer.units, rule, use_bias=layer.bias, dtype=dtype)
        dense.build((None, fan_in))
        yield dense


def _activation(layer: Dense) -> str | Callable[[Tensor], Tensor]:
    activation = layer.activation
    if activation.name == "softmax":
        # Not Keras's own, which remembers its logits: a loss from logits would then leave the softmax out.
        axis = -1 if activation.axis is None else activation.axis
        if activation.derivative == "diagonal":
            return lambda z: _diagonal_softmax(z, axis)
        return lambda z: tf.nn.softmax(z, axis)
    if activation.derivative == "quotient":
        return lambda z: 1 / (1 + tf.exp(-z))
    return "linear" if activation.name == "identity" else activation.name


def _diagonal_softmax(z: Tensor, axis: int) -> Tensor:
    """e_k/(e_k + Σ_{j≠k} e_j), the sum held fixed: its derivative is p_k(1-p_k) alone."""
    e = tf.exp(z - tf.stop_gradient(tf.reduce_max(z, axis, keepdims=True)))
    return e / (e + tf.stop_gradient(tf.reduce_sum(e, axis, keepdims=True) - e))


def _loss(network: Network, dtype: str) -> Callable[[Tensor, Tensor], Tensor]:
    """Of targets and outputs, in the targets' dtype: one that is wider promotes the loss."""
    match network.loss:
        case SquaredError(reduction=reduction, half=half):
            mean = keras.losses.MeanSquaredError("sum" if reduction == "sum" else "sum_over_batch_size", dtype=dtype)
            # Keras takes the mean over the outputs of a sample in any case.
            factor = (1 if reduction == "elements" else network.layers[-1].units) * (0.5 if half else 1)
            return lambda t, y: factor * mean(t, y)
        case CrossEntropy():
            return keras.losses.CategoricalCrossentropy(from_logits=True, dtype=dtype)
        case BinaryCrossEntropy(from_logits=from_logits):
            return keras.losses.BinaryCrossentropy(from_logits, dtype=dtype)
    raise TypeError(f"expected a loss of the documents, got {network.loss.name}")


def _optimizer(rule: Optimizer) -> Any:
    if isinstance(rule, Adam):
        kind = keras.optimizers.Adam if rule.placement == "keras" else _AdamOfTorch
        return kind(rule.learning_rate, rule.beta1, rule.beta2, rule.epsilon)
    return keras.optimizers.SGD(rule.learning_rate)


class _AdamOfTorch(keras.optimizers.Adam):  # type: ignore[misc] # Keras has no types
    """ε beside the corrected root: √v + ε√(1-β₂ᵗ), over √(1-β₂ᵗ)."""

    def update_step(self, gradient: Tensor, variable: Tensor, learning_rate: Tensor) -> None:
        """One update of one variable."""
        plain: float = self.epsilon  # type: ignore[has-type]
        step = tf.cast(self.iterations + 1, variable.dtype)
        self.epsilon = plain * tf.sqrt(1 - tf.pow(tf.cast(self.beta_2, variable.dtype), step))
        super().update_step(gradient, variable, learning_rate)
        self.epsilon = plain


def _owners(network: Network) -> Iterator[Dense]:
    """The layer of each parameter, in the order of `network.shapes`."""
    for layer, (_, bias) in zip(network.layers, network.names, strict=True):
        yield layer
        if bias is not None:
            yield layer


def _held(layer: Dense, p: Array) -> Array:
    """A parameter, or a moment of it, as Keras holds it: W is (inputs, units), b is (units,)."""
    if layer.vector:
        return p[..., None]
    return p.T if layer.layout == "out,in" else p


def _described(layer: Dense, p: Array) -> Array:
    """The inverse of `_held`."""
    if layer.vector:
        return p[..., 0]
    return np.ascontiguousarray(p.T) if layer.layout == "out,in" else p
