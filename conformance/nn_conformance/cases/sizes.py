"""Probes of sizes and numbers that the published ones lack, and of the optimisers that a target offers."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from nn_conformance.cases.drafts import Description, Draft
from nn_conformance.cases.probes import SAMPLES, draw, real_targets
from nn_reference.arithmetic import Array
from nn_reference.network import backpropagate
from nn_reference.optimizers import SGD

RAGGED = 19  # samples: beyond 16, and prime
NOTHING = 1e-9  # of a gradient


def further_sizes(described: Description) -> Iterator[Callable[[Description], Draft]]:
    """What the published probes lack: two and three outputs, batches of two and of nineteen, numbers that float32 lacks."""
    yield from (_pair, _ragged, _inexact)
    last = described.network.layers[-1]
    if last.units == 1 and not last.vector:
        yield _outputs


def _outputs(described: Description) -> Draft:
    return replace(
        draw(described, seed=15, several=True),
        case="probe-outputs",
        purpose="three outputs, where the network has one: a sum or a mean over outputs shows",
    )


def _pair(described: Description) -> Draft:
    return replace(
        draw(described, seed=16, samples=2, classes=2, several=True),
        case="probe-pair",
        purpose="two samples of two outputs, fewer than inputs: a size that is taken from another axis shows",
    )


def _ragged(described: Description) -> Draft:
    return replace(
        draw(described, seed=17, inputs=3, samples=RAGGED, classes=2, several=True),
        case="probe-ragged",
        purpose="nineteen samples, which no usual batch divides: loops over whole batches leave some out",
    )


def _inexact(described: Description) -> Draft:
    """As `draw` has it, and then moved: the numbers of other probes are exact in float16 or nearly so, and in float32."""
    draft = draw(described, seed=25)
    return replace(
        draft,
        params={name: _between(p) for name, p in draft.params.items()},
        x=_between(draft.x),
        t=_between(draft.t) if real_targets(described) else draft.t,
        case="probe-inexact",
        purpose="numbers halfway between those of float16, and of float32: whoever rounds them to either shows",
        flags=("inexact",),
        steps=(tuple(range(SAMPLES)),),
        inputs="multiples of 1/16, moved by nearly half a unit in the last place of float16, and of float32",
    )


def _between(a: Array) -> Array:
    """Each number nearly halfway to the next larger of either precision: rounding takes all towards 0, and it adds up."""
    power = 2.0 ** (np.frexp(a)[1] - 1)  # the largest that is no larger than |a|
    return np.asarray(a + 0.49 * np.sign(a) * power * (2.0**-10 + 2.0**-23))


def updates(described: Description) -> Draft:
    """The probe of an optimiser that a target offers, at the optimiser's own constants."""
    for shift in range(20):
        draft = _updates(replace(described, shift=described.shift + shift))
        if not _stands_still(draft):
            break
    return replace(draft, of=described)


def _updates(described: Description) -> Draft:
    samples = tuple(range(RAGGED))
    # The first batch is in no order, so that whoever sorts the rows of x, and not those of t, shows.
    batches = tuple(5 * k % 16 for k in range(16)), samples[16:]
    draft = draw(described, seed=18, samples=RAGGED, classes=2, several=True)
    params = dict(draft.params)
    for layer, (weights, bias) in zip(described.network.layers, draft.network.names, strict=True):
        if layer.activation.jumps and bias is not None:
            # A unit that is below zero for a whole batch has no certain step where it is divided by √v.
            params |= {weights: params[weights] / 4, bias: params[bias] + 2}
    return replace(
        draft,
        params=params,
        optimizer=described.optimizer,
        case="probe-updates",
        purpose="an update of sixteen samples and one of the three that are left, then both again in one run",
        steps=(*batches, samples),
        batches=batches * 2,
    )


def _stands_still(draft: Draft) -> bool:
    """Whether an optimiser that divides by √v has a gradient of 0 there: √v has no certain value then."""
    if isinstance(draft.optimizer, SGD):
        return False
    batches = (np.array(rows) for rows in draft.steps)
    gradients = (backpropagate(draft.network, draft.params, draft.x[rows], draft.t[rows])[1] for rows in batches)
    # What is 0 in real numbers, as where a unit's weights to two classes are equal, rounds to some 1e-17.
    return any(bool((abs(g) < NOTHING).any()) for of_batch in gradients for g in of_batch.values())
