"""The probes: tiny cases, each made so that certain mistakes cannot hide.

All numbers are multiples of 1/16 that float32 holds exactly, drawn as integers from NumPy's legacy generator, whose
streams are frozen; biases are moved by 2⁻¹⁰, 2⁻¹⁵, ..., so that no pre-activation is zero by accident. Widths, batch and classes are pairwise distinct unless a probe says otherwise.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.random import RandomState

from nn_conformance.cases.decidable import beyond_clip
from nn_conformance.cases.drafts import Description, Draft, float32_twin, structural_zeros
from nn_reference.activations import IDENTITY, RELU, SIGMOID, TANH
from nn_reference.arithmetic import Array
from nn_reference.losses import BinaryCrossEntropy, CrossEntropy, Linear, SquaredError
from nn_reference.network import Network, backpropagate, forward, predict
from nn_reference.optimizers import SGD, AdaGrad, Adam, RMSProp

INPUTS, HIDDEN, CLASSES, SAMPLES = 5, (4, 6, 8, 7, 9, 10, 11, 12, 13), 3, 7
TRAJECTORY, LEAST_PROBABILITY = 120, 1e-15  # updates of a free run; what is taken the logarithm of
PROBE_EPSILON = 1e-2  # with 1e-8 nobody can tell where ε stands


def probes(described: Description) -> Iterator[Draft]:
    """The probes that a network takes, but for that of pruning."""
    for make in (_rectangular, _square, _one, _partial, _unbalanced, _twice, _saturated, _extreme):
        yield make(described)
    if any(layer.activation is RELU for layer in described.network.layers):
        yield _kink(described)
        yield _dead(described)
    if isinstance(described.network.loss, BinaryCrossEntropy) and not described.network.loss.from_logits:
        yield _clipped(described)


def own_probes(described: Description) -> Iterator[Draft]:
    """The probes that make sense for a network of its author's.

    Left out are those whose purpose it has no place for, and those in which float32 overflows, or takes the logarithm of a
    rounded 0: no honest implementation could answer.
    """
    yield from drawn_probes(described, _own(described))


def drawn_probes(described: Description, makers: Iterable[Callable[[Description], Draft]]) -> Iterator[Draft]:
    """Those of some probes that float32 can compute, each with numbers that touch no kink by accident."""
    for draft in (_drawn(make, described) for make in makers):
        yield from filter(_computable, [draft, *([twin] if (twin := float32_twin(draft)) else [])])


def _own(described: Description) -> Iterator[Callable[[Description], Draft]]:
    layers, loss = described.network.layers, described.network.loss
    yield from (_rectangular, _square, _one, _partial, _twice, _saturated, _extreme)
    if not real_targets(described):
        yield _unbalanced
    bent = next((k for k, layer in enumerate(layers) if layer.activation.jumps), None)
    linear = all(layer.activation is IDENTITY and not layer.skip for layer in layers[:bent])
    if bent is not None and linear and all(layer.bias for layer in layers[: bent + 1]):
        yield _kink
    if layers[0].activation is RELU and layers[0].bias and len(layers) > 1:
        yield _dead
    probabilities = isinstance(loss, BinaryCrossEntropy) and not loss.from_logits
    if probabilities and layers[-1].bias and layers[-1].activation is IDENTITY:
        yield _clipped


def _drawn(make: Callable[[Description], Draft], described: Description) -> Draft:
    """The first draw without a pre-activation that is 0 by accident, as it may be where biases are missing."""
    for shift in range(0, 2000, 100):
        draft = make(replace(described, shift=shift))
        if "kink" in draft.flags or not _touches_a_kink(draft):
            break
    return replace(draft, of=described)


def _touches_a_kink(draft: Draft) -> bool:
    calls = [draft.x, *([] if draft.second is None else [draft.second[0]])]
    return any(
        layer.activation.jumps and bool((output.z == 0).any())
        for x in calls
        for layer, output in zip(draft.network.layers, forward(draft.network, draft.params, x), strict=True)
    )


def own_sizes(described: Description, samples: int) -> Draft:
    """The network in its author's sizes, with drawn numbers: each layer's weights are about as large as 1/√inputs."""
    return _drawn(partial(_own_sizes, samples=samples), described)


def _own_sizes(described: Description, samples: int) -> Draft:
    network = described.network
    rng = RandomState(20 + described.shift)
    params, inputs = {}, network.inputs
    for layer, (weights, bias) in zip(network.layers, network.names, strict=True):
        # A power of two, so that float32 holds the weights exactly.
        scale = 2.0 ** -round(np.log2(inputs) / 2)
        params[weights] = _sixteenths(rng, network.shapes[weights], zero=False) * scale
        if bias is not None:
            params[bias] = np.asarray(_sixteenths(rng, network.shapes[bias]) / 8 + 2.0**-20)
        inputs = layer.units
    x = _sixteenths(rng, (samples, network.inputs))
    t = _targets(rng, network, samples, real=real_targets(described))
    rows = tuple(range(samples))
    return Draft(
        "own-sizes",
        "the network in its author's sizes: what depends on a width or a size shows",
        described,
        network,
        described.optimizer,
        params,
        x,
        t,
        flags=("own-sizes",),
        steps=(rows,),
        zeros=structural_zeros(network, samples),
        inputs="multiples of 1/16 times powers of two, and biases moved by 2⁻²⁰, exact in float32",
    )


def real_targets(described: Description) -> bool:
    """Whether its targets are real numbers: the author's networks have them where the loss takes any."""
    loss, last = described.network.loss, described.network.layers[-1].activation
    bounded = last in (SIGMOID, TANH) or last.axis is not None
    return described.own and (isinstance(loss, Linear) or (isinstance(loss, SquaredError) and not bounded))


def _computable(draft: Draft) -> bool:
    """Whether float32 arithmetic gives finite numbers, and takes no logarithm of a probability that is nearly 0."""
    network, x, t = draft.network, draft.x.astype(np.float32), draft.t.astype(np.float32)
    params = {name: p.astype(np.float32) for name, p in draft.params.items()}
    with np.errstate(all="ignore"):
        loss, gradients = backpropagate(network, params, x, t)
        y = predict(network, params, x)
    if beyond_clip(network, y):
        return False
    plain = isinstance(network.loss, CrossEntropy) and not network.loss.from_logits
    if plain and not network.loss_takes_logits_of_softmax and (y[t != 0] < LEAST_PROBABILITY).any():
        return False
    return bool(np.isfinite(loss)) and all(np.all(np.isfinite(g)) for g in gradients.values())


def _rectangular(described: Description) -> Draft:
    rows = tuple(range(SAMPLES))
    return replace(
        draw(described, seed=1),
        case="probe-rectangular",
        purpose="all sizes differ: a transpose, a sum over the wrong axis or a mean over the wrong count shows",
        steps=(rows, rows[:3], rows[3:]),
        batches=(rows,) * TRAJECTORY,
    )


def _square(described: Description) -> Draft:
    return replace(
        draw(described, seed=2, inputs=4, hidden=(4,) * 9, classes=4, samples=4),
        case="probe-square",
        purpose="all sizes are equal: a missing or needless transpose changes numbers and no shape",
        flags=("square",),
        steps=((0, 1, 2, 3),),
    )


def _one(described: Description) -> Draft:
    return replace(
        draw(described, seed=3, samples=1),
        case="probe-one",
        purpose="a batch of one: sums over samples and means are the same, and shapes may collapse",
        flags=("single-sample",),
        steps=((0,),),
    )


def _partial(described: Description) -> Draft:
    batches = ((0, 1, 2), (3, 4, 5), (6,))
    return replace(
        draw(described, seed=4),
        case="probe-partial",
        purpose="the last batch has one sample, not three: it must be divided by its own size",
        flags=("partial-batch",),
        steps=batches,
        batches=batches * (TRAJECTORY // 3),
    )


def _unbalanced(described: Description) -> Draft:
    draft = draw(described, seed=5, samples=6)
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


def _twice(described: Description) -> Draft:
    draft, other = draw(described, seed=6), draw(described, seed=7, samples=2)
    return replace(
        draft,
        case="probe-twice",
        purpose="two calls in a row with other data: a stale cache or gradients that add up show in the second",
        flags=("two-calls",),
        second=(other.x, other.t),
    )


def _saturated(described: Description) -> Draft:
    draft = draw(described, seed=8)
    params = {name: p * 8 if name.startswith("W1") else p for name, p in draft.params.items()}
    return replace(
        draft,
        params=params,
        x=draft.x * 4,
        case="probe-saturated",
        purpose="first-layer pre-activations of some tens: a derivative taken of the wrong thing is far off there",
        flags=("saturated",),
    )


def _extreme(described: Description) -> Draft:
    draft = draw(described, seed=9, samples=4)
    layers = len(draft.network.layers)
    params, last, bias = dict(draft.params), f"W{layers}", f"b{layers}"
    if bias in params and params[bias].size > 1:
        params[bias] = np.array([1000.0, -1000.0, 0.0])
    elif described.own:
        largest = np.abs(forward(draft.network, params, draft.x)[-1].z).max()
        params[last] = params[last] * 2.0 ** np.round(np.log2(1000 / largest))
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


def _kink(described: Description) -> Draft:
    """Small multiples of 1/4 up to the first ReLU: there z is exact in any order. In sample 0, two of its units are at zero."""
    draft = draw(described, seed=510, samples=3)
    rng = RandomState(511 + described.shift)
    params, a = dict(draft.params), _quarters(rng, draft.x.shape)
    x = a
    for layer, (weights, bias) in zip(draft.network.layers, draft.network.names, strict=True):
        if bias is None:
            raise ValueError(f"{draft.id}: expected a bias up to the first ReLU, to put its units at zero")
        params[weights] = _quarters(rng, params[weights].shape)
        z = a @ (params[weights].T if layer.layout == "out,in" and not layer.vector else params[weights])
        params[bias] = np.full(params[bias].shape, 0.5)
        if layer.activation.jumps:
            if layer.vector:
                params[bias] = np.asarray(-z[0])
            else:
                params[bias][:2] = -z[0, :2]
            break
        a = z + params[bias]
    kinked = replace(
        draft,
        params=params,
        x=x,
        case="probe-kink",
        purpose="some pre-activations are exactly zero: any slope in [0, 1] is right there, unit by unit, and nothing else",
        flags=("kink",),
    )
    return _calm(kinked)


def _dead(described: Description) -> Draft:
    draft = draw(described, seed=12)
    bias = draft.params["b1"].copy()
    bias[1] = -16
    dead = replace(
        draft,
        params=draft.params | {"b1": bias},
        case="probe-dead",
        purpose="one unit is below zero for every sample: its weights must get a gradient of exactly zero",
        flags=("dead-unit",),
    )
    return _calm(dead)


def _calm(draft: Draft) -> Draft:
    """With the last layer's parameters so small that no output is saturated, if it is not itself the layer at a kink."""
    names = [name for name in draft.network.names[-1] if name is not None]
    largest = np.abs(forward(draft.network, draft.params, draft.x)[-1].z).max()
    if draft.network.layers[-1].activation.jumps or largest <= 2:
        return draft
    scale = 2.0 ** np.floor(np.log2(2 / largest))
    return replace(draft, params=draft.params | {name: np.asarray(draft.params[name] * scale) for name in names})


def _clipped(described: Description) -> Draft:
    draft = draw(described, seed=13)
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


def draw(
    described: Description,
    *,
    seed: int,
    inputs: int = INPUTS,
    hidden: tuple[int, ...] = HIDDEN,
    classes: int = CLASSES,
    samples: int = SAMPLES,
    several: bool = False,
) -> Draft:
    """The system's network with other widths, and numbers drawn in the order W1, b1, ..., x, labels.

    A network of one output has one, but with `several` as many as others, if that one is no vector.
    """
    rng = RandomState(seed + described.shift)
    *below, last = described.network.layers
    layers, width = [], inputs
    for layer, units in zip(below, hidden, strict=False):
        width = width if layer.skip else units
        layers.append(replace(layer, units=width))
    layers.append(last if last.vector else replace(last, units=classes if several or last.units > 1 else 1))
    network = replace(described.network, inputs=inputs, layers=tuple(layers))
    # No weight is 0: its unit would be hidden from every mistake below it.
    params = {name: _sixteenths(rng, shape, zero=False) for name, shape in network.shapes.items()}
    for k, (_, bias) in enumerate(network.names, 1):
        if bias is not None:
            params[bias] = np.asarray(params[bias] + 2.0 ** -min(5 + 5 * k, 20))
    if isinstance(network.loss, BinaryCrossEntropy) and not network.loss.from_logits:
        # Most outputs within the clip: outside it there is no gradient to be wrong.
        weights, bias = network.names[-1]
        params[weights] /= 16
        if bias is not None:
            params[bias] = np.asarray(np.abs(params[bias]) / 4 + 0.375)
    x = _sixteenths(rng, (samples, inputs))
    optimizer = described.optimizer
    if isinstance(optimizer, (Adam, RMSProp, AdaGrad)):
        optimizer = replace(optimizer, epsilon=PROBE_EPSILON)
    elif isinstance(optimizer, SGD) and not optimizer.learning_rate:
        optimizer = replace(optimizer, learning_rate=0.5)  # `homework` has no recipe
    t = _targets(rng, network, samples, real=real_targets(described))
    return Draft("", "", described, network, optimizer, params, x, t, zeros=structural_zeros(network, samples))


def _targets(rng: RandomState, network: Network, samples: int, *, real: bool = False) -> Array:
    """Real numbers; or every class, or both of 0 and 1, as often as it goes, in a drawn order."""
    last = network.layers[-1]
    if real:
        return _sixteenths(rng, (samples,) if last.vector else (samples, last.units))
    labels = rng.permutation(np.arange(samples) % max(last.units, 2))
    if last.vector:
        return np.asarray(labels, float)
    return np.asarray(labels[:, None], float) if last.units == 1 else np.eye(last.units)[labels]


def _sixteenths(rng: RandomState, shape: tuple[int, ...], *, zero: bool = True) -> Array:
    if zero:
        return np.asarray(rng.randint(-16, 17, shape), float) / 16
    return np.asarray(rng.randint(1, 17, shape) * rng.choice([-1, 1], shape), float) / 16


def _quarters(rng: RandomState, shape: tuple[int, ...]) -> Array:
    """±1/4, ±1/2 or ±3/4."""
    return np.asarray(rng.randint(1, 4, shape) * rng.choice([-1, 1], shape), float) / 4
