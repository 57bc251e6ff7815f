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
from nn_conformance.cases.permutation import permuted, unit_orders
from nn_conformance.judge.climb import over
from nn_conformance.judge.limits import FACTOR, ROUNDINGS, ROUNDOFF, longest_sum, loss_limit, magnitudes, norm
from nn_conformance.judge.target import Answer
from nn_reference.arithmetic import Array, Params
from nn_reference.network import forward

MOVED = 2000.0  # e^z overflows from 710 on, and is 0 from -746 on
TINY = 1e-9  # ‖·‖² of what tells samples apart


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
    """The relations that hold for a network."""
    return [relation for relation in RELATIONS if relation.holds(network)]


def ratio_of(
    relation: Relation, ask: Callable[[Call], Answer], call: Call, first: Answer, dtype: fmt.Dtype
) -> tuple[float, str]:
    """The largest difference between both sides over the limits of both, and of what it is.

    `ask` calls the target, and returns arrays that no later call changes; `first` is its answer to `call`.
    """
    calls, combine = relation.vary(call, RandomState(0))
    answers = [of_parameters(ask(c)) for c in calls]
    return _worst(of_parameters(first), combine(answers), call, dtype)


def of_parameters(answer: Answer) -> Answer:
    """The answer without ∂L/∂x, which is of as many samples as there are."""
    return replace(answer, gradients={name: g for name, g in answer.gradients.items() if name != "x"})


def softmax_at_the_end(network: fmt.Network) -> bool:
    """Whether the loss does not change when all logits of a sample move alike, nor a penalty of the weights."""
    last = network.layers[-1]
    softmax = (last.activation.axis, last.activation.backward) == ("outputs", "exact")
    inside = network.loss.kind == "cross_entropy" and network.loss.from_logits and last.activation.kind == "identity"
    return (softmax or inside) and network.penalty is None


def ratio_with_moved_logits(
    ask: Callable[[Call], Answer], call: Call, first: Answer, dtype: fmt.Dtype
) -> tuple[float, str]:
    """As `ratio_of`, for a softmax whose logits are moved by thousands, those of one sample otherwise than another's.

    The same vector is added to the weights of every output, along the inputs of a sample that is far from the mean.

    A logit of size S is rounded by S·u, by which part its e^z, p, and every term that has p as a factor change: the limit
    is that of the other relations, at the new weights, times 1 + S.
    """
    name, last = f"W{len(call.network.layers)}", call.network.layers[-1]
    below = [call.x, *(layer.a for layer in forward(build_network(call.network), call.params, call.x))][-2]
    far = max(below - below.mean(axis=0), key=norm)
    along = (far * MOVED / max(float(far @ far), TINY)).astype(dtype)
    weights = call.params[name] + (along if last.layout == "out,in" else along[:, None])
    moved = replace(call, params=call.params | {name: weights})
    size = float((np.abs(below) @ np.abs(along)).max())
    ratio, what = _worst(of_parameters(first), of_parameters(ask(moved)), moved, dtype)
    return ratio / (1 + size), what


def _uncoupled(network: fmt.Network) -> bool:
    """No softmax couples the samples of a batch."""
    return all(layer.activation.axis != "batch" for layer in network.layers)


def _permuted_batch(call: Call, rng: RandomState) -> Variation:
    """The samples in another order."""
    order = rng.permutation(len(call.x))
    return [replace(call, x=call.x[order], t=call.t[order])], lambda answers: answers[0]


def _batches(call: Call, batches: Sequence[list[int]]) -> Variation:
    """The samples in other batches: they add up under a sum, and average under a mean."""
    calls = [replace(call, x=call.x[rows], t=call.t[rows]) for rows in batches]
    samples = sum(len(c.x) for c in calls) / len(call.x)
    return _summed(call, calls, 1 / samples if call.network.loss.reduction == "sum" else 1 / len(calls))


def _scaled_loss(call: Call, _: RandomState) -> Variation:
    """With the ½ of a squared error, or without."""
    loss = call.network.loss
    other = msgspec.structs.replace(loss, half=not loss.half)
    changed = replace(call, network=msgspec.structs.replace(call.network, loss=other))
    return _summed(call, [changed], 0.5 if loss.half else 2.0)


def _summed(call: Call, calls: Sequence[Call], factor: float) -> Variation:
    """The sum of the answers to `calls` times a factor, both without the penalty, and then the first call's penalty."""

    def combine(answers: Sequence[Answer]) -> Answer:
        loss, penalties = _penalty(call)
        beyond = {name: factor * sum(a.uncertainty.get(name, 0.0) for a in answers) for name in call.params}
        total = None if any(a.loss is None for a in answers) else loss
        gradients = {name: penalties.get(name, 0.0) + np.zeros_like(g) for name, g in answers[0].gradients.items()}
        for answer, (extra, more) in zip(answers, map(_penalty, calls), strict=True):
            if total is not None and answer.loss is not None:
                total += factor * (answer.loss - extra)
            for name, total_of in gradients.items():
                gradients[name] = total_of + factor * (answer.gradients[name] - more.get(name, 0.0))
        return Answer(total, gradients, uncertainty=beyond)

    return calls, combine


def _penalty(call: Call) -> tuple[float, Params]:
    """What the penalty adds to the loss, and to the gradient of each parameter that it takes, in float64."""
    penalty = build_network(call.network).penalty
    if penalty is None:
        return 0.0, {}
    wide = {name: np.asarray(p, np.float64) for name, p in call.params.items() if penalty.takes(name)}
    gradients = {name: np.asarray(penalty.gradient(p, len(call.x))) for name, p in wide.items()}
    return float(penalty.value(wide, len(call.x))), gradients


def _permuted_units(call: Call, rng: RandomState) -> Variation:
    """The hidden layers' units in another order: the same function, its gradients in that order."""
    orders = unit_orders(call.network, rng)
    back = [np.argsort(order) for order in orders]

    def combine(answers: Sequence[Answer]) -> Answer:
        return replace(answers[0], gradients=permuted(call.network, answers[0].gradients, back))

    return [replace(call, params=permuted(call.network, call.params, orders))], combine


def _padded_inputs(call: Call, rng: RandomState) -> Variation:
    """A further input that is always 0: nothing may change, and its weights must get a gradient of exactly 0.

    Its weights are 0 where a penalty would see them.
    """
    first, dtype = call.network.layers[0], call.x.dtype
    axis = 1 if first.layout == "out,in" and not first.vector else 0
    weights = call.params["W1"]
    least, below = (1, 9) if call.network.penalty is None else (0, 1)
    extra = np.asarray(rng.randint(least, below, np.take(weights, [0], axis).shape), dtype)
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
    longest = longest_sum(call.network, 2 * len(call.x))
    unit = ROUNDOFF[dtype] * float(np.sqrt(longest))
    layers = forward(build_network(call.network), call.params, call.x)
    terms = magnitudes(call.network, call.params, layers, call.x, call.t)
    ratios = {}
    if first.loss is not None:
        apart = inf if other.loss is None else abs(first.loss - other.loss)
        limit = loss_limit(call.network, layers[-1].a, call.t, first.loss, dtype, longest).value
        ratios["loss"] = over(apart, 2 * limit)
    for name, g in first.gradients.items():
        # ‖g‖ is at most ‖M‖, also that of each sample's share, which may cancel in the sum.
        limit = 2 * unit * (FACTOR + ROUNDINGS) * norm(terms[name])
        limit += sum(answer.uncertainty.get(name, 0.0) for answer in (first, other))
        found = other.gradients[name]
        ratios[name] = over(norm(g - found), limit) if found.shape == g.shape else inf
    name = max(ratios, key=lambda key: ratios[key])
    return ratios[name], name


RELATIONS: tuple[Relation, ...] = (
    Relation("permuted-batch", lambda _: True, _permuted_batch),
    Relation("doubled-batch", _uncoupled, lambda call, _: _batches(call, [[*range(len(call.x))] * 2])),
    Relation("sum-over-samples", _uncoupled, lambda call, _: _batches(call, [[n] for n in range(len(call.x))])),
    Relation("permuted-units", lambda network: not all(layer.skip for layer in network.layers[:-1]), _permuted_units),
    Relation("padded-inputs", lambda network: not network.layers[0].skip, _padded_inputs),
    Relation("scaled-loss", lambda network: network.loss.kind == "squared_error", _scaled_loss),
    Relation(
        "doubled-targets",
        lambda network: network.loss.kind == "linear",
        lambda call, _: _summed(call, [replace(call, t=2 * call.t)], 0.5),
    ),
)
