"""A described network in Keras 3 on TensorFlow: its layers, activations and losses, its optimiser, and `GradientTape`.

Keras holds W as (inputs, units), and an output without its axis it does not have: parameters are transposed or reshaped
on their way in and out. Where a document's backward rule is not the derivative of its function, the tape differentiates
a function that has that rule. The quotient rule of a sigmoid is its derivative, and so is TensorFlow's own.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf

from nn_conformance.cases import format as fmt
from nn_conformance.judge.target import Unsupported
from nn_conformance.oracles.formulas import of_softmax, penalty_terms
from nn_reference.arithmetic import Array, Params
from nn_reference.errors import InputError
from nn_reference.network import LayerOutput
from nn_reference.optimizers import State

MOMENTS = {"adam": ("m", "v"), "sgd": ("v",), "rmsprop": ("v",), "adagrad": ("v",)}
# Ours to Keras's, where the names or the arguments differ.
ACTIVATIONS: dict[str, Any] = {
    "identity": lambda z, _: keras.activations.linear(z),
    "leaky_relu": lambda z, alpha: keras.activations.leaky_relu(z, negative_slope=alpha),
    "elu": lambda z, alpha: keras.activations.elu(z, alpha=alpha),
    "gelu": lambda z, _: keras.activations.gelu(z, approximate=True),
}

Tensor: TypeAlias = Any


class Built:
    """A described network in Keras's layers.

    Args:
        network: the description.
        dtype: of parameters and arithmetic.
        targets: the dtype of targets, where a document's are wider and promote the loss; `dtype` by default.
        as_written: a sigmoid of the quotient rule overflows where the document's does.

    Raises:
        InputError: Keras was told to use another backend.
        Unsupported: a clip that is not Keras's.
    """

    def __init__(
        self, network: fmt.Network, dtype: str, targets: str | None = None, *, as_written: bool = False
    ) -> None:
        if (backend := keras.backend.backend()) != "tensorflow":
            raise InputError(f"KERAS_BACKEND: expected tensorflow, got {backend}; unset the variable")
        self.network, self.dtype, self.loss = network, dtype, loss_of(network, targets or dtype)
        self.as_written = as_written
        self.layers = [
            keras.layers.Dense(layer.units, use_bias=layer.bias, kernel_initializer="zeros", dtype=dtype)
            for layer in network.layers
        ]
        inputs = network.inputs
        for layer in self.layers:
            layer.build((None, inputs))
            inputs = layer.units
        self.variables = [variable for layer in self.layers for variable in layer.weights]

    @cached_property
    def traced(self) -> Any:
        """`forward` as a graph."""
        return self.trace(self.forward)

    def trace(self, function: Any, *more: tf.TensorSpec) -> Any:
        """A function of x and t, and more, for batches of any size."""
        widths = self.network.inputs, self.network.layers[-1].units
        batch = [tf.TensorSpec((None, width), self.dtype) for width in widths]
        return tf.function(function, autograph=False).get_concrete_function(*batch, *more)

    def names(self) -> Iterator[tuple[str, fmt.Layer]]:
        """Each variable's name and layer."""
        for k, layer in enumerate(self.network.layers, 1):
            yield f"W{k}", layer
            if layer.bias:
                yield f"b{k}", layer

    def load(self, params: Params) -> None:
        """The parameters as the description has them become Keras's."""
        for variable, array in zip(self.variables, self.held(params).values(), strict=True):
            variable.assign(array)

    def held(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Arrays of parameters as Keras holds these, in the order of the variables."""
        return {key: _held(layer, arrays[key]) for key, layer in self.names() if key in arrays}

    def arrays(self, tensors: Sequence[Any]) -> Params:
        """The variables, or what Keras has for each of them, as the description has it."""
        # Copies: `numpy` may show TensorFlow's own memory.
        named = zip(self.names(), tensors, strict=True)
        return {key: _described(layer, tensor.numpy().copy()) for (key, layer), tensor in named}

    def shown(self, layers: Sequence[tuple[Tensor, Tensor]]) -> list[LayerOutput]:
        """z and a of every layer, without the axis of a vector layer."""
        arrays = [(z.numpy(), a.numpy()) for z, a in layers]
        if self.network.layers[-1].vector:
            arrays[-1] = arrays[-1][0][:, 0], arrays[-1][1][:, 0]
        return [LayerOutput(z, a) for z, a in arrays]

    def batch(self, x: Array, t: Array) -> tuple[Tensor, Tensor]:
        """Inputs, and targets of two axes."""
        return tf.constant(x), tf.constant(t[:, None] if self.network.layers[-1].vector else t)

    def outputs(self, x: Tensor) -> list[tuple[Tensor, Tensor]]:
        """z and a of every layer."""
        layers, a = [], x
        with warnings.catch_warnings():
            # Keras advises against what documents have, such as a softmax of one entry.
            warnings.simplefilter("ignore")
            for dense, layer in zip(self.layers, self.network.layers, strict=True):
                z = dense(a)
                below, a = a, activate(layer.activation, z, as_written=self.as_written)
                a = a + below if layer.skip else a
                layers.append((z, a))
        return layers

    def forward(self, x: Tensor, t: Tensor) -> tuple[list[tuple[Tensor, Tensor]], Tensor]:
        """z and a of every layer, and the loss."""
        layers = self.outputs(x)
        loss = self.loss(t, layers[-1][1])
        if self.network.penalty is None:
            return layers, loss
        params = {key: variable.value for (key, _), variable in zip(self.names(), self.variables, strict=True)}
        terms = penalty_terms(self.network.penalty, params, tf.cast(tf.shape(x)[0], self.dtype))
        return layers, loss + tf.add_n([tf.reduce_sum(each) for each in terms.values()])

    def backward(
        self, x: Tensor, t: Tensor, *, of_x: bool = False
    ) -> tuple[list[tuple[Tensor, Tensor]], Tensor, list[Tensor]]:
        """The same, and the gradient of every variable, with `of_x` of x too; zeros where the tape has None."""
        with tf.GradientTape() as tape:
            tape.watch([x] if of_x else [])
            layers, loss = self.forward(x, t)
        variables = [*(variable.value for variable in self.variables), *([x] if of_x else [])]
        return layers, loss, tape.gradient(loss, variables, unconnected_gradients="zero")


class Updater:
    """A built network with an optimiser of Keras: `rule`, as `optimizer` describes it."""

    def __init__(self, built: Built, optimizer: fmt.Optimizer, rule: Any) -> None:
        self.built, self.optimizer, self.rule = built, optimizer, rule
        self.rule.build(built.variables)

    @cached_property
    def traced(self) -> Any:
        """`update` as a graph."""
        return self.built.trace(self.update, tf.TensorSpec((None,), tf.int32))

    def state(self) -> State:
        """A copy of the optimiser's state."""
        moments: dict[str, Params] = {}
        for moment, key, layer, variable, scale in self._moments():
            moments.setdefault(moment, {})[key] = _described(layer, variable.numpy().copy()) / scale
        return State(int(self.rule.iterations), moments)

    def restore(self, state: State) -> None:
        """The optimiser as it is after `state.step` steps that left these moments; zeros if there are none."""
        self.rule.iterations.assign(state.step)
        for moment, key, layer, variable, scale in self._moments():
            value = _held(layer, state.moments[moment][key]) if state.moments else np.zeros(variable.shape)
            variable.assign(scale * value)

    def update(self, x: Tensor, t: Tensor, rows: Tensor) -> Tensor:
        """The loss of these rows, and then an update."""
        _, loss, gradients = self.built.backward(tf.gather(x, rows), tf.gather(t, rows))
        self.rule.apply(gradients, self.built.variables)
        return loss

    def _moments(self) -> Iterator[tuple[str, str, fmt.Layer, Any, float]]:
        """Each moment's name, its parameter's name and layer, its variable, and how much of the moment that holds."""
        # With momentum, what Keras keeps has the learning rate in it, and the other sign.
        scale = 1.0
        if self.optimizer.kind == "sgd":
            scale = -1.0 if self.optimizer.dialect == "rate" else -float(self.rule.learning_rate)
        # After the step count and the learning rate come the moments, parameter by parameter.
        variables = iter(self.rule.variables[2:])
        for key, layer in self.built.names() if len(self.rule.variables) > 2 else ():
            for moment in MOMENTS[self.optimizer.kind]:
                yield moment, key, layer, next(variables), scale


def _held(layer: fmt.Layer, p: Array) -> Array:
    """A parameter, or a moment of it, as Keras holds it: W is (inputs, units), b is (units,)."""
    if layer.vector:
        return p[..., None]
    return p.T if layer.layout == "out,in" else p


def _described(layer: fmt.Layer, p: Array) -> Array:
    """The inverse of `_held`."""
    if layer.vector:
        return p[..., 0]
    return p.T if layer.layout == "out,in" else p


def activate(activation: fmt.Activation, z: Tensor, *, as_written: bool = False) -> Tensor:
    """A layer's a of its z; `as_written` as `Built` has it."""
    if as_written and activation.backward == "quotient":
        return 1 / (1 + tf.exp(-z))
    if z.dtype == "float64" and activation.kind == "gelu":
        raise Unsupported("TensorFlow rounds the constant 0.044715 of gelu to float32, in float64 too")
    if (
        z.dtype == "float64"
        and activation.kind == "leaky_relu"
        and activation.alpha != float(np.float32(activation.alpha))
    ):
        raise Unsupported(f"TensorFlow rounds the slope {activation.alpha} of leaky_relu to float32, in float64 too")
    if activation.kind in ACTIVATIONS:
        return ACTIVATIONS[activation.kind](z, activation.alpha)
    if activation.kind != "softmax":
        return keras.activations.get(activation.kind)(z)
    axis = 0 if activation.axis == "batch" else 1
    return _diagonal_softmax(z, axis) if activation.backward == "diagonal" else keras.activations.softmax(z, axis)


def _diagonal_softmax(z: Tensor, axis: int) -> Tensor:
    """Softmax as sigmoid(z_k - log Σ_{j≠k} e^{z_j}), the sum held fixed: its derivative is p_k(1-p_k) alone."""
    if axis == 0:
        return tf.transpose(_diagonal_softmax(tf.transpose(z), 1))
    others = tf.linalg.set_diag(tf.repeat(z[:, None], tf.shape(z)[1], 1), tf.fill(tf.shape(z), z.dtype.min))
    return keras.activations.sigmoid(z - tf.stop_gradient(keras.ops.logsumexp(others, 2)))


def loss_of(network: fmt.Network, dtype: str) -> Any:
    """The loss as a function of targets and outputs. Keras computes one in float32 unless it is told otherwise."""
    loss, last = network.loss, network.layers[-1]
    # Keras takes a sum over the batch or a mean, and of the outputs of a sample what the loss itself has.
    reduction = "sum" if loss.reduction == "sum" else "sum_over_batch_size"
    half = 0.5 if loss.half else 1.0
    # A mean over outputs in any case, or a sum in any case, becomes the other.
    mean_to_ours = half * (1 if loss.reduction == "elements" else last.units)
    sum_to_ours = half / (last.units if loss.reduction == "elements" else 1)
    match loss.kind:
        case "squared_error":
            mean = keras.losses.MeanSquaredError(reduction, dtype=dtype)
            return lambda t, a: mean(t, a) * mean_to_ours
        case "linear":
            return lambda t, a: _over_count(tf.reduce_sum(t * a), t, loss.reduction, dtype) * half
        case "cross_entropy":
            entropy = keras.losses.CategoricalCrossentropy(loss.from_logits, reduction=reduction, dtype=dtype)
            if loss.from_logits:
                return lambda t, a: entropy(*_distributions(t, _plain(a))) * sum_to_ours
            if of_softmax(network):  # from the logits, which Keras remembers
                return lambda t, a: entropy(*_distributions(t, a)) * sum_to_ours
            # Keras would divide these probabilities by their sum, and clip them.
            return lambda t, a: -_over_count(tf.reduce_sum(tf.math.xlogy(t, a)), t, loss.reduction, dtype) * half
        case "binary_cross_entropy":
            if not loss.from_logits and loss.clip != keras.config.epsilon():
                raise Unsupported(f"Keras clips probabilities at {keras.config.epsilon()}, not at {loss.clip}")
            binary = keras.losses.BinaryCrossentropy(loss.from_logits, reduction=reduction, dtype=dtype)
            return lambda t, a: binary(t, _plain(a)) * mean_to_ours


def _over_count(total: Tensor, t: Tensor, reduction: str, dtype: str) -> Tensor:
    count = {"sum": 1, "samples": tf.shape(t)[0], "elements": tf.size(t)}[reduction]
    return total / tf.cast(count, dtype)


def _distributions(t: Tensor, a: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Targets that sum to 1, the outputs, and what the targets did sum to, as weights of the samples.

    TensorFlow's gradient of a cross-entropy takes targets to sum to 1, and says p - t of any others.
    """
    weights = tf.reduce_sum(t, 1)
    return tf.math.divide_no_nan(t, weights[:, None]), a, weights


def _plain(a: Tensor) -> Tensor:
    """Outputs without the memory of the logits that they were made from.

    Keras would go back to these: it would leave out a softmax before a loss from logits, take the logits of a softmax
    for those of sigmoids, and never clip what a sigmoid made (`keras/src/backend/tensorflow/nn.py`, `_get_logits`).
    """
    return tf.identity(a)


def rule_of(described: fmt.Optimizer) -> Any:
    """The optimiser of a description."""
    rate = float(described.learning_rate)
    if described.kind != "sgd" and described.placement != "keras":
        raise Unsupported(
            f"keras.optimizers has the ε of {described.kind} beside the plain root, or inside it, not where PyTorch has it"
        )
    match described.kind:
        case "sgd":
            if described.momentum and described.dialect == "averaged":
                raise Unsupported("keras.optimizers.SGD has no averaged velocity")
            nesterov = bool(described.momentum) and described.dialect == "nesterov"
            return keras.optimizers.SGD(rate, float(described.momentum), nesterov=nesterov)
        case "adam":
            return keras.optimizers.Adam(rate, described.beta1, described.beta2, described.epsilon)
        case "rmsprop":
            return keras.optimizers.RMSprop(rate, described.beta2, epsilon=described.epsilon)
        case "adagrad":
            return keras.optimizers.Adagrad(rate, initial_accumulator_value=0.0, epsilon=described.epsilon)
