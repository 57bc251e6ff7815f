"""A first catalogue of mistakes, as mutations of the reference: what each would compute on a case."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from nn_conformance.mistakes.mutations import (
    Altered,
    Evaluate,
    TransposedGradientDense,
    UntransposedDense,
    accumulated,
    as_class,
    bias_from_first_sample,
    detached,
    on_rows,
    other_placement,
    rewritten,
    samples,
    scaled,
    shifted_labels,
    stale_cache,
    swapped_betas,
    tenfold_rate,
    unshifted_softmax,
    with_hidden_rule,
    with_layers,
    with_output,
    without_biases,
)
from nn_reference.activations import RELU, SIGMOID, SOFTMAX, TANH, Activation, Softmax, sigmoid
from nn_reference.losses import BinaryCrossEntropy, CrossEntropy, SquaredError
from nn_reference.network import Network
from nn_reference.optimizers import SGD, Adam, Optimizer


@dataclass(frozen=True)
class Mistake:
    """One mistake.

    Attributes:
        slug: its stable name.
        what: what is computed instead, in one line.
        applies: to which networks, with which optimiser.
        evaluate: loss and gradients as the mistake has them, if it is one of evaluation.
        calls: as `evaluate`, made anew for each run of calls in a row, if it is one of memory.
        optimizer: the optimiser as the mistake has it, if it is one of the update.
    """

    slug: str
    what: str
    applies: Callable[[Network, Optimizer], bool]
    evaluate: Evaluate | None = None
    calls: Callable[[], Evaluate] | None = None
    optimizer: Callable[[Optimizer], Any] | None = None


def always(_: Network, __: Optimizer) -> bool:
    """Every network."""
    return True


def hidden(*kinds: Activation) -> Callable[[Network, Optimizer], bool]:
    """Networks with such an activation on a hidden layer."""
    names = {kind.name for kind in kinds}
    return lambda network, _: any(layer.activation.name in names for layer in network.layers[:-1])


def averages(network: Network, _: Optimizer) -> bool:
    """Losses that are a mean over samples."""
    return not (isinstance(network.loss, SquaredError) and network.loss.reduction == "sum")


def has_bias(network: Network, _: Optimizer) -> bool:
    """Networks with biases."""
    return network.layers[0].bias


def matrix_above(network: Network, _: Optimizer) -> bool:
    """Networks with a weight matrix above their first layer."""
    return any(not layer.vector for layer in network.layers[1:])


def squared(network: Network, _: Optimizer) -> bool:
    """Squared error."""
    return isinstance(network.loss, SquaredError)


def squashed_output(network: Network, _: Optimizer) -> bool:
    """Squared error through an activation on the outputs, as the document differentiates it."""
    return squared(network, _) and network.layers[-1].activation.name != "identity"


def classes(network: Network, _: Optimizer) -> bool:
    """One-hot targets."""
    return network.layers[-1].units > 1


def softmax_output(network: Network, _: Optimizer) -> bool:
    """Softmax over the outputs of each sample, with its right Jacobian or fused with its loss."""
    last = network.layers[-1].activation
    return last.name == "softmax" and last.axis == -1 and last.derivative == "exact"


def adam(_: Network, optimizer: Optimizer) -> bool:
    """Networks trained with Adam."""
    return isinstance(optimizer, Adam)


CATALOGUE: tuple[Mistake, ...] = (
    Mistake("sum-for-mean", "the gradient is summed over the batch, not averaged: N·r", averages, scaled(samples)),
    Mistake("mean-twice", "the gradient is averaged twice: r/N", always, scaled(lambda n, t: 1 / len(t))),
    Mistake("factor-two", "the 2 of the square is missing, or there beside a ½", squared,
            scaled(lambda n, _: 2.0 if n.loss.half else 0.5)),  # type: ignore[attr-defined]
    Mistake("mean-over-outputs", "averaged over samples and outputs where samples are meant: r/C", classes,
            scaled(lambda n, _: 1 / n.layers[-1].units)),
    Mistake("bias-averaged", "the biases' gradient is averaged once more: db/N", has_bias,
            scaled(lambda n, t: 1 / len(t), only="b")),
    Mistake("bias-of-one-sample", "the biases' gradient is that of the first sample", has_bias, bias_from_first_sample),
    Mistake("bias-zero", "the biases get no gradient", has_bias, scaled(lambda n, t: 0.0, only="b")),
    Mistake("sample-dropped", "the last sample of the batch is left out", always, on_rows(lambda n: slice(0, max(1, n - 1)))),
    Mistake("sign", "the gradient points uphill: -r", always, scaled(lambda n, t: -1.0)),
    Mistake("derivative-missing", "hidden activations are passed through without their derivative",
            hidden(SIGMOID, TANH, RELU), with_hidden_rule(lambda z, a, da: da)),
    Mistake("derivative-at-a", "sigmoid′ is taken at a instead of z", hidden(SIGMOID),
            with_hidden_rule(lambda z, a, da: da * sigmoid(a) * (1 - sigmoid(a)), SIGMOID)),
    Mistake("z-for-a", "z(1-z) for a(1-a)", hidden(SIGMOID), with_hidden_rule(lambda z, a, da: da * z * (1 - z), SIGMOID)),
    Mistake("tanh-first-power", "1-a for 1-a²", hidden(TANH), with_hidden_rule(lambda z, a, da: da * (1 - a), TANH)),
    Mistake("relu-leaky", "negative units pass a tenth", hidden(RELU),
            with_hidden_rule(lambda z, a, da: da * np.where(z > 0, 1.0, 0.1), RELU)),
    Mistake("output-derivative-missing", "p-y for squared error through an activation", squashed_output,
            rewritten(lambda n: with_output(n, replace(n.layers[-1].activation, backward=lambda z, a, da: da)))),
    Mistake("weights-untransposed", "W for Wᵀ on the way back: silent where W is square", matrix_above,
            with_layers(as_class(UntransposedDense))),
    Mistake("gradient-transposed", "dWᵀ for dW: silent where W is square", always,
            with_layers(as_class(TransposedGradientDense))),
    Mistake("layer-detached", "the first layer gets no gradient", always, detached),
    Mistake("bias-left-out", "biases are left out of the forward pass", has_bias, without_biases),
    Mistake("labels-shifted", "classes are counted from 1", classes, shifted_labels),
    Mistake("softmax-diagonal", "only the diagonal of softmax's Jacobian", lambda n, o: softmax_output(n, o) and not n.loss_takes_logits_of_softmax,
            rewritten(lambda n: with_output(n, Softmax(derivative="diagonal")))),
    Mistake("softmax-twice", "logits into a softmax, then into a loss that has its own",
            lambda n, _: isinstance(n.loss, CrossEntropy) and n.layers[-1].activation.axis is None,
            rewritten(lambda n: with_output(n, SOFTMAX))),
    Mistake("softmax-unshifted", "no maximum is subtracted: NaN at large logits",
            lambda n, o: softmax_output(n, o) and n.loss_takes_logits_of_softmax, unshifted_softmax),
    Mistake("logits-reversed", "from_logits says the opposite", lambda n, _: isinstance(n.loss, BinaryCrossEntropy),
            rewritten(lambda n: replace(n, loss=replace(n.loss, from_logits=not n.loss.from_logits)))),  # type: ignore[attr-defined, type-var]
    Mistake("stale-cache", "the second call answers the first", always, calls=stale_cache),
    Mistake("gradients-accumulate", "the second call answers the sum", always, calls=accumulated),
    Mistake("uphill", "weights move along the gradient", always, optimizer=partial(Altered, gradient=lambda g: -g)),
    Mistake("rate-tenfold", "the learning rate is ten times too large", lambda _, o: isinstance(o, SGD),
            optimizer=tenfold_rate),
    Mistake("steps-uncounted", "Adam's t is 1 in every step", adam, optimizer=partial(Altered, counts=False)),
    Mistake("betas-swapped", "β₁ and β₂ are swapped", adam,
            optimizer=swapped_betas),
    Mistake("epsilon-misplaced", "ε stands where the other library has it", adam, optimizer=other_placement),
)  # fmt: skip


def applicable(network: Network, optimizer: Optimizer) -> Iterator[Mistake]:
    """The mistakes that this network can have."""
    return (mistake for mistake in CATALOGUE if mistake.applies(network, optimizer))
