"""The probes: tiny cases, each made so that certain mistakes cannot hide.

All numbers are multiples of 1/16 that float32 holds exactly, drawn as integers from NumPy's legacy generator, whose
streams are frozen; biases are moved by 2⁻¹⁰, 2⁻¹⁵, ..., so that no pre-activation is zero by accident. Widths, batch and classes are pairwise distinct unless a probe says otherwise.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.random import RandomState

from nn_conformance.cases.drafts import Draft, structural_zeros
from nn_conformance.cases.families import family
from nn_reference.activations import RELU
from nn_reference.arithmetic import Array
from nn_reference.losses import BinaryCrossEntropy
from nn_reference.network import Network, forward
from nn_reference.optimizers import SGD, Adam
from nn_reference.systems import System

INPUTS, HIDDEN, CLASSES, SAMPLES = 5, (4, 6, 8), 3, 7
TRAJECTORY = 120  # updates
PROBE_EPSILON = 1e-2  # with 1e-8 nobody can tell where ε stands


def probes(system: System) -> Iterator[Draft]:
    """The probes that a system is the first to need: all, if it is the first of its family, and its own pruning."""
    if family(system) is system:
        for make in (_rectangular, _square, _one, _partial, _unbalanced, _twice, _saturated, _extreme):
            yield make(system)
        if any(layer.activation is RELU for layer in system.network.layers):
            yield _kink(system)
            yield _dead(system)
        if isinstance(system.network.loss, BinaryCrossEntropy) and not system.network.loss.from_logits:
            yield _clipped(system)
    if system.recipe.pruning is not None:
        yield _pruned(system)


def _rectangular(system: System) -> Draft:
    rows = tuple(range(SAMPLES))
    return replace(
        _draft(system, seed=1),
        case="probe-rectangular",
        purpose="all sizes differ: a transpose, a sum over the wrong axis or a mean over the wrong count shows",
        steps=(rows, rows[:3], rows[3:]),
        batches=(rows,) * TRAJECTORY,
    )


def _square(system: System) -> Draft:
    return replace(
        _draft(system, seed=2, inputs=4, hidden=(4, 4, 4), classes=4, samples=4),
        case="probe-square",
        purpose="all sizes are equal: a missing or needless transpose changes numbers and no shape",
        flags=("square",),
        steps=((0, 1, 2, 3),),
    )


def _one(system: System) -> Draft:
    draft = _draft(system, seed=3, samples=1)
    zeros = {}
    if draft.network.layers[-1].activation.axis == -2:
        why = "a softmax over a batch of one is 1 whatever its input"
        zeros = dict.fromkeys(draft.params, why)
    return replace(
        draft,
        case="probe-one",
        purpose="a batch of one: sums over samples and means are the same, and shapes may collapse",
        flags=("single-sample",),
        steps=((0,),),
        zeros=zeros or draft.zeros,
    )


def _partial(system: System) -> Draft:
    batches = ((0, 1, 2), (3, 4, 5), (6,))
    return replace(
        _draft(system, seed=4),
        case="probe-partial",
        purpose="the last batch has one sample, not three: it must be divided by its own size",
        flags=("partial-batch",),
        steps=batches,
        batches=batches * (TRAJECTORY // 3),
    )


def _unbalanced(system: System) -> Draft:
    draft = _draft(system, seed=5, samples=6)
    t = np.zeros_like(draft.t)
    if t.ndim == 1:
        t[0] = 1
    else:
        t[:, 0], t[-1] = 1, np.eye(t.shape[1])[-1]
    return replace(
        draft,
        t=t,
        case="probe-unbalanced",
        purpose="five samples of one class and one of another: permuted or shifted labels show, and weights by class",
        flags=("unbalanced",),
    )


def _twice(system: System) -> Draft:
    draft, other = _draft(system, seed=6), _draft(system, seed=7, samples=2)
    return replace(
        draft,
        case="probe-twice",
        purpose="two calls in a row with other data: a stale cache or gradients that add up show in the second",
        flags=("two-calls",),
        second=(other.x, other.t),
    )


def _saturated(system: System) -> Draft:
    draft = _draft(system, seed=8)
    params = {name: p * 8 if name.startswith("W1") else p for name, p in draft.params.items()}
    return replace(
        draft,
        params=params,
        x=draft.x * 4,
        case="probe-saturated",
        purpose="first-layer pre-activations of some tens: a derivative taken of the wrong thing is far off there",
        flags=("saturated",),
    )


def _extreme(system: System) -> Draft:
    draft = _draft(system, seed=9, samples=4)
    layers = len(draft.network.layers)
    params, last, bias = dict(draft.params), f"W{layers}", f"b{layers}"
    if bias in params and params[bias].size > 1:
        params[bias] = np.array([1000.0, -1000.0, 0.0])
    else:
        # Hidden units that differ from sample to sample, and large weights, make outputs of either sign.
        params["W1"], params[last] = params["W1"] * 16, params[last] * 4096
        if bias in params:
            params[bias] = np.zeros(params[bias].shape)
            z = forward(draft.network, params, draft.x)[-1].z
            params[bias] -= np.round((z.max() + z.min()) / 2)
    return replace(
        draft,
        params=params,
        case="probe-extreme",
        purpose="outputs of ±1000 before their activation: what overflows, or takes the logarithm of a rounded 0, is NaN",
        flags=("extreme",),
    )


def _kink(system: System) -> Draft:
    """Small integers up to the first ReLU: there z is exact in any order. In sample 0, two of its units are at zero."""
    draft = _draft(system, seed=10, samples=3)
    rng = RandomState(11)
    params, a = dict(draft.params), _integers(rng, draft.x.shape)
    x = a
    for layer, (weights, bias) in zip(draft.network.layers, draft.network.names, strict=True):
        if bias is None:
            raise ValueError(f"{draft.id}: expected a bias up to the first ReLU, to put its units at zero")
        params[weights] = _integers(rng, params[weights].shape)
        z = a @ (params[weights].T if layer.layout == "out,in" else params[weights])
        params[bias] = np.full(layer.units, 0.5)
        if layer.activation is RELU:
            params[bias][:2] = -z[0, :2]
            break
        a = z + params[bias]
    return replace(
        draft,
        params=params,
        x=x,
        case="probe-kink",
        purpose="some pre-activations are exactly zero: any slope in [0, 1] is right there, unit by unit, and nothing else",
        flags=("kink",),
    )


def _dead(system: System) -> Draft:
    draft = _draft(system, seed=12)
    bias = draft.params["b1"].copy()
    bias[1] = -64
    return replace(
        draft,
        params=draft.params | {"b1": bias},
        case="probe-dead",
        purpose="one unit is below zero for every sample: its weights must get a gradient of exactly zero",
        flags=("dead-unit",),
    )


def _clipped(system: System) -> Draft:
    draft = _draft(system, seed=13)
    last = len(draft.network.layers)
    bias = np.array([0.5, -4.0, 6.0])[: draft.params[f"b{last}"].size]
    return replace(
        draft,
        params=draft.params | {f"b{last}": bias},
        case="probe-clipped",
        purpose="outputs inside the clip, below and above it: outside, the loss is the bound's and the gradient zero",
        flags=("clipped",),
        steps=(tuple(range(SAMPLES)),),
    )


def _pruned(system: System) -> Draft:
    return replace(
        _draft(system, seed=14),
        case="probe-pruned",
        purpose="weights below, at and above the threshold, of either sign: |w| counts, a tie survives, and moments move",
        flags=("pruning",),
        steps=(tuple(range(SAMPLES)),),
        threshold=0.25,
    )


def _draft(
    system: System,
    *,
    seed: int,
    inputs: int = INPUTS,
    hidden: tuple[int, ...] = HIDDEN,
    classes: int = CLASSES,
    samples: int = SAMPLES,
) -> Draft:
    """The system's network with other widths, and numbers drawn in the order W1, b1, ..., x, labels."""
    rng = RandomState(seed)
    *below, last = system.network.layers
    layers = [replace(layer, units=units) for layer, units in zip(below, hidden, strict=False)]
    layers.append(last if last.vector else replace(last, units=classes if last.units > 1 else 1))
    network = replace(system.network, inputs=inputs, layers=tuple(layers))
    # No weight is 0: its unit would be hidden from every mistake below it.
    params = {name: _sixteenths(rng, shape, zero=False) for name, shape in network.shapes.items()}
    for k, (_, bias) in enumerate(network.names, 1):
        if bias is not None:
            params[bias] = np.asarray(params[bias] + 2.0 ** -min(5 + 5 * k, 20))
    if isinstance(network.loss, BinaryCrossEntropy) and not network.loss.from_logits:
        # Most outputs within the clip: outside it there is no gradient to be wrong.
        params[f"W{len(layers)}"] /= 16
        params[f"b{len(layers)}"] = np.abs(params[f"b{len(layers)}"]) / 4 + 0.375
    x = _sixteenths(rng, (samples, inputs))
    optimizer = system.recipe.optimizer
    if isinstance(optimizer, Adam):
        optimizer = replace(optimizer, epsilon=PROBE_EPSILON)
    elif isinstance(optimizer, SGD) and not optimizer.learning_rate:
        optimizer = replace(optimizer, learning_rate=0.5)  # `homework` has no recipe
    t = _targets(rng, network, samples)
    return Draft("", "", system, network, optimizer, params, x, t, zeros=structural_zeros(network))


def _targets(rng: RandomState, network: Network, samples: int) -> Array:
    """Every class, or both of 0 and 1, as often as it goes, in a drawn order."""
    last = network.layers[-1]
    labels = rng.permutation(np.arange(samples) % max(last.units, 2))
    if last.vector:
        return np.asarray(labels, float)
    return np.asarray(labels[:, None], float) if last.units == 1 else np.eye(last.units)[labels]


def _sixteenths(rng: RandomState, shape: tuple[int, ...], *, zero: bool = True) -> Array:
    if zero:
        return np.asarray(rng.randint(-16, 17, shape), float) / 16
    return np.asarray(rng.randint(1, 17, shape) * rng.choice([-1, 1], shape), float) / 16


def _integers(rng: RandomState, shape: tuple[int, ...]) -> Array:
    """±1, ±2 or ±3."""
    return np.asarray(rng.randint(1, 4, shape) * rng.choice([-1, 1], shape), float)
