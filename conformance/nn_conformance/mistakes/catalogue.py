"""A first catalogue of mistakes, as mutations of the reference: what each would compute on a case."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from nn_conformance.fixtures import format as fmt
from nn_conformance.mistakes.mutations import (
    Altered,
    Evaluate,
    Prune,
    TransposedGradientDense,
    UntransposedDense,
    accumulated,
    as_class,
    bias_from_first_sample,
    detached,
    no_biases,
    on_rows,
    other_placement,
    pruned,
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
from nn_conformance.mistakes.subjects import (
    Applies,
    adam,
    always,
    averages,
    binary_cross_entropy,
    classes,
    has_bias,
    hidden,
    logits_into_cross_entropy,
    matrix_above,
    prunes,
    sgd,
    softmax_output,
    squared,
    squashed_output,
    subject,
)
from nn_reference.activations import RELU, SIGMOID, SOFTMAX, TANH, Softmax, sigmoid
from nn_reference.arithmetic import Array, Params
from nn_reference.network import LayerOutput, Network, forward
from nn_reference.optimizers import Optimizer


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
        layers: what its layers come out as, if it is one of the forward pass.
        prune: parameters after pruning and after one update, if it is one of pruning.
    """

    slug: str
    what: str
    applies: Applies
    evaluate: Evaluate | None = None
    calls: Callable[[], Evaluate] | None = None
    optimizer: Callable[[Optimizer], Any] | None = None
    layers: Callable[[Network, Params, Array], list[LayerOutput]] | None = None
    prune: Prune | None = None

    @property
    def rungs(self) -> tuple[str, ...]:
        """The rungs whose business it is."""
        if self.optimizer is not None:
            return ("step", "trajectory")
        if self.prune is not None:
            return ("pruning",)
        if self.calls is not None:
            return ("contract", "second-call", "own-loss", "metamorphic")
        if self.layers is not None:
            return ("layer", "loss", "accuracy")
        return ("loss", "gradient", "own-loss", "metamorphic")


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
    Mistake("bias-left-out", "biases are left out of the forward pass", has_bias, without_biases,
            layers=lambda n, p, x: forward(n, no_biases(p), x)),
    Mistake("labels-shifted", "classes are counted from 1", classes, shifted_labels),
    Mistake("softmax-diagonal", "only the diagonal of softmax's Jacobian", lambda on: softmax_output(on) and not on.network.loss_takes_logits_of_softmax,
            rewritten(lambda n: with_output(n, Softmax(derivative="diagonal")))),
    Mistake("softmax-twice", "logits into a softmax, then into a loss that has its own",
            logits_into_cross_entropy,
            rewritten(lambda n: with_output(n, SOFTMAX)), layers=lambda n, p, x: forward(with_output(n, SOFTMAX), p, x)),
    Mistake("softmax-unshifted", "no maximum is subtracted: NaN at large logits",
            lambda on: softmax_output(on) and on.network.loss_takes_logits_of_softmax, unshifted_softmax),
    Mistake("logits-reversed", "from_logits says the opposite", binary_cross_entropy,
            rewritten(lambda n: replace(n, loss=replace(n.loss, from_logits=not n.loss.from_logits)))),  # type: ignore[attr-defined, type-var]
    Mistake("stale-cache", "the second call answers the first", always, calls=stale_cache),
    Mistake("gradients-accumulate", "the second call answers the sum", always, calls=accumulated),
    Mistake("uphill", "weights move along the gradient", always, optimizer=partial(Altered, gradient=lambda g: -g)),
    Mistake("rate-tenfold", "the learning rate is ten times too large", sgd,
            optimizer=tenfold_rate),
    Mistake("steps-uncounted", "Adam's t is 1 in every step", adam, optimizer=partial(Altered, counts=False)),
    Mistake("betas-swapped", "β₁ and β₂ are swapped", adam,
            optimizer=swapped_betas),
    Mistake("epsilon-misplaced", "ε stands where the other library has it", adam, optimizer=other_placement),
    Mistake("pruned-by-sign", "w below the threshold, not |w|: every negative weight goes", prunes,
            prune=pruned(lambda p, threshold: p >= threshold)),
    Mistake("ties-pruned", "a weight at the threshold goes as well", prunes,
            prune=pruned(lambda p, threshold: np.abs(p) > threshold)),
    Mistake("mask-forgotten", "the mask is not kept in fine-tuning, or kept where it should not be", prunes,
            prune=pruned(other_mask=True)),
    Mistake("moments-unmasked", "gradients are masked, and the moments still move what was pruned", lambda on: bool(on.masked),
            prune=pruned(masked_moments=False)),
)  # fmt: skip


def applicable(case: fmt.Case) -> list[Mistake]:
    """The mistakes that can be made in what a case is about."""
    on = subject(case)
    return [mistake for mistake in CATALOGUE if mistake.applies(on)]
