"""Whole networks for Hypothesis: description, optimiser, numbers. Needs the extra `test`.

Numbers are multiples of 1/16 times a power of two for each array, so that they are exact, shrink to something readable,
and span 1e-3 to 1e3.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from msgspec import convert
from msgspec.structs import replace

from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import build_network
from nn_reference.arithmetic import Array, Params

SIGMOID, SOFTPLUS = fmt.Activation(kind="sigmoid"), fmt.Activation(kind="softplus")
BENT = [fmt.Activation("leaky_relu", alpha=0.01), fmt.Activation("leaky_relu", alpha=0.25)]
BENT += [fmt.Activation("elu", alpha=alpha) for alpha in (1.0, 0.5)]
PLAIN = [SIGMOID, *(fmt.Activation(kind=kind) for kind in ("identity", "tanh", "relu", "silu", "gelu")), SOFTPLUS]
ELEMENTWISE = [*PLAIN, *BENT]
QUOTIENT = fmt.Activation(kind="sigmoid", backward="quotient")
SOFTMAX = fmt.Activation(kind="softmax", axis="outputs")
BATCH_SOFTMAX = fmt.Activation(kind="softmax", axis="batch")
DIAGONAL = fmt.Activation(kind="softmax", axis="outputs", backward="diagonal")
EVERY = [*ELEMENTWISE, QUOTIENT, SOFTMAX, BATCH_SOFTMAX, DIAGONAL]
REDUCTIONS: tuple[Literal["sum", "samples", "elements"], ...] = ("sum", "samples", "elements")
LOSSES: tuple[Literal["squared_error", "cross_entropy", "binary_cross_entropy", "linear"], ...] = (
    "squared_error",
    "cross_entropy",
    "binary_cross_entropy",
    "linear",
)
SCALINGS: tuple[Literal["1", "1/2", "1/N", "1/2N"], ...] = ("1", "1/2", "1/N", "1/2N")
DIALECTS: tuple[Literal["classical", "rate", "nesterov", "averaged"], ...] = (
    "classical",
    "rate",
    "nesterov",
    "averaged",
)
CLIP = 1e-7
# e^-z of the quotient form overflows beyond 709; it stays small where scales do.
SCALES = st.integers(-10, 10).map(lambda power: 2.0**power)


@dataclass(frozen=True)
class Problem:
    """A network with all that an evaluation and a few updates need; arrays are float64.

    Attributes:
        network: the description.
        optimizer: with its dialect.
        params: of the network's shapes.
        x: (N, D).
        t: one-hot, or 0 and 1, or real numbers where the loss takes any; (N, C) or (N,).
        batches: rows of each update.
    """

    network: fmt.Network
    optimizer: fmt.Optimizer
    params: Params
    x: Array
    t: Array
    batches: list[list[int]]


@st.composite
def networks(draw: st.DrawFn, *, widest: int = 8, deepest: int = 4) -> fmt.Network:
    """Widths 1 to `widest`, depth 1 to `deepest`, every activation, loss and layout that the format has."""
    widths = draw(st.lists(st.integers(1, widest), min_size=2, max_size=deepest + 1))
    layers = [
        fmt.Layer(
            units=units,
            activation=draw(st.sampled_from(EVERY)),
            bias=draw(st.booleans()),
            layout=draw(st.sampled_from(["in,out", "out,in"])),
            skip=k + 2 < len(widths) and units == widths[k] and draw(st.booleans()),
        )
        for k, units in enumerate(widths[1:])
    ]
    loss, last = draw(losses_with_outputs())
    vector = last in ELEMENTWISE and loss.kind != "cross_entropy" and draw(st.booleans())
    layers[-1] = fmt.Layer(
        units=1 if vector else layers[-1].units,
        activation=last,
        bias=layers[-1].bias,
        layout=layers[-1].layout,
        vector=vector,
    )
    penalty = draw(st.none() | penalties())
    return fmt.Network(inputs=widths[0], layers=layers, loss=loss, penalty=penalty)


@st.composite
def penalties(draw: st.DrawFn) -> fmt.Penalty:
    """Every scaling, of weights alone or of biases too."""
    strength = draw(st.integers(-10, 0).map(lambda power: 2.0**power))
    scaling = draw(st.sampled_from(SCALINGS))
    return fmt.Penalty(strength, scaling, draw(st.booleans()))


@st.composite
def resized(draw: st.DrawFn, network: fmt.Network, *, widest: int = 8) -> fmt.Network:
    """A network's layers and loss in other widths; one output stays one, and several several."""
    inputs, *hidden = (draw(st.integers(1, widest)) for _ in network.layers)
    last = 1 if network.layers[-1].units == 1 else draw(st.integers(2, widest))
    layers, below = [], inputs
    for layer, drawn in zip(network.layers, [*hidden, last], strict=True):
        below = below if layer.skip else drawn
        layers.append(replace(layer, units=below))
    return replace(network, inputs=inputs, layers=layers)


@st.composite
def losses_with_outputs(draw: st.DrawFn) -> tuple[fmt.Loss, fmt.Activation]:
    """A loss, and an output activation on which it is defined: a logarithm needs what is above 0."""
    kind = draw(st.sampled_from(LOSSES))
    from_logits, how = draw(st.booleans()), (draw(st.sampled_from(REDUCTIONS)), draw(st.booleans()))
    if kind == "squared_error":
        loss, outputs = fmt.Loss("squared_error", *how), EVERY
    elif kind == "linear":
        # What the diagonal rule is the gradient of is the squared error's alone.
        loss, outputs = fmt.Loss("linear", *how), [*ELEMENTWISE, SOFTMAX, BATCH_SOFTMAX]
    elif kind == "cross_entropy":
        loss = fmt.Loss("cross_entropy", *how, from_logits)
        positive = [SIGMOID, SOFTPLUS, SOFTMAX, BATCH_SOFTMAX]
        outputs = [*ELEMENTWISE, SOFTMAX, BATCH_SOFTMAX] if from_logits else positive
    else:
        loss = fmt.Loss("binary_cross_entropy", *how, from_logits, None if from_logits else CLIP)
        outputs = [*ELEMENTWISE, SOFTMAX]
    return loss, draw(st.sampled_from(outputs))


@st.composite
def optimizers(draw: st.DrawFn, placement: str | None = None) -> fmt.Optimizer:
    """Every kind and dialect; learning rates from 1/1024 to 1; ε where g ≈ ε makes its place matter."""
    rate = draw(st.integers(-10, 0).map(lambda power: 2.0**power))
    kind = draw(st.sampled_from(["sgd", "adam", "rmsprop", "adagrad"]))
    if kind == "sgd":
        momentum = draw(st.sampled_from([0.0, 0.5, 0.875]))
        return fmt.Optimizer(
            "sgd", rate, momentum, dialect=draw(st.sampled_from(DIALECTS)) if momentum else "classical"
        )
    placed = placement or draw(st.sampled_from(["torch", "keras"]))
    beta1, beta2 = draw(st.sampled_from([0.5, 0.75])), draw(st.sampled_from([0.5, 0.875]))
    given = {
        "adam": {"beta1": beta1, "beta2": beta2},
        "rmsprop": {"beta2": beta2},
        "adagrad": {},
    }[kind]
    return convert(
        {"kind": kind, "learning_rate": rate, "epsilon": 2.0**-7, "placement": placed, **given}, fmt.Optimizer
    )


@st.composite
def problems(draw: st.DrawFn, placement: str | None = None, like: Sequence[fmt.Network] = ()) -> Problem:
    """Everything together: batches of 1 to 5, and one to three updates; of networks like the given ones, if there are."""
    network = draw(st.sampled_from(like).flatmap(resized) if like else networks())
    samples = draw(st.integers(1, 5))
    params = {name: draw(_numbers(shape)) for name, shape in build_network(network).shapes.items()}
    x = draw(_numbers((samples, network.inputs)))
    rows = st.lists(st.integers(0, samples - 1), min_size=1, max_size=samples, unique=True)
    batches = draw(st.lists(rows, min_size=1, max_size=3))
    return Problem(network, draw(optimizers(placement)), params, x, draw(_targets(network, samples)), batches)


def pieces(network: fmt.Network, optimizer: fmt.Optimizer | None = None) -> set[str]:
    """The names of its activations, its loss and an optimiser."""
    names = {_name_of(layer.activation) for layer in network.layers} | {_name_of(network.loss)}
    return names if optimizer is None else names | {"momentum" if optimizer.momentum else optimizer.kind}


OPTIMIZERS = ("sgd", "momentum", "adam", "rmsprop", "adagrad")


def pieces_like(networks: Sequence[fmt.Network]) -> list[str]:
    """What `pieces` may say of networks like the given ones, or of any, if there are none."""
    activations = [layer.activation for network in networks for layer in network.layers] or EVERY
    losses = [network.loss for network in networks] or [
        fmt.Loss(kind=kind, reduction="elements", from_logits=logits)
        for kind in LOSSES
        for logits in ((False, True) if "entropy" in kind else (False,))
    ]
    return list(dict.fromkeys([*map(_name_of, activations), *map(_name_of, losses), *OPTIMIZERS]))


def _name_of(piece: fmt.Activation | fmt.Loss) -> str:
    words = [piece.kind.replace("_", " ").replace("cross entropy", "cross-entropy")]
    if isinstance(piece, fmt.Loss):
        words += ["from logits"] if piece.from_logits else []
    else:
        words += ["over the batch"] if piece.axis == "batch" else []
        words += [f"({piece.backward})"] if piece.backward != "exact" else []
    return " ".join(words)


@st.composite
def _targets(draw: st.DrawFn, network: fmt.Network, samples: int) -> Array:
    last = network.layers[-1]
    if network.loss.kind in ("squared_error", "linear") and draw(st.booleans()):  # regression
        return draw(_numbers((samples,) if last.vector else (samples, last.units)))
    if last.units == 1:
        t = np.array(draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=samples, max_size=samples)))
        return t if last.vector else t[:, None]
    labels = draw(st.lists(st.integers(0, last.units - 1), min_size=samples, max_size=samples))
    return np.eye(last.units)[labels]


@st.composite
def _numbers(draw: st.DrawFn, shape: tuple[int, ...]) -> Array:
    sixteenths = draw(arrays(np.float64, shape, elements=st.integers(-16, 16).map(float)))
    return np.asarray(sixteenths / 16 * draw(SCALES))
