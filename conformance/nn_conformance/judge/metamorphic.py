"""Checks that need no expected values: what must hold between calls of one target, on anybody's network.

A wrong gradient that still has all these symmetries passes: they stand beside the certified values, not for them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import TypeAlias

import msgspec
import numpy as np
from numpy.random import RandomState

from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import build_network
from nn_conformance.judge.climb import over
from nn_conformance.judge.limits import FACTOR, ROUNDINGS, ROUNDOFF, longest_sum, magnitudes, norm
from nn_conformance.judge.target import Answer
from nn_reference.arithmetic import Array, Params
from nn_reference.network import forward


@dataclass(frozen=True)
class Call:
    """A network with numbers, as a target is called."""

    network: fmt.Network
    params: Params
    x: Array
    t: Array


Combine: TypeAlias = Callable[[Sequence[Answer]], Answer]
# The calls to make, and how their answers become what the first call's must equal.
Variation: TypeAlias = tuple[Sequence[Call], Combine]


@dataclass(frozen=True)
class Relation:
    """What must hold between calls.

    Attributes:
        name: stands in the ids.
        holds: for which networks.
        vary: the other calls, and what their answers say of the first.
    """

    name: str
    holds: Callable[[fmt.Network], bool]
    vary: Callable[[Call, RandomState], Variation]


def relations(network: fmt.Network) -> list[Relation]:
    """The relations that hold for a network: with a penalty, a skip connection or Σ t·y only that of a permuted batch."""
    plain = (
        network.penalty is None and network.loss.kind != "linear" and not any(layer.skip for layer in network.layers)
    )
    return [relation for relation in (RELATIONS if plain else RELATIONS[:1]) if relation.holds(network)]


def ratio_of(
    relation: Relation, ask: Callable[[Call], Answer], call: Call, first: Answer, dtype: fmt.Dtype
) -> tuple[float, str]:
    """The largest difference between both sides over the limits of both, and of what it is.

    Args:
        relation: one that holds for the network.
        ask: the target, in arrays that no later call changes.
        call: arrays in `dtype`.
        first: the target's answer to it.
        dtype: the precision.
    """
    calls, combine = relation.vary(call, RandomState(0))
    answers = [ask(c) for c in calls]
    return _worst(first, combine(answers), call, dtype)


def _always(_: fmt.Network) -> bool:
    return True


def _uncoupled(network: fmt.Network) -> bool:
    """No softmax couples the samples of a batch."""
    return all(layer.activation.axis != "batch" for layer in network.layers)


def _permuted_batch(call: Call, rng: RandomState) -> Variation:
    """The samples in another order."""
    order = rng.permutation(len(call.x))
    return [replace(call, x=call.x[order], t=call.t[order])], _same


def _doubled_batch(call: Call, _: RandomState) -> Variation:
    """Every sample twice: nothing changes under a mean, all doubles under a sum."""
    doubled = replace(call, x=np.concatenate([call.x] * 2), t=np.concatenate([call.t] * 2))
    return [doubled], _times(0.5 if call.network.loss.reduction == "sum" else 1.0)


def _samples(call: Call, _: RandomState) -> Variation:
    """Each sample by itself: they add up, or average."""
    calls = [replace(call, x=call.x[n : n + 1], t=call.t[n : n + 1]) for n in range(len(call.x))]
    return calls, _times(1.0 if call.network.loss.reduction == "sum" else 1 / len(calls))


def _scaled_loss(call: Call, _: RandomState) -> Variation:
    """With the ½ of a squared error, or without."""
    loss = call.network.loss
    other = msgspec.structs.replace(loss, half=not loss.half)
    return [replace(call, network=msgspec.structs.replace(call.network, loss=other))], _times(0.5 if loss.half else 2.0)


def _same(answers: Sequence[Answer]) -> Answer:
    return answers[0]


def _times(factor: float) -> Combine:
    """The sum of the answers, times a factor."""

    def combine(answers: Sequence[Answer]) -> Answer:
        names = answers[0].gradients
        total = {name: np.asarray(sum(a.gradients[name] for a in answers)) * factor for name in names}
        beyond = {name: factor * sum(a.uncertainty.get(name, 0.0) for a in answers) for name in names}
        losses = [a.loss for a in answers if a.loss is not None]
        loss = sum(losses) * factor if len(losses) == len(answers) else None
        return Answer(loss, total, uncertainty=beyond)

    return combine


def _permuted_units(call: Call, rng: RandomState) -> Variation:
    """The first hidden layer's units in another order: the same function, its gradients in that order."""
    first, second = call.network.layers[:2]
    order = rng.permutation(first.units)
    axes = {"W1": 0 if first.layout == "out,in" else 1, "b1": 0}
    axes["W2"] = 1 if second.layout == "out,in" and not second.vector else 0
    params = {name: np.take(p, order, axes[name]) if name in axes else p for name, p in call.params.items()}
    back = np.argsort(order)

    def combine(answers: Sequence[Answer]) -> Answer:
        found = answers[0].gradients
        ordered = {name: np.take(g, back, axes[name]) if name in axes else g for name, g in found.items()}
        return replace(answers[0], gradients=ordered)

    return [replace(call, params=params)], combine


def _padded_inputs(call: Call, rng: RandomState) -> Variation:
    """A further input that is always 0: nothing may change, and its weights must get a gradient of exactly 0."""
    first, dtype = call.network.layers[0], call.x.dtype
    axis = 1 if first.layout == "out,in" and not first.vector else 0
    weights = call.params["W1"]
    extra = np.asarray(rng.randint(1, 9, np.take(weights, [0], axis).shape), dtype)
    params = call.params | {"W1": np.concatenate([weights, extra], axis)}
    x = np.concatenate([call.x, np.zeros((len(call.x), 1), dtype)], 1)
    network = msgspec.structs.replace(call.network, inputs=call.network.inputs + 1)

    def combine(answers: Sequence[Answer]) -> Answer:
        g = answers[0].gradients["W1"]
        spare = np.take(g, [-1], axis)
        kept = np.delete(g, -1, axis)
        # What the padding got counts against all of the tensor.
        counted = np.full_like(kept, np.inf) if spare.any() else kept
        return replace(answers[0], gradients=answers[0].gradients | {"W1": counted})

    return [Call(network, params, x, call.t)], combine


def _worst(first: Answer, other: Answer, call: Call, dtype: fmt.Dtype) -> tuple[float, str]:
    """The largest difference over the limits of both sides, and of what."""
    unit = ROUNDOFF[dtype] * float(np.sqrt(longest_sum(call.network, 2 * len(call.x))))
    layers = forward(build_network(call.network), call.params, call.x)
    terms = magnitudes(call.network, call.params, layers, call.x, call.t)
    ratios = {}
    if first.loss is not None:
        apart = inf if other.loss is None else abs(first.loss - other.loss)
        ratios["loss"] = over(apart, 2 * FACTOR * unit * abs(first.loss))
    for name, g in first.gradients.items():
        # ‖g‖ is at most ‖M‖, also that of each sample's share, which may cancel in the sum.
        limit = 2 * unit * (FACTOR + ROUNDINGS) * norm(terms[name])
        limit += sum(answer.uncertainty.get(name, 0.0) for answer in (first, other))
        found = other.gradients[name]
        ratios[name] = over(norm(g - found), limit) if found.shape == g.shape else inf
    name = max(ratios, key=lambda key: ratios[key])
    return ratios[name], name


RELATIONS: tuple[Relation, ...] = (
    Relation("permuted-batch", _always, _permuted_batch),
    Relation("doubled-batch", _uncoupled, _doubled_batch),
    Relation("sum-over-samples", _uncoupled, _samples),
    Relation("permuted-units", lambda network: len(network.layers) > 1, _permuted_units),
    Relation("padded-inputs", _always, _padded_inputs),
    Relation("scaled-loss", lambda network: network.loss.kind == "squared_error", _scaled_loss),
)
