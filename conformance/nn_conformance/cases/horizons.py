"""Free runs: exact losses, and how far honest arithmetic of a given precision can be held to them.

An honest run is the reference in balls of 24 or 53 bits whose radii are dropped: every operation is rounded to that
precision as IEEE arithmetic would, every term of a sum too, in an order that a permutation of hidden units and samples
changes. Its functions come from balls and its sums from single additions, so the bands are the same on every machine.
"""

from collections.abc import Iterator
from dataclasses import replace
from decimal import ROUND_UP, Decimal
from math import sqrt
from typing import Any

import numpy as np
from numpy.random import RandomState

from nn_conformance.cases import format as fmt
from nn_conformance.cases.balls import RoundedSums, balls, certified, midpoints, precision
from nn_conformance.cases.drafts import Draft
from nn_conformance.cases.encoding import number
from nn_conformance.cases.overflow import overflows
from nn_reference.arithmetic import Array, Params
from nn_reference.network import Network, backpropagate, predict
from nn_reference.training import accuracy, train

BITS: dict[fmt.Dtype, int] = {"float32": 24, "float64": 53}
BITS_TO_DTYPE = {bits: dtype for dtype, bits in BITS.items()}
# A band is this many times the largest deviation of the honest runs: they are few, and where a run amplifies rounding,
# other honest code, such as PyTorch's, was seen to deviate up to 4 times as far.
SAFETY = 30
HONEST_RUNS = {True: 8, False: 4}  # of small networks, and of those on images
# Beyond this fraction of the loss a band says nothing that a wrong update would not also fulfil.
WIDEST = 0.01


def trajectory(draft: Draft) -> fmt.Trajectory:
    """Exact losses, each correctly rounded, and a horizon for each precision."""
    exact, test_accuracy = _exact(draft)
    return fmt.Trajectory(
        batches=[list(batch) for batch in draft.batches],
        losses=[number(loss) for loss in exact],
        horizons={}
        if draft.quick
        else {dtype: _horizon(draft, exact, bits, HONEST_RUNS[draft.source is None]) for dtype, bits in BITS.items()},
        test_accuracy=test_accuracy,
    )


def _exact(draft: Draft) -> tuple[Array, float | None]:
    """Losses of the free run; after it, the test accuracy of a system that is run to its end."""
    test = None if draft.test is None else draft.test()

    def compute() -> dict[str, Array]:
        start = {name: balls(p) for name, p in draft.params.items()}
        batches = [np.array(batch) for batch in draft.batches]
        run = train(draft.network, start, draft.optimizer, batches, balls(draft.x), balls(draft.t))
        values = {"losses": np.array(run.losses, dtype=object)}
        if test is not None:
            values["outputs"] = predict(draft.network, run.params, balls(test[0]))
        return values

    values, _ = certified(compute, tiny=draft.of.own)
    return values["losses"], None if test is None else accuracy(values["outputs"], test[1])


def _horizon(draft: Draft, exact: Array, bits: int, runs: int) -> fmt.Horizon:
    longest = max(draft.network.inputs, len(draft.batches[0]), *(layer.units for layer in draft.network.layers))
    unit = 2.0**-bits
    deviation = np.zeros(len(exact))
    for seed in range(runs):
        found = np.array([float(loss.mid()) for loss in _honest_losses(draft, bits, RandomState(seed))])
        # A run that overflows ends there: from then on its weights are NaN.
        exact = exact[: len(found)]
        deviation = np.maximum(deviation[: len(found)], np.abs(found - exact))
    band = SAFETY * np.maximum.accumulate(np.maximum(deviation, unit * sqrt(longest) * np.abs(exact)))
    beyond = np.flatnonzero(band > WIDEST * np.abs(exact))
    steps = int(beyond[0]) if beyond.size else len(exact)
    return fmt.Horizon(steps=steps, band=[_two_digits(width) for width in band[:steps]])


def _honest_losses(draft: Draft, bits: int, rng: RandomState) -> Iterator[Any]:
    """The losses of one run in `bits` bits, its hidden units permuted, and the samples of each batch."""
    with precision(bits):
        network, start = _permuted(draft.network, draft.params, rng)
        params = centred({name: balls(p).view(RoundedSums) for name, p in start.items()})
        x, t = balls(draft.x).view(RoundedSums), balls(draft.t)
        state = draft.optimizer.init(params)
        for batch in draft.batches:
            order = np.array(batch)[rng.permutation(len(batch))]
            if overflows(network, params, x[order], BITS_TO_DTYPE[bits]):
                yield backpropagate(network, params, x[order], t[order])[0]
                return
            loss, gradients = backpropagate(network, params, x[order], t[order])
            draft.optimizer.step(params, centred(gradients), state)
            params = centred(params)
            state = replace(state, moments={m: centred(arrays) for m, arrays in state.moments.items()})
            yield loss


def centred(arrays: Params) -> Params:
    """Each array without its radii."""
    return {name: midpoints(a) for name, a in arrays.items()}


def _permuted(network: Network, params: Params, rng: RandomState) -> tuple[Network, Params]:
    """The same function with the units of each hidden layer in another order: under a skip connection, that of its input."""
    params, order = dict(params), np.arange(network.inputs)
    for k, (layer, above) in enumerate(zip(network.layers, network.layers[1:], strict=False)):
        order = order if layer.skip else rng.permutation(layer.units)
        (weights, bias), (above_weights, _) = network.names[k], network.names[k + 1]
        params[weights] = params[weights][order] if layer.layout == "out,in" else params[weights][:, order]
        if bias is not None:
            params[bias] = params[bias][order]
        outgoing = params[above_weights]
        swap = above.layout == "out,in" and not above.vector
        params[above_weights] = outgoing[:, order] if swap else outgoing[order]
    return network, params


def _two_digits(width: float) -> float:
    """Rounded up to two digits: a band is no finer than that."""
    exact = Decimal(width)
    return float(exact.quantize(Decimal(1).scaleb(exact.adjusted() - 1), rounding=ROUND_UP))
