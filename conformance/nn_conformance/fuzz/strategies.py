"""Whole networks for Hypothesis: description, optimiser, numbers. Needs the extra `test`.

Numbers are multiples of 1/16 times a power of two for each array, so that they are exact, shrink to something readable,
and span 1e-3 to 1e3.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from msgspec import convert
from msgspec.structs import replace

from nn_conformance.adapt.pieces import OPTIMIZERS, PIECES, of_activation, of_loss
from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import build_network
from nn_conformance.cases.text import REDUCTIONS
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
SCALINGS: tuple[Literal["1", "1/2", "1/N", "1/2N"], ...] = ("1", "1/2", "1/N", "1/2N")
CLIP = 1e-7
# Every loss, by kind.
LOSSES = {
    kind: [
        convert({"kind": kind, "reduction": how, "half": half, "from_logits": logits, "clip": clip}, fmt.Loss)
        for how in REDUCTIONS
        for half in (False, True)
        for logits in ((False, True) if "entropy" in kind else (False,))
        for clip in [CLIP if kind == "binary_cross_entropy" and not logits else None]
    ]
    for kind in ("squared_error", "cross_entropy", "binary_cross_entropy", "linear")
}
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
def networks(draw: st.DrawFn, *, widest: int = 8, deepest: int = 4, has: Collection[str] = PIECES) -> fmt.Network:
    """Widths 1 to `widest`, depth 1 to `deepest`, every layout, and every activation and loss that `has` names."""
    activations = [activation for activation in EVERY if of_activation(activation) in has]
    widths = draw(st.lists(st.integers(1, widest), min_size=2, max_size=deepest + 1))
    layers = [
        fmt.Layer(
            units=units,
            activation=draw(st.sampled_from(activations)),
            bias=draw(st.booleans()),
            layout=draw(st.sampled_from(["in,out", "out,in"])),
            skip="skip" in has and k + 2 < len(widths) and units == widths[k] and draw(st.booleans()),
        )
        for k, units in enumerate(widths[1:])
    ]
    loss, last = draw(losses_with_outputs(has))
    vector = last in ELEMENTWISE and loss.kind != "cross_entropy" and draw(st.booleans())
    layers[-1] = replace(layers[-1], units=1 if vector else layers[-1].units, activation=last, vector=vector)
    penalty = draw(st.none() | penalties(has)) if any(f"penalty {scaling}" in has for scaling in SCALINGS) else None
    return fmt.Network(inputs=widths[0], layers=layers, loss=loss, penalty=penalty)


@st.composite
def penalties(draw: st.DrawFn, has: Collection[str] = PIECES) -> fmt.Penalty:
    """Every scaling that there is, of weights alone or of biases too."""
    strength = draw(st.integers(-10, 0).map(lambda power: 2.0**power))
    scaling = draw(st.sampled_from([scaling for scaling in SCALINGS if f"penalty {scaling}" in has]))
    return fmt.Penalty(strength, scaling, "penalty biases" in has and draw(st.booleans()))


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
def losses_with_outputs(draw: st.DrawFn, has: Collection[str] = PIECES) -> tuple[fmt.Loss, fmt.Activation]:
    """A loss, and an output activation on which it is defined, of the pieces that there are."""
    fitting = {kind: [loss for loss in losses if of_loss(loss) <= set(has) and _outputs(loss, has)]
               for kind, losses in LOSSES.items()}  # fmt: skip
    loss = draw(st.sampled_from(fitting[draw(st.sampled_from([kind for kind in fitting if fitting[kind]]))]))
    return loss, draw(st.sampled_from(_outputs(loss, has)))


def _outputs(loss: fmt.Loss, has: Collection[str]) -> list[fmt.Activation]:
    if loss.kind == "squared_error":
        outputs = EVERY
    elif loss.kind == "linear":
        # What the diagonal rule is the gradient of is the squared error's alone.
        outputs = [*ELEMENTWISE, SOFTMAX, BATCH_SOFTMAX]
    elif loss.kind == "cross_entropy":  # a logarithm needs what is above 0
        positive = [SIGMOID, SOFTPLUS, SOFTMAX, BATCH_SOFTMAX]
        outputs = [*ELEMENTWISE, SOFTMAX, BATCH_SOFTMAX] if loss.from_logits else positive
    else:
        outputs = [*ELEMENTWISE, SOFTMAX]
    return [activation for activation in outputs if of_activation(activation) in has]


@st.composite
def optimizers(draw: st.DrawFn, placement: str | None = None, has: Collection[str] = PIECES) -> fmt.Optimizer:
    """Every kind and dialect; learning rates from 1/1024 to 1; ε where g ≈ ε makes its place matter."""
    rate = draw(st.integers(-10, 0).map(lambda power: 2.0**power))
    there = [optimizer for piece, optimizer in OPTIMIZERS.items() if piece in has or not set(has) & set(OPTIMIZERS)]
    there = [optimizer for optimizer in there if placement in (None, optimizer.placement or placement)]
    kind = draw(st.sampled_from(list(dict.fromkeys(optimizer.kind for optimizer in there))))
    optimizer = draw(st.sampled_from([optimizer for optimizer in there if optimizer.kind == kind]))
    changed: dict[str, float] = {"learning_rate": rate}
    if optimizer.momentum:
        changed["momentum"] = draw(st.sampled_from([0.5, 0.875]))
    if optimizer.beta1 is not None:
        changed["beta1"] = draw(st.sampled_from([0.5, 0.75]))
    if optimizer.beta2 is not None:
        changed["beta2"] = draw(st.sampled_from([0.5, 0.875]))
    return replace(optimizer, **changed)


@st.composite
def problems(
    draw: st.DrawFn, placement: str | None = None, like: Sequence[fmt.Network] = (), has: Collection[str] = PIECES
) -> Problem:
    """Everything together: batches of 1 to 5, and one to three updates; of networks like the given ones, if there are.

    Else the networks, and the updates always, are made of the pieces that `has` names.
    """
    network = draw(st.sampled_from(like).flatmap(resized) if like else networks(has=has))
    samples = draw(st.integers(1, 5))
    params = {name: draw(_numbers(shape)) for name, shape in build_network(network).shapes.items()}
    x = draw(_numbers((samples, network.inputs)))
    rows = st.lists(st.integers(0, samples - 1), min_size=1, max_size=samples, unique=True)
    batches = draw(st.lists(rows, min_size=1, max_size=3))
    return Problem(network, draw(optimizers(placement, has)), params, x, draw(_targets(network, samples)), batches)


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
