"""The catalogue: every mistake as a change of the reference. What each is, why it happens and how to mend it is in texts.toml.

Legend: r is the right gradient, N the batch, C the outputs.
"""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial
from math import log
from typing import Any, Literal, TypeAlias

import numpy as np

from nn_conformance.cases import format as fmt
from nn_maintain.mistakes import changes as ch
from nn_maintain.mistakes import conditions as on
from nn_maintain.mistakes import memory, wrong_updates
from nn_maintain.mistakes.changes import Change
from nn_maintain.mistakes.conditions import Applies, subject
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
        applies: to which networks, with which optimiser.
        change: how it changes an evaluation.
        kind: what it is a mistake of.
        anew: as `change`, made anew for each run of calls in a row, if it remembers.
        training: as `change`, in training only, given the optimiser.
        optimizer: the optimiser as the mistake has it.
        prune: parameters after pruning and after one update, as the mistake has it.
        dtypes: precisions in which it shows.
        shows: the rungs that are its business, if not all of its kind.
    """

    slug: str
    applies: Applies
    change: Change | None = None
    _: KW_ONLY
    kind: Kind
    anew: Callable[[], Change] | None = None
    training: Callable[[Optimizer], Change] | None = None
    optimizer: Callable[[Optimizer], Any] | None = None
    prune: wrong_updates.Prune | None = None
    dtypes: tuple[fmt.Dtype, ...] = fmt.DTYPES
    shows: tuple[str, ...] = ()

    @property
    def rungs(self) -> tuple[str, ...]:
        """The rungs whose business it is."""
        return self.shows or RUNGS[self.kind]


_evaluation = partial(Mistake, kind="evaluation")
_loss = partial(Mistake, kind="loss")
_forward = partial(Mistake, kind="forward")
_memory = partial(Mistake, kind="memory")
_arguments = partial(Mistake, kind="arguments")
_update = partial(Mistake, kind="update")
_pruning = partial(Mistake, kind="pruning")


def _samples(_: Network, t: Array) -> float:
    return float(len(t))


def _share(_: Network, t: Array) -> float:
    return 1 / len(t)


def _outputs(network: Network, _: Array) -> float:
    return float(network.layers[-1].units)


def _square(network: Network, _: Array) -> float:
    return 2.0 if getattr(network.loss, "half", False) else 0.5


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
    _evaluation("bias-summed", on.both(on.has_bias, on.averages), ch.scaled(_samples, "b")),
    _evaluation("bias-of-one-sample", on.has_bias, ch.biases_by(lambda dz: dz[0])),
    _evaluation("bias-over-units", lambda s: on.has_bias(s) and not s.output.vector, ch.biases_by(lambda dz: dz.sum(axis=-1))),
    _evaluation("bias-zero", on.has_bias, ch.scaled(lambda n, t: 0.0, "b")),
    _evaluation("sample-dropped", on.always, ch.on_rows(lambda n: slice(0, max(1, n - 1)))),
    _evaluation("one-sample", on.always, ch.on_rows(lambda n: slice(0, 1))),
    _memory("first-batch-size", on.averages, anew=memory.first_batch_size),
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
    _evaluation("output-derivative-extra", on.delta_without_derivative, ch.output_derivative_again),
    _evaluation("softmax-diagonal", on.unfused_softmax, ch.of_output(lambda one: Softmax(derivative="diagonal"))),
    _evaluation("weights-untransposed", on.matrix_above, ch.every_layer(of_input=ch.untransposed)),
    _evaluation("gradient-transposed", on.always, ch.every_layer(of_weights=ch.transposed)),
    _evaluation("preactivation-cached", on.hidden(SIGMOID, TANH, RELU), ch.cached_preactivations),
    _evaluation("layer-detached", on.always, ch.scaled(lambda n, t: 0.0, ("W1", "b1"))),
    _update("weights-updated-early", on.sgd, training=lambda rule: ch.updated_early(rule.learning_rate),
            dtypes=("float64",), shows=STEP),
    # Loss and head.
    _loss("loss-summed", on.averages, ch.scaled(_samples, "", loss=True)),
    _loss("log-two", on.logarithmic, ch.scaled(lambda n, t: 1 / log(2), "", loss=True)),
    _loss("log-ten", on.logarithmic, ch.scaled(lambda n, t: 1 / log(10), "", loss=True)),
    _loss("loss-sign", on.logarithmic, ch.scaled(lambda n, t: -1.0, "", loss=True)),
    _loss("root-of-loss", on.squared, ch.after(lambda n, t, answer: replace(answer, loss=float(np.sqrt(ch.loss_of(answer)))))),
    _loss("log-epsilon", on.fused_softmax, ch.after(ch.log_moved)),
    _evaluation("probabilities-clipped", on.fused_softmax, ch.other_loss(lambda loss: ch.ClippedLog())),
    _forward("softmax-twice", on.both(on.cross_entropy, on.outputs("identity")), ch.of_output(lambda one: SOFTMAX)),
    _forward("softmax-axis", on.outputs("softmax"), ch.of_output(ch.other_axis)),
    _forward("softmax-unshifted", on.fused_softmax, ch.of_output(ch.unshifted)),
    _evaluation("logits-reversed", on.binary_cross_entropy, ch.other_loss(lambda loss: replace(loss, from_logits=not loss.from_logits))),
    _evaluation("squared-for-cross-entropy", on.cross_entropy, ch.other_loss(lambda loss: SquaredError("samples"))),
    _evaluation("binary-for-categorical", on.cross_entropy, ch.other_loss(lambda loss: BinaryCrossEntropy(getattr(loss, "from_logits", False)))),
    _evaluation("pairs-broadcast", lambda s: on.squared(s) and s.output.units == 1, ch.all_pairs),
    _evaluation("labels-shifted", on.classes, ch.given(t=lambda t: np.roll(t, 1, axis=-1))),
    _evaluation("targets-misaligned", on.always, ch.given(t=lambda t: np.roll(t, 1, axis=0))),
    # The forward pass.
    _forward("bias-left-out", on.has_bias, ch.given(params=ch.no_biases)),
    _forward("output-bias-left-out", on.has_bias, ch.given(params=ch.no_output_bias)),
    _forward("activation-left-out", on.hidden(SIGMOID, TANH, RELU), ch.hidden(lambda one: IDENTITY)),
    _forward("activation-swapped", on.hidden(SIGMOID, TANH, RELU), ch.hidden(ch.swapped)),
    _forward("output-activation-left-out", on.squashed_output, ch.of_output(lambda one: IDENTITY)),
    _forward("output-activation-twice", on.squashed_output, ch.of_output(ch.twice)),
    _forward("output-activation-added", on.outputs("identity"), ch.rewritten(lambda n: ch.with_output(n, n.layers[0].activation))),
    _forward("weights-reshaped", on.always, ch.other_order),
    _forward("inputs-truncated", on.always, ch.given(x=np.trunc)),
    _forward("inputs-standardized", on.always, ch.given(x=ch.standardized)),
    _evaluation("single-precision", on.always, ch.in_single_precision, dtypes=("float64",)),
    # Calls.
    _memory("stale-cache", on.always, anew=memory.stale_cache),
    _memory("gradients-accumulate", on.always, anew=memory.accumulated),
    _arguments("inputs-overwritten", on.always, memory.overwriting(lambda params, x, t: np.divide(x, 2, out=x))),
    _arguments("targets-overwritten", on.always, memory.overwriting(lambda params, x, t: np.subtract(1, t, out=t))),
    _arguments("parameters-overwritten", on.always, memory.overwriting(lambda params, x, t: [np.subtract(p, 0.125, out=p) for p in params.values()])),
    # The update.
    _update("uphill", on.always, optimizer=partial(wrong_updates.Altered, gradient=lambda p, g: -g)),
    _update("rate-tenfold", on.sgd, optimizer=wrong_updates.other_fields(lambda rule: {"learning_rate": 10 * rule.learning_rate})),
    _update("rate-over-batch", on.sgd, training=lambda rule: ch.scaled(_share), shows=STEP),
    _update("biases-not-updated", on.has_bias, optimizer=partial(wrong_updates.Altered, moves=lambda name: name[0] == "W"), shows=STEP),
    _update("weight-decay", on.always, optimizer=partial(wrong_updates.Altered, gradient=lambda p, g: g + 0.01 * p), shows=STEP),
    _update("moments-reset", on.adam, optimizer=partial(wrong_updates.Altered, remembers=False)),
    _update("steps-uncounted", on.adam, optimizer=partial(wrong_updates.Altered, counts=False)),
    _update("steps-behind", on.adam, optimizer=partial(wrong_updates.OtherAdam, steps=lambda t, index, tensors: t - 1)),
    _update("steps-per-tensor", on.adam, optimizer=partial(wrong_updates.OtherAdam, steps=lambda t, index, tensors: (t - 1) * tensors + index + 1)),
    _update("correction-missing", on.adam, optimizer=partial(wrong_updates.OtherAdam, corrected=False)),
    _update("epsilon-inside-root", on.adam, optimizer=partial(wrong_updates.OtherAdam, inside=True)),
    _update("moment-of-magnitude", on.adam, optimizer=partial(wrong_updates.OtherAdam, magnitude=True)),
    _update("root-missing", on.adam, optimizer=partial(wrong_updates.OtherAdam, power=1.0)),
    _update("betas-swapped", on.adam, optimizer=wrong_updates.other_fields(lambda rule: {"beta1": rule.beta2, "beta2": rule.beta1})),
    _update("epsilon-misplaced", on.adam, optimizer=wrong_updates.other_fields(lambda rule: {"placement": "torch" if rule.placement == "keras" else "keras"})),
    # Pruning.
    _pruning("pruned-by-sign", on.prunes, prune=wrong_updates.pruned(kept=lambda p, threshold: p >= threshold)),
    _pruning("pruned-by-square", on.prunes, prune=wrong_updates.pruned(kept=lambda p, threshold: p * p >= threshold)),
    _pruning("ties-pruned", on.prunes, prune=wrong_updates.pruned(kept=lambda p, threshold: np.abs(p) > threshold)),
    _pruning("biases-pruned", on.both(on.prunes, on.has_bias), prune=wrong_updates.pruned(other_biases=True)),
    _pruning("mask-forgotten", on.prunes, prune=wrong_updates.pruned(other_mask=True)),
    _pruning("moments-unmasked", lambda s: bool(s.masked), prune=wrong_updates.pruned(masked_moments=False)),
)  # fmt: skip


def applicable(case: fmt.Case) -> list[Mistake]:
    """The mistakes that can be made in what a case is about."""
    about = subject(case)
    return [mistake for mistake in CATALOGUE if mistake.applies(about)]
