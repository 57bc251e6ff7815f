"""A network in the format's terms and in the reference's, and which systems share their probes.

The format's records are what files, targets and reports have; the reference's declarations carry the functions. They are
two types because a dataclass, which is all that the reference may be made of, decodes with unknown fields and encodes with
its defaults: files need neither. Fields of one meaning have one name in both, so that each kind of piece is a line here.
"""

from dataclasses import asdict, fields
from functools import lru_cache
from typing import Any, Literal

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
LOSSES: dict[str, type[Any]] = {
    "squared_error": SquaredError,
    "cross_entropy": CrossEntropy,
    "binary_cross_entropy": BinaryCrossEntropy,
    "linear": Linear,
}
RULES: dict[str, type[Any]] = {"sgd": SGD, "adam": Adam, "rmsprop": RMSProp, "adagrad": AdaGrad}


def family(system: System) -> System:
    """The first system with the same layers but for their widths, the same loss and kind of optimiser."""

    def kind(of: System) -> tuple[fmt.Network, type]:
        return without_sizes(describe_network(of.network)), type(of.recipe.optimizer)

    return next(other for other in SYSTEMS if kind(other) == kind(system))


def without_sizes(network: fmt.Network) -> fmt.Network:
    """A description with all widths 1."""
    layers = [msgspec.structs.replace(layer, units=1) for layer in network.layers]
    return msgspec.structs.replace(network, inputs=1, layers=layers)


def describe_network(network: Network) -> fmt.Network:
    """The declaration, language-neutral."""
    layers = [
        fmt.Layer(
            layer.units, _describe_activation(layer.activation), layer.bias, layer.layout, layer.vector, layer.skip
        )
        for layer in network.layers
    ]
    penalty = None if network.penalty is None else fmt.Penalty(**asdict(network.penalty))
    return fmt.Network(network.inputs, layers, _describe_loss(network.loss), penalty)


def describe_optimizer(optimizer: Optimizer) -> fmt.Optimizer:
    """The optimiser with its dialect.

    Raises:
        InputError: none of the reference's.
    """
    return msgspec.convert(_described("optimizer", RULES, optimizer), fmt.Optimizer)


def build_network(described: fmt.Network) -> Network:
    """The reference's network from a description; the inverse of `describe_network`.

    Raises:
        InputError: a part that the reference refuses.
    """
    try:
        return _network(msgspec.msgpack.encode(described))
    except msgspec.ValidationError as error:
        raise InputError(f"network: {error}") from None


@lru_cache(maxsize=256)
def _network(encoded: bytes) -> Network:
    """A target is asked for one network again and again, and a description itself cannot be looked up."""
    described = msgspec.msgpack.decode(encoded, type=fmt.Network)
    layers = tuple(
        Dense(layer.units, build_activation(layer.activation), layer.bias, layer.layout, layer.vector, layer.skip)
        for layer in described.layers
    )
    penalty = None if described.penalty is None else L2(**msgspec.structs.asdict(described.penalty))
    return Network(described.inputs, layers, _built(LOSSES[described.loss.kind], described.loss), penalty)


def build_optimizer(described: fmt.Optimizer) -> Optimizer:
    """The reference's optimiser from a description; the inverse of `describe_optimizer`.

    Raises:
        InputError: a field that its kind needs is missing, or is refused.
    """
    rule = RULES[described.kind]
    needed = [field.name for field in fields(rule)]
    if any(getattr(described, name) is None for name in needed):
        raise InputError(f"optimizer: {described.kind} needs {' and '.join(needed[1:])}")
    optimizer: Optimizer = _built(rule, described)
    return optimizer


def build_activation(described: fmt.Activation) -> Activation:
    """The reference's activation from a description."""
    if described.kind == "softmax":
        rule: Literal["exact", "diagonal"] = "diagonal" if described.backward == "diagonal" else "exact"
        return Softmax(axis=-2 if described.axis == "batch" else -1, derivative=rule)
    if described.kind in BENT:
        return BENT[described.kind](*(() if described.alpha is None else (described.alpha,)))
    return SIGMOID_QUOTIENT if described.backward == "quotient" else ELEMENTWISE[described.kind]


def _describe_activation(activation: Activation) -> fmt.Activation:
    described = {"kind": activation.name, "axis": AXES[activation.axis], "backward": activation.derivative}
    return msgspec.convert(described | {"alpha": activation.alpha}, fmt.Activation)


def _describe_loss(loss: Loss) -> fmt.Loss:
    described = _described("loss", LOSSES, loss)
    if described.get("from_logits"):
        described.pop("clip", None)
    return msgspec.convert(described, fmt.Loss)


def _described(what: str, kinds: dict[str, type[Any]], part: Any) -> dict[str, Any]:
    for kind, declared in kinds.items():
        if isinstance(part, declared):
            return {"kind": kind, **asdict(part)}
    names = " or ".join(declared.__name__ for declared in kinds.values())
    raise InputError(f"{what}: expected {names}, got {type(part).__name__}")


def _built(declared: type[Any], described: Any) -> Any:
    """The declaration with the fields that the description has; the others have their defaults."""
    given = {field.name: getattr(described, field.name) for field in fields(declared)}
    return declared(**{name: value for name, value in given.items() if value is not None})
