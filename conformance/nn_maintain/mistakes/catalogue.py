"""The catalogue: every mistake as a change of the reference. What each is, why it happens and how to mend it is in texts.toml.

Legend: r is the right gradient, N the batch, C the outputs.
"""

from collections.abc import Callable, Collection
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial
from math import log, sqrt
from typing import Any, Literal, TypeAlias

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import build_network
from nn_maintain.mistakes import changes as ch
from nn_maintain.mistakes import wrong_updates
from nn_maintain.mistakes.changes import Change
from nn_reference.activations import IDENTITY, RELU, SIGMOID, SOFTMAX, TANH, Softmax, sigmoid
from nn_reference.arithmetic import Array
from nn_reference.losses import BinaryCrossEntropy, SquaredError
from nn_reference.network import Dense, Network
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
    """One mistake."""

    slug: str  # its stable name
    needs: Collection[str]  # what a network must have, of `properties`
    change: Change | None = None  # how it changes an evaluation
    _: KW_ONLY
    kind: Kind  # what it is a mistake of
    anew: Callable[[], Change] | None = None  # as `change`, made anew for each run of calls in a row, if it remembers
    training: Callable[[Optimizer], Change] | None = None  # as `change`, in training only, given the optimiser
    optimizer: Callable[[Optimizer], Any] | None = None  # the optimiser as the mistake has it
    prune: wrong_updates.Prune | None = None  # parameters after pruning and after one update, as the mistake has it
    dtypes: tuple[fmt.Dtype, ...] = fmt.DTYPES  # precisions in which it shows
    shows: tuple[str, ...] = ()  # the rungs that are its business, if not all of its kind

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
    _evaluation("sum-for-mean", {"mean"}, ch.scaled(_samples)),
    _evaluation("mean-twice", (), ch.scaled(_share)),
    _evaluation("factor-two", {"squared_error"}, ch.scaled(_square)),
    _evaluation("half-in-both", {"squared_error"}, ch.scaled(_square, loss=True)),
    _evaluation("sum-in-both", {"mean"}, ch.scaled(_samples, loss=True)),
    _evaluation("mean-over-outputs", {"classes"}, ch.scaled(lambda n, t: 1 / _outputs(n, t))),
    _evaluation("outputs-summed", {"mean over outputs"}, ch.scaled(_outputs)),
    _evaluation("sign", (), ch.scaled(lambda n, t: -1.0)),
    _evaluation("bias-averaged", {"biases"}, ch.scaled(_share, "b")),
    _evaluation("bias-summed", {"biases", "mean"}, ch.scaled(_samples, "b")),
    _evaluation("bias-of-one-sample", {"biases"}, ch.biases_by(lambda dz: dz[0])),
    _evaluation("bias-over-units", {"biases", "matrix output"}, ch.biases_by(lambda dz: dz.sum(axis=-1))),
    _evaluation("bias-zero", {"biases"}, ch.scaled(lambda n, t: 0.0, "b")),
    _evaluation("sample-dropped", (), ch.on_rows(lambda n: slice(0, max(1, n - 1)))),
    _evaluation("one-sample", (), ch.on_rows(lambda n: slice(0, 1))),
    _memory("first-batch-size", {"mean"}, anew=ch.first_batch_size),
    # The chain rule.
    _evaluation("derivative-missing", {"hidden"}, ch.hidden_rule(lambda z, a, da: da)),
    _evaluation("derivative-at-a", {"hidden sigmoid"}, ch.hidden_rule(lambda z, a, da: da * sigmoid(a) * (1 - sigmoid(a)), SIGMOID)),
    _evaluation("z-for-a", {"hidden sigmoid"}, ch.hidden_rule(lambda z, a, da: da * z * (1 - z), SIGMOID)),
    _evaluation("sigmoid-first-power", {"hidden sigmoid"}, ch.hidden_rule(lambda z, a, da: da * a, SIGMOID)),
    _evaluation("tanh-rule-for-sigmoid", {"hidden sigmoid"}, ch.hidden_rule(TANH.backward, SIGMOID)),
    _evaluation("tanh-first-power", {"hidden tanh"}, ch.hidden_rule(lambda z, a, da: da * (1 - a), TANH)),
    _evaluation("tanh-at-a", {"hidden tanh"}, ch.hidden_rule(lambda z, a, da: da * (1 - np.tanh(a) ** 2), TANH)),
    _evaluation("tanh-of-z", {"hidden tanh"}, ch.hidden_rule(lambda z, a, da: da * (1 - z * z), TANH)),
    _evaluation("sigmoid-rule-for-tanh", {"hidden tanh"}, ch.hidden_rule(SIGMOID.backward, TANH)),
    _evaluation("relu-leaky", {"hidden relu"}, ch.hidden_rule(lambda z, a, da: da * np.where(z > 0, 1, z.dtype.type(0.1)), RELU)),
    _evaluation("relu-mask-inclusive", {"hidden relu"}, ch.hidden_rule(lambda z, a, da: da * (a >= 0), RELU)),
    _evaluation("relu-mask-of-gradient", {"hidden relu"}, ch.hidden_rule(lambda z, a, da: da * (da > 0), RELU)),
    _evaluation("output-derivative-missing", {"squashed output"}, ch.of_output(lambda one: replace(one, backward=lambda z, a, da: da))),
    _evaluation("output-derivative-extra", {"p - t"}, ch.output_derivative_again),
    _evaluation("softmax-diagonal", {"unfused softmax"}, ch.of_output(lambda one: Softmax(derivative="diagonal"))),
    _evaluation("weights-untransposed", {"matrix above"}, ch.every_layer(input_gradient=ch.untransposed)),
    _evaluation("gradient-transposed", (), ch.every_layer(weight_gradient=lambda layer, a, dz: Dense.weight_gradient(layer, a, dz).T)),
    _evaluation("preactivation-cached", {"hidden"}, ch.cached_preactivations),
    _evaluation("layer-detached", (), ch.scaled(lambda n, t: 0.0, ("W1", "b1"))),
    _update("weights-updated-early", {"sgd"}, training=lambda rule: ch.updated_early(rule.learning_rate),
            dtypes=("float64",), shows=STEP),
    # Loss and head.
    _loss("loss-summed", {"mean"}, ch.scaled(_samples, "", loss=True)),
    _loss("log-two", {"logarithm"}, ch.scaled(lambda n, t: 1 / log(2), "", loss=True)),
    _loss("log-ten", {"logarithm"}, ch.scaled(lambda n, t: 1 / log(10), "", loss=True)),
    _loss("loss-sign", {"logarithm"}, ch.scaled(lambda n, t: -1.0, "", loss=True)),
    _loss("root-of-loss", {"squared_error"}, ch.after(lambda n, t, answer: replace(answer, loss=float(np.sqrt(ch.loss_of(answer)))))),
    _loss("log-epsilon", {"fused softmax"}, ch.after(ch.log_moved)),
    _evaluation("probabilities-clipped", {"fused softmax"}, ch.other_loss(lambda loss: ch.ClippedLog())),
    _forward("softmax-twice", {"cross_entropy", "identity output"}, ch.of_output(lambda one: SOFTMAX)),
    _forward("softmax-axis", {"softmax output"}, ch.of_output(ch.other_axis)),
    _forward("softmax-unshifted", {"fused softmax"}, ch.of_output(ch.unshifted)),
    _evaluation("logits-reversed", {"binary_cross_entropy"}, ch.other_loss(lambda loss: replace(loss, from_logits=not loss.from_logits))),
    _evaluation("squared-for-cross-entropy", {"cross_entropy"}, ch.other_loss(lambda loss: SquaredError("samples"))),
    _evaluation("binary-for-categorical", {"cross_entropy"}, ch.other_loss(lambda loss: BinaryCrossEntropy(getattr(loss, "from_logits", False)))),
    _evaluation("pairs-broadcast", {"squared_error", "one output"}, ch.all_pairs),
    _evaluation("labels-shifted", {"classes"}, ch.given(t=lambda t: np.roll(t, 1, axis=-1))),
    _evaluation("targets-misaligned", (), ch.given(t=lambda t: np.roll(t, 1, axis=0))),
    # The forward pass.
    _forward("bias-left-out", {"biases"}, ch.given(params=ch.no_biases)),
    _forward("output-bias-left-out", {"biases"}, ch.given(params=ch.no_output_bias)),
    _forward("activation-left-out", {"hidden"}, ch.hidden(lambda one: IDENTITY)),
    _forward("activation-swapped", {"hidden"}, ch.hidden(lambda one: TANH if one.name == "sigmoid" else SIGMOID)),
    _forward("output-activation-left-out", {"squashed output"}, ch.of_output(lambda one: IDENTITY)),
    _forward("output-activation-twice", {"squashed output"}, ch.of_output(ch.twice)),
    _forward("output-activation-added", {"identity output"}, ch.first_activation_again),
    _forward("weights-reshaped", (), ch.other_order),
    _forward("inputs-truncated", (), ch.given(x=np.trunc)),
    _forward("inputs-standardized", (), ch.given(x=ch.standardized)),
    _evaluation("single-precision", (), ch.in_single_precision, dtypes=("float64",)),
    # Calls.
    _memory("stale-cache", (), anew=ch.stale_cache),
    _memory("gradients-accumulate", (), anew=ch.accumulated),
    _arguments("inputs-overwritten", (), ch.overwriting(lambda params, x, t: np.divide(x, 2, out=x))),
    _arguments("targets-overwritten", (), ch.overwriting(lambda params, x, t: np.subtract(1, t, out=t))),
    _arguments("parameters-overwritten", (), ch.overwriting(lambda params, x, t: [np.subtract(p, 0.125, out=p) for p in params.values()])),
    # The update.
    _update("uphill", (), optimizer=wrong_updates.seeing(lambda p, g: -g)),
    _update("rate-tenfold", {"sgd"}, optimizer=wrong_updates.other_fields(lambda rule: {"learning_rate": 10 * rule.learning_rate})),
    _update("rate-over-batch", {"sgd"}, training=lambda rule: ch.scaled(_share), shows=STEP),
    _update("biases-not-updated", {"biases"}, optimizer=wrong_updates.stepping(wrong_updates.weights_alone), shows=STEP),
    _update("weight-decay", (), optimizer=wrong_updates.seeing(lambda p, g: g + 0.01 * p), shows=STEP),
    _update("moments-reset", {"adam"}, optimizer=wrong_updates.stepping(lambda rule, params, g, state: rule.step(params, g, rule.init(params)))),
    _update("steps-uncounted", {"adam"}, optimizer=wrong_updates.stepping(wrong_updates.uncounted)),
    _update("steps-behind", {"adam"}, optimizer=wrong_updates.other_adam(steps=lambda t, index, tensors: t - 1)),
    _update("steps-per-tensor", {"adam"}, optimizer=wrong_updates.other_adam(steps=lambda t, index, tensors: (t - 1) * tensors + index + 1)),
    _update("correction-missing", {"adam"}, optimizer=wrong_updates.other_adam(steps=lambda t, index, tensors: 10**9)),
    _update("epsilon-inside-root", {"adam"}, optimizer=wrong_updates.other_adam(inside=True)),
    _update("moment-of-magnitude", {"adam"}, optimizer=wrong_updates.other_adam(magnitude=True)),
    _update("root-missing", {"adam"}, optimizer=wrong_updates.other_adam(power=1.0)),
    _update("betas-swapped", {"adam"}, optimizer=wrong_updates.other_fields(lambda rule: {"beta1": rule.beta2, "beta2": rule.beta1})),
    _update("epsilon-misplaced", {"adam"}, optimizer=wrong_updates.other_fields(lambda rule: {"placement": "torch" if rule.placement == "keras" else "keras"})),
    # Pruning.
    _pruning("pruned-by-sign", {"pruned"}, prune=wrong_updates.pruning(wrong_updates.negative_pruned)),
    _pruning("pruned-by-square", {"pruned"}, prune=wrong_updates.pruning(lambda params, how: (params, replace(how, threshold=sqrt(how.threshold))))),
    _pruning("ties-pruned", {"pruned"}, prune=wrong_updates.pruning(wrong_updates.ties_pruned)),
    _pruning("biases-pruned", {"pruned", "biases"}, prune=wrong_updates.pruning(wrong_updates.other_biases)),
    _pruning("mask-forgotten", {"pruned"}, prune=wrong_updates.pruning(lambda params, how: (params, replace(how, keep_mask=not how.keep_mask)))),
    _pruning("moments-unmasked", {"masked"}, prune=wrong_updates.unmasked_moments),
)  # fmt: skip


def applicable(case: fmt.Case) -> list[Mistake]:
    """The mistakes that can be made in what a case is about."""
    has = properties(case.network, case.optimizer, case.pruned)
    return [mistake for mistake in CATALOGUE if has.issuperset(mistake.needs)]


def properties(network: fmt.Network, optimizer: fmt.Optimizer, pruned: fmt.Pruned | None = None) -> set[str]:
    """Of a network with its optimiser, and with what is pruned of it; the words are those of a mistake's `needs`."""
    loss, hidden, output = network.loss, {layer.activation.kind for layer in network.layers[:-1]}, network.layers[-1]
    last, classes = output.activation, output.units > 1
    fused = build_network(network).loss_takes_logits_of_softmax
    binary, exact = loss.kind == "binary_cross_entropy", (last.axis, last.backward) == ("outputs", "exact")
    has = {
        "biases": network.layers[0].bias,
        "hidden": bool(hidden & {"sigmoid", "tanh", "relu"}),
        # A matrix of a single column fits only as its transpose.
        "matrix above": any(not layer.vector and layer.units > 1 for layer in network.layers[1:]),
        "matrix output": not output.vector,
        "one output": not classes,
        "classes": classes,
        "logarithm": loss.kind in ("cross_entropy", "binary_cross_entropy"),
        "mean": loss.kind != "squared_error" or loss.reduction != "sum",
        "mean over outputs": (binary or loss.reduction == "elements") and classes,
        "squashed output": loss.kind == "squared_error" and last.kind != "identity",
        "fused softmax": fused,
        "unfused softmax": last.kind == "softmax" and exact and not fused,
        # The whole gradient with respect to the outputs' z: softmax or logits with the loss made for them.
        "p - t": fused or (loss.from_logits and last.kind == "identity"),
        "pruned": pruned is not None,
        "masked": pruned is not None and pruned.keep_mask,
    }
    kinds = {f"hidden {kind}" for kind in hidden} | {f"{last.kind} output", loss.kind, optimizer.kind}
    return kinds | {name for name, there in has.items() if there}
