"""Free runs: exact losses, and how far honest arithmetic of a given precision can be held to them.

An honest run is the reference in balls of 24 or 53 bits whose radii are dropped: every operation is rounded to that
precision as IEEE arithmetic would, every term of a sum too, in an order that a permutation of hidden units and samples
changes. Its functions come from balls and its sums from single additions, so the bands are the same on every machine.
"""

from collections.abc import Iterator
from decimal import ROUND_UP, Decimal
from math import sqrt
from typing import Any

import numpy as np
from numpy.random import RandomState

from nn_conformance.cases import format as fmt
from nn_conformance.cases.balls import RoundedSums, balls, certified, midpoints, precision
from nn_conformance.cases.drafts import Draft
from nn_conformance.cases.encoding import number
from nn_conformance.cases.overflow import overflowing_layers
from nn_conformance.cases.permutation import permuted, unit_orders
from nn_reference.arithmetic import Array, Params
from nn_reference.network import backpropagate
from nn_reference.training import Trained, train

BITS: dict[fmt.Dtype, int] = {"float32": 24, "float64": 53}
BITS_TO_DTYPE = {bits: dtype for dtype, bits in BITS.items()}
# A band is this many times the largest deviation of the honest runs: they are few, and where a run amplifies rounding,
# other honest code, such as PyTorch's, was seen to deviate up to 4 times as far.
SAFETY = 30
HONEST_RUNS = 8  # half as many of large networks
# Beyond this fraction of the loss a band says nothing that a wrong update would not also fulfil.
WIDEST = 0.01


def trajectory(draft: Draft) -> fmt.Trajectory:
    """Exact losses, each correctly rounded, and a horizon for each precision."""

    def compute() -> dict[str, Array]:
        return {"losses": np.array(exact_run(draft).losses, dtype=object)}

    exact = certified(compute, tiny=draft.of.own)[0]["losses"]
    return fmt.Trajectory(
        batches=[list(batch) for batch in draft.batches],
        losses=[number(loss) for loss in exact],
        horizons={dtype: _horizon(draft, exact, bits) for dtype, bits in BITS.items()} if draft.horizons else {},
    )


def exact_run(draft: Draft) -> Trained:
    """The free run in balls of the working precision."""
    start = {name: balls(p) for name, p in draft.params.items()}
    batches = [np.array(batch) for batch in draft.batches]
    return train(draft.network, start, draft.optimizer, batches, balls(draft.x), balls(draft.t))


def _horizon(draft: Draft, exact: Array, bits: int) -> fmt.Horizon:
    longest = max(draft.network.inputs, len(draft.batches[0]), *(layer.units for layer in draft.network.layers))
    unit = 2.0**-bits
    deviation = np.zeros(len(exact))
    for seed in range(HONEST_RUNS // (2 if draft.large else 1)):
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
        network = draft.network
        start = permuted(network, draft.params, unit_orders(network, rng))
        params = centred({name: balls(p).view(RoundedSums) for name, p in start.items()})
        x, t = balls(draft.x).view(RoundedSums), balls(draft.t)
        state = draft.optimizer.init(params)
        for batch in draft.batches:
            order = np.array(batch)[rng.permutation(len(batch))]
            if overflowing_layers(network, params, x[order], BITS_TO_DTYPE[bits]):
                yield backpropagate(network, params, x[order], t[order])[0]
                return
            loss, gradients = backpropagate(network, params, x[order], t[order])
            draft.optimizer.step(params, centred(gradients), state)
            params = centred(params)
            state = state.mapped(centred)
            yield loss


def centred(arrays: Params) -> Params:
    """Each array without its radii."""
    return {name: midpoints(a) for name, a in arrays.items()}


def _two_digits(width: float) -> float:
    """Rounded up to two digits: a band is no finer than that."""
    exact = Decimal(width)
    return float(exact.quantize(Decimal(1).scaleb(exact.adjusted() - 1), rounding=ROUND_UP))
