"""A network as a short declaration, and the two passes through it.

Legend: N samples, D inputs, H hidden units, C outputs. Parameters are a dict: ``W1``, ``b1`` for the first layer
and so on, in the document's own layout. dW is always the gradient of the loss with respect to W.
Left out on purpose: anything but a chain of dense layers, each with a skip connection or not, and any state.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any, Literal, NamedTuple

import numpy as np

from nn_reference.activations import IDENTITY, Activation
from nn_reference.arithmetic import Array, Params
from nn_reference.errors import InputError
from nn_reference.losses import L2, CrossEntropy, Loss, count
from nn_reference.validation import check_batch, check_choice, check_count, check_flag, check_inputs, shown


def product(left: Array, right: Array) -> Array:
    """left @ right, without NumPy's warning "invalid value encountered in matmul".

    OpenBLAS raises that flag now and then for finite numbers and a finite result, by what lies beside the arrays in
    memory. Where a number is invalid, the result has NaN and shows it.
    """
    with np.errstate(invalid="ignore"):
        return left @ right


@dataclass(frozen=True)
class Dense:
    """z = a W + b, then an activation.

    Attributes:
        units: number of outputs.
        activation: applied to z.
        bias: whether there is a b.
        layout: ``in,out``: W is (inputs, units); ``out,in``: W is (units, inputs) and z = a Wᵀ + b.
        vector: the single unit is held without its axis: W is (inputs,), b is (), z is (N,) (document 002).
        skip: the layer's input is added to the activation: a = φ(z) + input, of as many units.
    """

    units: int
    activation: Activation = IDENTITY
    bias: bool = True
    layout: Literal["in,out", "out,in"] = "in,out"
    vector: bool = False
    skip: bool = False

    def __post_init__(self) -> None:
        check_count("units", self.units, least=1)
        if not isinstance(self.activation, Activation):
            raise InputError(
                f"activation: expected an Activation, as nn_reference.activations has them, got {shown(self.activation)}"
            )
        check_choice("layout", self.layout, ("in,out", "out,in"))
        for name in ("bias", "vector", "skip"):
            check_flag(name, getattr(self, name))
        if self.vector and self.units != 1:
            raise InputError(f"units: expected 1 in a vector layer, got {self.units}")
        if self.vector and not self.activation.elementwise:
            raise InputError(
                f"activation: expected an elementwise one in a vector layer, which has no axis of units, "
                f"got {self.activation.name}"
            )

    def forward(self, a: Array, weights: Array, bias: Array | None) -> Array:
        """z of shape (..., N, units), or (..., N) for a vector layer."""
        z = product(a, weights.T if self.layout == "out,in" else weights)
        if bias is not None:
            z += bias
        return z

    def weight_gradient(self, a: Array, dz: Array) -> Array:
        """dW, in W's layout, from the layer's input a (N, inputs) and dz (N, units) or (N,)."""
        left, right = (dz, a) if self.layout == "out,in" and not self.vector else (a, dz)
        if len(a) == 1 and not self.vector:
            # An outer product. As a matrix product with one inner index it takes BLAS three times as long.
            return left.T * right
        return product(left.T, right)

    def input_gradient(self, dz: Array, weights: Array) -> Array:
        """da for the layer's input, (N, inputs)."""
        if self.vector:
            return dz[:, None] * weights
        return product(dz, weights if self.layout == "out,in" else weights.T)


@dataclass(frozen=True)
class Network:
    """A chain of dense layers and a loss."""

    inputs: int  # D
    layers: tuple[Dense, ...]  # from the first hidden layer to the output
    loss: Loss  # of the last layer's activation
    penalty: L2 | None = None  # added to the loss

    def __post_init__(self) -> None:
        check_count("inputs", self.inputs, least=1)
        if not isinstance(self.layers, tuple) or not all(isinstance(layer, Dense) for layer in self.layers):
            raise InputError(f"layers: expected a tuple of Dense layers, got {shown(self.layers)}")
        if not self.layers:
            raise InputError("layers: expected at least one layer, got none")
        for k, (layer, width) in enumerate(zip(self.layers, self.widths, strict=False)):
            last = k + 1 == len(self.layers)
            if layer.vector and not last:
                raise InputError(f"layers[{k}]: expected a vector layer only as the last of {len(self.layers)}")
            if layer.skip and (last or layer.units != width):
                raise InputError(
                    f"layers[{k}]: expected skip only in a layer with as many units as inputs that is not the last, "
                    f"got {layer.units} units on {width} inputs in layer {k + 1} of {len(self.layers)}"
                )
        if isinstance(self.loss, type) or not (hasattr(self.loss, "value") and hasattr(self.loss, "gradient")):
            raise InputError(f"loss: expected a Loss, as nn_reference.losses has them, got {shown(self.loss)}")
        if self.penalty is not None and not isinstance(self.penalty, L2):
            raise InputError(f"penalty: expected an L2 penalty or None, got {shown(self.penalty)}")
        if self.layers[-1].vector and isinstance(self.loss, CrossEntropy):
            raise InputError(
                "loss: expected one that needs no classes, as the last layer is a vector, got CrossEntropy"
            )

    @cached_property
    def names(self) -> tuple[tuple[str, str | None], ...]:
        """(weights, bias or None) for each layer: (("W1", "b1"), ...)."""
        return tuple((f"W{k}", f"b{k}" if layer.bias else None) for k, layer in enumerate(self.layers, 1))

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each parameter, in the order in which the layers stand."""
        shapes: dict[str, tuple[int, ...]] = {}
        for layer, inputs, (weights, bias) in zip(self.layers, self.widths[:-1], self.names, strict=True):
            matrix = (layer.units, inputs) if layer.layout == "out,in" else (inputs, layer.units)
            shapes[weights] = (inputs,) if layer.vector else matrix
            if bias is not None:
                shapes[bias] = () if layer.vector else (layer.units,)
        return shapes

    @property
    def widths(self) -> tuple[int, ...]:
        """(D, H, ..., C)."""
        return (self.inputs, *(layer.units for layer in self.layers))

    @property
    def size(self) -> int:
        """Number of trainable parameters."""
        return sum(prod(shape) for shape in self.shapes.values())

    @cached_property
    def loss_of_logits(self) -> CrossEntropy | None:
        """Softmax over the outputs and then cross-entropy: computed together, from z, where neither can overflow."""
        last, loss = self.layers[-1].activation, self.loss
        if not isinstance(loss, CrossEntropy) or loss.from_logits:
            return None
        softmax = last.name == "softmax" and last.axis == -1 and last.derivative == "exact"
        return replace(loss, from_logits=True) if softmax else None

    @property
    def loss_takes_logits_of_softmax(self) -> bool:
        """Whether there is a `loss_of_logits`."""
        return self.loss_of_logits is not None


class LayerOutput(NamedTuple):
    """What a layer computed: pre-activation z and activation a, both (N, units), or (N,) for a vector layer."""

    z: Array
    a: Array


def forward(network: Network, params: Params, x: Array) -> list[LayerOutput]:
    """Every layer's z and a, from parameters of `network.shapes` and x (N, D). Raises as `loss_and_gradients` does."""
    check_inputs(network, params, x)
    return outputs_from(network, params, x)


def predict(network: Network, params: Params, x: Array) -> Array:
    """The last layer's activation, (N, C) or (N,). Raises as `loss_and_gradients` does."""
    return forward(network, params, x)[-1].a


def loss_and_gradients(network: Network, params: Params, x: Array, t: Array) -> tuple[Any, Params]:
    """The loss of a batch, and its gradient for every parameter by backpropagation.

    Args:
        network: the declaration.
        params: arrays of `network.shapes`.
        x: (N, D).
        t: targets, (N, C), or (N,) where the last layer is a vector layer.

    Returns:
        The loss, a scalar of the parameters' arithmetic, and a dict of gradients of the parameters' shapes.

    Raises:
        InputError: a shape, dtype or value that does not fit, by name.
    """
    check_batch(network, params, x, t)
    return backpropagate(network, params, x, t)


def backpropagate(network: Network, params: Params, x: Array, t: Array, *, of_x: bool = False) -> tuple[Any, Params]:
    """`loss_and_gradients` for callers that have checked their arrays already (a training loop does so once).

    With `of_x`, dL/dx stands among the gradients too, as ``x``, last.

    Targets may be wider than the parameters: the loss is then promoted, as PyTorch promotes it (documents 001 and 004),
    and what goes back through the layers is cast to the parameters' dtype again.
    """
    outputs = outputs_from(network, params, x)
    dz = da = _loss_gradient(network, outputs[-1], t)  # da: of the output of the layer at hand, once it is not the last
    gradients: Params = {}
    for k in reversed(range(len(network.layers))):
        layer, (weights, bias) = network.layers[k], network.names[k]
        below = outputs[k - 1].a if k else x
        if bias is not None:
            gradients[bias] = np.asarray(np.add.reduce(dz, axis=0))
        gradients[weights] = layer.weight_gradient(below, dz)
        if k or of_x:
            da_below = layer.input_gradient(dz, params[weights])
            da = da_below + da if layer.skip else da_below
        if k:
            z, a = outputs[k - 1]
            lower = network.layers[k - 1]
            # With a skip connection, the rule needs φ(z) without what was added.
            dz = lower.activation.backward(z, lower.activation.forward(z) if lower.skip else a, da)
    if network.penalty is not None:
        for name in filter(network.penalty.takes, gradients):
            more = network.penalty.gradient(params[name], len(x))
            gradients[name] = np.asarray(gradients[name] + more)
    ordered = {name: gradients[name] for name in network.shapes} | ({"x": da} if of_x else {})
    return _loss(network, outputs[-1], t) + _penalty(network, params, len(x)), ordered


def loss_and_outputs(network: Network, params: Params, x: Array, t: Array) -> tuple[Any, Array]:
    """The loss and the last layer's activation, without a backward pass. Raises as `loss_and_gradients` does."""
    check_batch(network, params, x, t)
    output = outputs_from(network, params, x)[-1]
    return _loss(network, output, t) + _penalty(network, params, len(x)), output.a


def loss_of_preactivation(network: Network, z: Array, t: Array) -> Any:
    """The loss without its penalty as a function of the last layer's z, (..., N, C) or (..., N)."""
    return _loss(network, LayerOutput(z, network.layers[-1].activation.forward(z)), t)


def outputs_from(network: Network, params: Params, a: Array, first: int = 0) -> list[LayerOutput]:
    """z and a of the layers from number `first`, counted from 0, on that layer's input; nothing is checked."""
    outputs: list[LayerOutput] = []
    for layer, (weights, bias) in zip(network.layers[first:], network.names[first:], strict=True):
        z = layer.forward(a, params[weights], None if bias is None else params[bias])
        a = layer.activation.forward(z) + a if layer.skip else layer.activation.forward(z)
        outputs.append(LayerOutput(z, a))
    return outputs


def _penalty(network: Network, params: Params, samples: int) -> Any:
    return 0 if network.penalty is None else network.penalty.value(params, samples)


def _loss(network: Network, output: LayerOutput, t: Array) -> Any:
    fused = network.loss_of_logits
    return network.loss.value(output.a, t) if fused is None else fused.value(output.z, t)


def _loss_gradient(network: Network, output: LayerOutput, t: Array) -> Array:
    """dL/dz of the last layer, in its dtype."""
    dtype = output.a.dtype
    fused = network.loss_of_logits
    if fused is not None:
        # The softmax is at hand in output.a: (a·Σt - t) over the count is the whole gradient.
        dz = (output.a * np.sum(t, axis=-1, keepdims=True) - t) / count(fused, t)
        return dz.astype(dtype, copy=False)
    da = network.loss.gradient(output.a, t).astype(dtype, copy=False)
    return network.layers[-1].activation.backward(*output, da)
