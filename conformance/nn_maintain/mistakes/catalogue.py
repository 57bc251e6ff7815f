"""The catalogue: every mistake as a change of the reference. What each is, why it happens and how to mend it is in texts.toml.

Legend: r is the right gradient, N the batch, C the outputs.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import log
from typing import Any, Literal, TypeAlias

import numpy as np

from nn_conformance.cases import format as fmt
from nn_maintain.mistakes import changes as ch
from nn_maintain.mistakes import memory, updates
from nn_maintain.mistakes import subjects as on
from nn_maintain.mistakes.changes import Change
from nn_maintain.mistakes.subjects import Applies, Subject, subject
from nn_reference.activations import IDENTITY, RELU, SIGMOID, SOFTMAX, TANH, Softmax, sigmoid
from nn_reference.arithmetic import Array
from nn_reference.losses import BinaryCrossEntropy, SquaredError
from nn_reference.network import Network
from nn_reference.optimizers import Optimizer

Kind: TypeAlias = Literal["evaluation", "loss", "forward", "memory", "arguments", "update", "pruning"]
# The rungs that are the business of each kind.
RUNGS: dict[Kind, tuple[str, ...]] = {
    "evaluation": ("loss", "gradient", "own-loss", "metamorphic"),
    "loss": ("loss", "own-loss"),
    "forward": ("layer", "loss", "accuracy"),
    "memory": ("contract", "second-call", "own-loss", "metamorphic"),
    "arguments": ("contract",),
    "update": ("step", "trajectory"),
    "pruning": ("pruning",),
}
# Where a small learning rate hides them from a free run in float32.
STEP = ("step",)


@dataclass(frozen=True)
class Mistake:
    """One mistake.

    Attributes:
        slug: its stable name.
        kind: what it is a mistake of.
        applies: to which networks, with which optimiser.
        change: how it changes an evaluation.
        anew: as `change`, made anew for each run of calls in a row, if it remembers.
        training: as `change`, in training only, given the optimiser.
        optimizer: the optimiser as the mistake has it.
        prune: parameters after pruning and after one update, as the mistake has it.
        dtypes: precisions in which it shows.
        shows: the rungs that are its business, if not all of its kind.
    """

    slug: str
    kind: Kind
    applies: Applies
    change: Change | None = None
    anew: Callable[[], Change] | None = None
    training: Callable[[Optimizer], Change] | None = None
    optimizer: Callable[[Optimizer], Any] | None = None
    prune: updates.Prune | None = None
    dtypes: tuple[fmt.Dtype, ...] = fmt.DTYPES
    shows: tuple[str, ...] = ()

    @property
    def rungs(self) -> tuple[str, ...]:
        """The rungs whose business it is."""
        return self.shows or RUNGS[self.kind]


def _samples(_: Network, t: Array) -> float:
    return float(len(t))


def _share(_: Network, t: Array) -> float:
    return 1 / len(t)


def _outputs(network: Network, _: Array) -> float:
    return float(network.layers[-1].units)


def _square(network: Network, _: Array) -> float:
    return 2.0 if getattr(network.loss, "half", False) else 0.5


def _diagonal_matters(on_: Subject) -> bool:
    return on.softmax_output(on_) and not on.fused_softmax(on_)


def _evaluation(slug: str, applies: Applies, change: Change) -> Mistake:
    return Mistake(slug, "evaluation", applies, change)


def _loss(slug: str, applies: Applies, factor: ch.Factor) -> Mistake:
    return Mistake(slug, "loss", applies, ch.scaled(factor, "", loss=True))


def _forward(slug: str, applies: Applies, change: Change) -> Mistake:
    return Mistake(slug, "forward", applies, change)


def _update(slug: str, applies: Applies, shows: tuple[str, ...] = (), **alteration: Any) -> Mistake:
    return Mistake(slug, "update", applies, optimizer=partial(updates.Altered, **alteration), shows=shows)


def _adam(slug: str, **alteration: Any) -> Mistake:
    return Mistake(slug, "update", on.adam, optimizer=partial(updates.OtherAdam, **alteration))


def _pruning(slug: str, applies: Applies, **how: Any) -> Mistake:
    return Mistake(slug, "pruning", applies, prune=updates.pruned(**how))


CATALOGUE: tuple[Mistake, ...] = (
    # Scale and reduction.
    _evaluation("sum-for-mean", on.averages, ch.scaled(_samples)),
    _evaluation("mean-twice", on.always, ch.scaled(_share)),
    _evaluation("factor-two", on.squared, ch.scaled(_square)),
    _evaluation("half-in-both", on.squared, ch.scaled(_square, loss=True)),
    _evaluation("sum-in-both", on.averages, ch.scaled(_samples, loss=True)),
    _evaluation("mean-over-outputs", on.classes, ch.scaled(lambda n, t: 1 / _outputs(n, t))),
    _evaluation("outputs-summed", on.several_outputs_averaged, ch.scaled(_outputs)),
    _evaluation("sign", on.always, ch.scaled(lambda n, t: -1.0)),
    _evaluation("bias-averaged", on.has_bias, ch.scaled(_share, "b")),
    _evaluation("bias-summed", lambda s: on.has_bias(s) and on.averages(s), ch.scaled(_samples, "b")),
    _evaluation("bias-of-one-sample", on.has_bias, ch.biases_by(lambda dz: dz[0])),
    _evaluation("bias-over-units", on.matrix_biases, ch.biases_by(lambda dz: dz.sum(axis=-1))),
    _evaluation("bias-zero", on.has_bias, ch.scaled(lambda n, t: 0.0, "b")),
    _evaluation("sample-dropped", on.always, ch.on_rows(lambda n: slice(0, max(1, n - 1)))),
    _evaluation("one-sample", on.always, ch.on_rows(lambda n: slice(0, 1))),
    Mistake("first-batch-size", "memory", on.averages, anew=memory.first_batch_size),
    # The chain rule.
    _evaluation("derivative-missing", on.hidden(SIGMOID, TANH, RELU), ch.hidden_rule(lambda z, a, da: da)),
    _evaluation("derivative-at-a", on.hidden(SIGMOID), ch.hidden_rule(lambda z, a, da: da * sigmoid(a) * (1 - sigmoid(a)), SIGMOID)),
    _evaluation("z-for-a", on.hidden(SIGMOID), ch.hidden_rule(lambda z, a, da: da * z * (1 - z), SIGMOID)),
    _evaluation("sigmoid-first-power", on.hidden(SIGMOID), ch.hidden_rule(lambda z, a, da: da * a, SIGMOID)),
    _evaluation("tanh-rule-for-sigmoid", on.hidden(SIGMOID), ch.hidden_rule(TANH.backward, SIGMOID)),
    _evaluation("tanh-first-power", on.hidden(TANH), ch.hidden_rule(lambda z, a, da: da * (1 - a), TANH)),
    _evaluation("tanh-at-a", on.hidden(TANH), ch.hidden_rule(lambda z, a, da: da * (1 - np.tanh(a) ** 2), TANH)),
    _evaluation("tanh-of-z", on.hidden(TANH), ch.hidden_rule(lambda z, a, da: da * (1 - z * z), TANH)),
    _evaluation("sigmoid-rule-for-tanh", on.hidden(TANH), ch.hidden_rule(SIGMOID.backward, TANH)),
    _evaluation("relu-leaky", on.hidden(RELU), ch.hidden_rule(lambda z, a, da: da * np.where(z > 0, 1, z.dtype.type(0.1)), RELU)),
    _evaluation("relu-mask-inclusive", on.hidden(RELU), ch.hidden_rule(lambda z, a, da: da * (a >= 0), RELU)),
    _evaluation("relu-mask-of-gradient", on.hidden(RELU), ch.hidden_rule(lambda z, a, da: da * (da > 0), RELU)),
    _evaluation("output-derivative-missing", on.squashed_output, ch.of_output(lambda one: replace(one, backward=lambda z, a, da: da))),
    _evaluation("output-derivative-extra", on.delta_without_derivative, ch.with_delta(ch.probabilities_again)),
    _evaluation("softmax-diagonal", _diagonal_matters, ch.of_output(lambda one: Softmax(derivative="diagonal"))),
    _evaluation("weights-untransposed", on.matrix_above, ch.every_layer(of_input=ch.untransposed)),
    _evaluation("gradient-transposed", on.always, ch.every_layer(of_weights=ch.transposed)),
    _evaluation("preactivation-cached", on.hidden(SIGMOID, TANH, RELU), ch.cached_preactivations),
    _evaluation("layer-detached", on.always, ch.zeroed(("W1", "b1"))),
    Mistake("weights-updated-early", "update", on.sgd, training=lambda rule: ch.updated_early(rule.learning_rate),
            dtypes=("float64",), shows=STEP),
    # Loss and head.
    _loss("loss-summed", on.averages, _samples),
    _loss("log-two", on.logarithmic, lambda n, t: 1 / log(2)),
    _loss("log-ten", on.logarithmic, lambda n, t: 1 / log(10)),
    _loss("loss-sign", on.logarithmic, lambda n, t: -1.0),
    Mistake("root-of-loss", "loss", on.squared, ch.after(lambda n, t, answer: replace(answer, loss=float(np.sqrt(ch.loss_of(answer)))))),
    Mistake("log-epsilon", "loss", on.fused_softmax, ch.log_moved(1e-8)),
    _evaluation("probabilities-clipped", on.fused_softmax, ch.with_loss(ch.NearbyLog(clip=1e-7))),
    _forward("softmax-twice", on.logits_into_cross_entropy, ch.of_output(lambda one: SOFTMAX)),
    _forward("softmax-axis", on.any_softmax, ch.of_output(ch.other_axis)),
    _forward("softmax-unshifted", on.fused_softmax, ch.of_output(ch.unshifted)),
    _evaluation("logits-reversed", on.binary_cross_entropy, ch.rewritten(lambda n: replace(n, loss=replace(n.loss, from_logits=not n.loss.from_logits)))),  # type: ignore[attr-defined, type-var]
    _evaluation("squared-for-cross-entropy", on.cross_entropy, ch.categorical_as(SquaredError)),
    _evaluation("binary-for-categorical", on.cross_entropy, ch.categorical_as(BinaryCrossEntropy)),
    _evaluation("pairs-broadcast", on.one_output, ch.all_pairs),
    _evaluation("labels-shifted", on.classes, ch.given(t=lambda t: np.roll(t, 1, axis=-1))),
    _evaluation("targets-misaligned", on.always, ch.given(t=lambda t: np.roll(t, 1, axis=0))),
    # The forward pass.
    _forward("bias-left-out", on.has_bias, ch.given(params=ch.no_biases)),
    _forward("output-bias-left-out", on.has_bias, ch.given(params=ch.no_output_bias)),
    _forward("activation-left-out", on.hidden(SIGMOID, TANH, RELU), ch.hidden(lambda one: IDENTITY)),
    _forward("activation-swapped", on.hidden(SIGMOID, TANH, RELU), ch.hidden(ch.swapped)),
    _forward("output-activation-left-out", on.squashed_output, ch.of_output(lambda one: IDENTITY)),
    _forward("output-activation-twice", on.squashed_output, ch.of_output(ch.twice)),
    _forward("output-activation-added", on.linear_output, ch.rewritten(lambda n: ch.with_output(n, n.layers[0].activation))),
    _forward("weights-reshaped", on.always, ch.other_order),
    _forward("inputs-truncated", on.always, ch.given(x=np.trunc)),
    _forward("inputs-standardized", on.always, ch.given(x=ch.standardized)),
    Mistake("single-precision", "evaluation", on.always, ch.in_single_precision, dtypes=("float64",)),
    # Calls.
    Mistake("stale-cache", "memory", on.always, anew=memory.stale_cache),
    Mistake("gradients-accumulate", "memory", on.always, anew=memory.accumulated),
    Mistake("inputs-overwritten", "arguments", on.always, memory.overwriting(memory.scale_inputs)),
    Mistake("targets-overwritten", "arguments", on.always, memory.overwriting(memory.subtract_targets)),
    Mistake("parameters-overwritten", "arguments", on.always, memory.overwriting(memory.move_parameters)),
    # The update.
    _update("uphill", on.always, gradient=lambda p, g: -g),
    Mistake("rate-tenfold", "update", on.sgd, optimizer=updates.tenfold_rate),
    Mistake("rate-over-batch", "update", on.sgd, training=lambda rule: ch.scaled(_share), shows=STEP),
    _update("biases-not-updated", on.has_bias, STEP, moves=lambda name: name[0] == "W"),
    _update("weight-decay", on.always, STEP, gradient=lambda p, g: g + 0.01 * p),
    _update("moments-reset", on.adam, remembers=False),
    _update("steps-uncounted", on.adam, counts=False),
    _adam("steps-behind", steps=lambda t, index, tensors: t - 1),
    _adam("steps-per-tensor", steps=lambda t, index, tensors: (t - 1) * tensors + index + 1),
    _adam("correction-missing", corrected=False),
    _adam("epsilon-inside-root", inside=True),
    _adam("moment-of-magnitude", magnitude=True),
    _adam("root-missing", power=1.0),
    Mistake("betas-swapped", "update", on.adam, optimizer=updates.swapped_betas),
    Mistake("epsilon-misplaced", "update", on.adam, optimizer=updates.other_placement),
    # Pruning.
    _pruning("pruned-by-sign", on.prunes, kept=lambda p, threshold: p >= threshold),
    _pruning("pruned-by-square", on.prunes, kept=lambda p, threshold: p * p >= threshold),
    _pruning("ties-pruned", on.prunes, kept=lambda p, threshold: np.abs(p) > threshold),
    _pruning("biases-pruned", on.masks_weights_only, other_biases=True),
    _pruning("mask-forgotten", on.prunes, other_mask=True),
    _pruning("moments-unmasked", lambda s: bool(s.masked), masked_moments=False),
)  # fmt: skip


def applicable(case: fmt.Case) -> list[Mistake]:
    """The mistakes that can be made in what a case is about."""
    about = subject(case)
    return [mistake for mistake in CATALOGUE if mistake.applies(about)]
