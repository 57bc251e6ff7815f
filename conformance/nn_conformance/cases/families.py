"""Which systems share their probes, and the declaration of a network in the format's terms."""

from dataclasses import replace
from typing import Literal

import msgspec

from nn_conformance.cases import format as fmt
from nn_reference.activations import IDENTITY, RELU, SIGMOID, SIGMOID_QUOTIENT, TANH, Activation, Softmax
from nn_reference.errors import InputError
from nn_reference.losses import BinaryCrossEntropy, CrossEntropy, Loss, SquaredError
from nn_reference.network import Dense, Network
from nn_reference.optimizers import SGD, Adam, Optimizer
from nn_reference.systems import SYSTEMS, System

AXES = {None: None, -1: "outputs", -2: "batch"}
ELEMENTWISE = {"identity": IDENTITY, "sigmoid": SIGMOID, "tanh": TANH, "relu": RELU}


def family(system: System) -> System:
    """The first system with the same layers but for their widths, the same loss and kind of optimiser."""
    return next(other for other in SYSTEMS if _kind(other) == _kind(system))


def _kind(system: System) -> tuple[object, ...]:
    layers = tuple(replace(layer, units=1) for layer in system.network.layers)
    return layers, system.network.loss, type(system.recipe.optimizer)


def describe_network(network: Network) -> fmt.Network:
    """The declaration, language-neutral."""
    layers = [
        fmt.Layer(
            units=layer.units,
            activation=_describe_activation(layer.activation),
            bias=layer.bias,
            layout=layer.layout,
            vector=layer.vector,
        )
        for layer in network.layers
    ]
    return fmt.Network(inputs=network.inputs, layers=layers, loss=_describe_loss(network.loss))


def describe_optimizer(optimizer: Optimizer) -> fmt.Optimizer:
    """The optimiser with its dialect."""
    if isinstance(optimizer, Adam):
        return fmt.Optimizer(
            kind="adam",
            learning_rate=optimizer.learning_rate,
            beta1=optimizer.beta1,
            beta2=optimizer.beta2,
            epsilon=optimizer.epsilon,
            placement=optimizer.placement,
        )
    if isinstance(optimizer, SGD):
        return fmt.Optimizer(kind="sgd", learning_rate=optimizer.learning_rate, momentum=optimizer.momentum)
    raise InputError(f"optimizer: expected SGD or Adam, got {type(optimizer).__name__}")


def build_network(described: fmt.Network) -> Network:
    """The reference's network from a description; the inverse of `describe_network`."""
    layers = tuple(
        Dense(layer.units, _build_activation(layer.activation), layer.bias, layer.layout, layer.vector)
        for layer in described.layers
    )
    return Network(described.inputs, layers, _build_loss(described.loss))


def build_optimizer(described: fmt.Optimizer) -> Optimizer:
    """The reference's optimiser from a description; the inverse of `describe_optimizer`."""
    if described.kind == "sgd":
        return SGD(described.learning_rate, described.momentum)
    given = {key: getattr(described, key) for key in ("beta1", "beta2", "epsilon", "placement")}
    if None in given.values():
        raise InputError("optimizer: adam needs beta1, beta2, epsilon and placement")
    return Adam(described.learning_rate, **given)


def _describe_activation(activation: Activation) -> fmt.Activation:
    described = {"kind": activation.name, "axis": AXES[activation.axis], "backward": activation.derivative}
    return msgspec.convert(described, fmt.Activation)


def _build_activation(described: fmt.Activation) -> Activation:
    if described.kind == "softmax":
        rule: Literal["exact", "diagonal"] = "diagonal" if described.backward == "diagonal" else "exact"
        return Softmax(axis=-2 if described.axis == "batch" else -1, derivative=rule)
    return SIGMOID_QUOTIENT if described.backward == "quotient" else ELEMENTWISE[described.kind]


def _describe_loss(loss: Loss) -> fmt.Loss:
    match loss:
        case SquaredError(reduction, half):
            return fmt.Loss(kind="squared_error", reduction=reduction, half=half)
        case CrossEntropy(from_logits):
            return fmt.Loss(kind="cross_entropy", reduction="samples", from_logits=from_logits)
        case BinaryCrossEntropy(from_logits, clip):
            clipped = None if from_logits else clip
            return fmt.Loss(kind="binary_cross_entropy", reduction="elements", from_logits=from_logits, clip=clipped)
    raise InputError(f"loss: expected one of the reference's, got {type(loss).__name__}")


def _build_loss(described: fmt.Loss) -> Loss:
    if described.kind == "squared_error":
        return SquaredError(described.reduction, described.half)
    if described.kind == "cross_entropy":
        return CrossEntropy(described.from_logits)
    return BinaryCrossEntropy(described.from_logits, 1e-7 if described.clip is None else described.clip)
