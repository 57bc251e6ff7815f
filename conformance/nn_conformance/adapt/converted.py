"""A target in its own conventions, seen in ours."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from nn_conformance.adapt.arrays import Layers
from nn_conformance.adapt.conventions import OURS, Conventions
from nn_conformance.adapt.pieces import pieces_of
from nn_conformance.adapt.recovered import Recovered
from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import build_network, without_sizes
from nn_conformance.judge.call import Safe
from nn_conformance.judge.limits import loss_count
from nn_conformance.judge.target import (
    Answer,
    Pruning,
    Run,
    Shown,
    Target,
    TargetError,
    Training,
    Unsupported,
    not_done,
)
from nn_reference.activations import sigmoid, softmax
from nn_reference.arithmetic import Array, Params
from nn_reference.network import forward, loss_of_preactivation
from nn_reference.optimizers import State

MANY, ONE = "many", 1


@dataclass(frozen=True)
class Converted(Safe):
    """What judges somebody else's target: asks it in its conventions, and only what it claims.

    What the target says of its own uncertainty is dropped, unless it is a converter of ours that says so: a `Converted`
    can always be judged as trusted.

    Attributes:
        inner: takes and returns arrays in its conventions. It sees networks as the fixtures describe them.
        conventions: what it declares.
        networks: those that it claims, of any sizes; all if empty.
        dtypes: the precisions that it has.
        pieces: of what networks and optimisers may be made that it is asked for; of anything if None.
    """

    inner: Target
    conventions: Conventions = OURS
    networks: Collection[fmt.Network] = ()
    dtypes: Collection[str] = fmt.DTYPES
    pieces: Collection[str] | None = None

    @property
    def name(self) -> str:
        """The target's own."""
        return self.inner.name

    @property
    def fixed(self) -> bool:
        """Whether it has one size, as a model that is made already: then a documented case may be all that fits."""
        return bool(getattr(self.inner, "fixed", False))

    def evaluate(self, network: fmt.Network, params: Params, x: Array, t: Array, *, gradients: bool = True) -> Answer:
        """As `Target.evaluate`, in our conventions.

        Raises:
            Unsupported: a network or precision that is not claimed, or that the conventions cannot express.
            TargetError: an array of another shape than its convention has.
        """
        self._check(network, params)
        if self.conventions.batch == MANY:
            return self._evaluate(network, params, x, t, gradients=gradients)
        if any(layer.activation.axis == "batch" for layer in network.layers):
            raise Unsupported("a softmax over the batch, one sample at a time")
        rows = [slice(n, n + 1) for n in range(len(x))]
        answers = [self._evaluate(network, params, x[row], t[row], gradients=gradients) for row in rows]
        return _combined(answers, 1 if network.loss.reduction == "sum" else len(x))

    def train(self, asked: Training) -> Run:
        """As `Target.train`, in our conventions. Raises as `evaluate` does."""
        network, optimizer, batches = asked.network, asked.optimizer, asked.batches
        self._check(network, asked.params, optimizer)
        conventions, outputs = self.conventions, network.layers[-1].units
        scales = [conventions.update_scale(network.loss, len(rows), outputs) for rows in batches]
        stateless = optimizer.kind == "sgd" and not optimizer.momentum
        if conventions.own_constants(optimizer) != optimizer:
            raise Unsupported("a rate, or an ε, that it does not have")
        if conventions.moments == "fresh" and not stateless and asked.state is not None and asked.state.step:
            raise Unsupported("moments that are given: it starts fresh")
        if any(scale != 1 for scale in scales) and not stateless:
            raise Unsupported("momentum and Adam steps on a loss of another scale than the described one")
        if conventions.batch != MANY and any(len(rows) != ONE for rows in batches):
            raise Unsupported("an update with several samples: it takes one at a time")
        if conventions.batch != MANY and not stateless:
            raise Unsupported("momentum and Adam steps with one sample at a time")
        if len(set(scales)) != 1 or (conventions.batch != MANY and (len(asked.x), len(batches)) != (ONE, ONE)):
            losses, params = list[float](), asked.params
            for rows in batches:
                x, t = asked.x[list(rows)], asked.t[list(rows)]
                run = self.train(Training(network, optimizer, params, x, t, [list(range(len(rows)))]))
                params, losses = run.params, [*losses, *(run.losses or ())]
            return Run(losses if len(losses) == len(batches) else None, params)
        layers = Layers(network, conventions)
        scaled = msgspec.structs.replace(optimizer, learning_rate=optimizer.learning_rate / scales[0])
        state = asked.state
        memory = state and State(state.step, {name: layers.given(m) for name, m in state.moments.items()})
        arrays = layers.given(asked.params), *layers.batch(asked.x, asked.t)
        run = self.inner.train(Training(network, scaled, *arrays, batches, memory))
        if run.losses is not None and len(run.losses) != len(batches):
            raise TargetError(f"losses: expected {len(batches)}, one for each update, got {len(run.losses)}")
        factors = [conventions.loss_scale(network.loss, len(rows), outputs) for rows in batches]
        shown = None if run.losses is None else [loss / c for loss, c in zip(run.losses, factors, strict=True)]
        if conventions.log_clip or conventions.log_epsilon:
            shown = None  # what a clip changes in them depends on parameters on the way
        return Run(shown, layers.taken("parameter", run.params))

    def prune(self, asked: Training, how: Pruning) -> tuple[Params, Params]:
        """As `Pruning` says, for targets without conventions of their own."""
        self._check(asked.network, asked.params)
        prune = getattr(self.inner, "prune", None)
        if prune is None or self.conventions != OURS:
            raise not_done("prune")
        left, after = prune(asked, how)
        return left, after

    def _check(self, network: fmt.Network, params: Params, optimizer: fmt.Optimizer | None = None) -> None:
        if self.pieces is not None and (lacking := pieces_of(network, optimizer) - set(self.pieces)):
            raise Unsupported(f"it names no piece {' or '.join(sorted(lacking))}")
        dtype = next(iter(params.values())).dtype.name
        if dtype not in self.dtypes:
            raise Unsupported(f"{dtype}: the target has {' and '.join(self.dtypes)}")
        if self.networks and without_sizes(network) not in map(without_sizes, self.networks):
            raise Unsupported("another network or loss than those that it claims")

    def _evaluate(self, network: fmt.Network, params: Params, x: Array, t: Array, *, gradients: bool) -> Answer:
        layers = Layers(network, self.conventions)
        answer = self.inner.evaluate(network, layers.given(params), *layers.batch(x, t), gradients=gradients)
        size = len(x), network.layers[-1].units
        recovered = isinstance(self.inner, Recovered)
        # An update has its sign already: one that goes uphill is wrong, whatever is declared of gradients.
        scale_of = self.conventions.update_scale if recovered else self.conventions.gradient_scale
        scale = scale_of(network.loss, *size)
        loss = answer.loss if answer.loss is None else answer.loss / self.conventions.loss_scale(network.loss, *size)
        if loss is not None and (self.conventions.log_clip or self.conventions.log_epsilon):
            loss += _beyond(self.conventions, network, params, x, t)
        beyond = layers.spread(answer.uncertainty, abs(scale)) if recovered else {}
        found = layers.taken("gradient", answer.gradients, scale) if gradients else {}
        return Answer(loss, found, layers.outputs(answer.layers), beyond)


def _beyond(conventions: Conventions, network: fmt.Network, params: Params, x: Array, t: Array) -> float:
    """What the described loss is beyond one with the conventions' clip and ε inside its logarithms."""
    described, exact_t = build_network(network), t.astype(np.float64)
    wide = {name: p.astype(np.float64) for name, p in params.items()}
    z, y = forward(described, wide, x.astype(np.float64))[-1]
    two = network.loss.kind == "binary_cross_entropy"
    if network.loss.from_logits:
        y = sigmoid(z) if two else softmax(z)
    p = y if conventions.log_clip is None else np.clip(y, conventions.log_clip, 1 - conventions.log_clip)
    added = conventions.log_epsilon or 0.0
    terms = exact_t * np.log(np.where(exact_t == 0, 1, p + added))
    if two:
        terms += (1 - exact_t) * np.log(np.where(exact_t == 1, 1, 1 - p + added))
    beyond = np.sum(terms) / loss_count(network.loss, exact_t)
    return float(loss_of_preactivation(described, z, exact_t) + beyond)


def _combined(answers: Sequence[Any], count: int) -> Answer:
    """The answers to single samples as that to all of them: their sums, over `count`.

    Raises:
        TargetError: a loss, gradients or layers come and go between samples, or have other shapes.
    """
    about = "loss and gradients"
    try:
        losses, names = [answer.loss for answer in answers], {name for answer in answers for name in answer.gradients}
        loss = None if all(each is None for each in losses) else sum(losses) / count
        each = {name: [answer.gradients[name] for answer in answers] for name in names}
        total = {name: np.asarray((np.concatenate if name == "x" else sum)(g) / count) for name, g in each.items()}
        about = "layers"
        layers = _joined([answer.layers for answer in answers])
    except (KeyError, TypeError, ValueError):
        words = f"it answers one sample otherwise than the next: {about}, or their shapes"
        raise TargetError(words, "wrong-shape", [about] if about == "layers" else ()) from None
    beyond = {name: sum(a.uncertainty[name] for a in answers) / count for name in answers[0].uncertainty}
    return Answer(loss, {name: total[name] for name in answers[0].gradients}, layers, beyond)


def _joined(shown: Sequence[Any]) -> list[Shown] | None:
    """The layers of single samples as those of all of them; None where none are shown. Raises where they do not fit."""
    if all(layers is None for layers in shown):
        return None
    arrays = [zip(*each, strict=True) for each in zip(*shown, strict=True)]
    return [Shown(*(None if all(a is None for a in of) else np.concatenate(of) for of in each)) for each in arrays]
