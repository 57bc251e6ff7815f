"""Which systems share their probes, and the declaration of a network in the format's terms."""

from dataclasses import replace
from typing import Any, Literal, cast

import msgspec

from nn_conformance.cases import format as fmt
from nn_reference.activations import (
    ELU,
    GELU,
    IDENTITY,
    RELU,
    SIGMOID,
    SIGMOID_QUOTIENT,
    SILU,
    SOFTPLUS,
    TANH,
    Activation,
    LeakyReLU,
    Softmax,
)
from nn_reference.errors import InputError
from nn_reference.losses import L2, BinaryCrossEntropy, CrossEntropy, Linear, Loss, SquaredError
from nn_reference.network import Dense, Network
from nn_reference.optimizers import SGD, AdaGrad, Adam, Optimizer, RMSProp
from nn_reference.systems import SYSTEMS, System

AXES = {None: None, -1: "outputs", -2: "batch"}
ELEMENTWISE = {a.name: a for a in (IDENTITY, SIGMOID, TANH, RELU, SOFTPLUS, SILU, GELU)}
BENT = {"leaky_relu": LeakyReLU, "elu": ELU}
# What each kind of optimiser needs beside its learning rate, by the names that format and reference share.
RULES: dict[str, tuple[type, tuple[str, ...]]] = {
    "sgd": (SGD, ("momentum", "dialect")),
    "adam": (Adam, ("beta1", "beta2", "epsilon", "placement")),
    "rmsprop": (RMSProp, ("beta2", "epsilon", "placement")),
    "adagrad": (AdaGrad, ("epsilon", "placement")),
}


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
            skip=layer.skip,
        )
        for layer in network.layers
    ]
    p = network.penalty
    penalty = None if p is None else fmt.Penalty(p.strength, p.scaling, p.biases)
    return fmt.Network(network.inputs, layers, _describe_loss(network.loss), penalty)


def describe_optimizer(optimizer: Optimizer) -> fmt.Optimizer:
    """The optimiser with its dialect."""
    for kind, (rule, fields) in RULES.items():
        if isinstance(optimizer, rule):
            described = {name: getattr(optimizer, name) for name in ("learning_rate", *fields)}
            return msgspec.convert({"kind": kind, **described}, fmt.Optimizer)
    raise InputError(
        f"optimizer: expected {' or '.join(rule.__name__ for rule, _ in RULES.values())}, got {type(optimizer).__name__}"
    )


def build_network(described: fmt.Network) -> Network:
    """The reference's network from a description; the inverse of `describe_network`."""
    layers = tuple(
        Dense(layer.units, build_activation(layer.activation), layer.bias, layer.layout, layer.vector, layer.skip)
        for layer in described.layers
    )
    p = described.penalty
    penalty = None if p is None else L2(p.strength, p.scaling, p.biases)
    return Network(described.inputs, layers, _build_loss(described.loss), penalty)


def build_optimizer(described: fmt.Optimizer) -> Optimizer:
    """The reference's optimiser from a description; the inverse of `describe_optimizer`."""
    rule, fields = RULES[described.kind]
    given = {name: getattr(described, name) for name in fields}
    if None in given.values():
        raise InputError(f"optimizer: {described.kind} needs {' and '.join(fields)}")
    return cast("Optimizer", rule(described.learning_rate, **given))


def _describe_activation(activation: Activation) -> fmt.Activation:
    described = {"kind": activation.name, "axis": AXES[activation.axis], "backward": activation.derivative}
    return msgspec.convert(described | {"alpha": activation.alpha}, fmt.Activation)


def build_activation(described: fmt.Activation) -> Activation:
    """The reference's activation from a description."""
    if described.kind == "softmax":
        rule: Literal["exact", "diagonal"] = "diagonal" if described.backward == "diagonal" else "exact"
        return Softmax(axis=-2 if described.axis == "batch" else -1, derivative=rule)
    if described.kind in BENT:
        return BENT[described.kind](*(() if described.alpha is None else (described.alpha,)))
    return SIGMOID_QUOTIENT if described.backward == "quotient" else ELEMENTWISE[described.kind]


def _describe_loss(loss: Loss) -> fmt.Loss:
    match loss:
        case SquaredError(reduction, half):
            return fmt.Loss(kind="squared_error", reduction=reduction, half=half)
        case Linear(reduction, half):
            return fmt.Loss(kind="linear", reduction=reduction, half=half)
        case CrossEntropy(from_logits, reduction, half):
            return fmt.Loss(kind="cross_entropy", reduction=reduction, half=half, from_logits=from_logits)
        case BinaryCrossEntropy(from_logits, clip, reduction, half):
            clipped = None if from_logits else clip
            return fmt.Loss("binary_cross_entropy", reduction, half, from_logits, clipped)
    raise InputError(f"loss: expected one of the reference's, got {type(loss).__name__}")


def _build_loss(described: fmt.Loss) -> Loss:
    how: dict[str, Any] = {"reduction": described.reduction, "half": described.half}
    match described.kind:
        case "squared_error":
            return SquaredError(**how)
        case "linear":
            return Linear(**how)
        case "cross_entropy":
            return CrossEntropy(described.from_logits, **how)
        case "binary_cross_entropy":
            return BinaryCrossEntropy(described.from_logits, 1e-7 if described.clip is None else described.clip, **how)
