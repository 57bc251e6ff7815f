"""What float32 and float64 do on a case that real numbers do not: clip bounds, and NaN by overflow.

Both follow from certified values and the formats' own constants, so they are the same on every machine.
"""

from math import log

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.cases.balls import START_BITS, balls, certified, precision
from nn_conformance.cases.drafts import Draft
from nn_conformance.cases.encoding import number
from nn_reference.activations import SIGMOID_QUOTIENT
from nn_reference.arithmetic import Array, Params, outside
from nn_reference.losses import BinaryCrossEntropy, count
from nn_reference.network import Network, forward


def by_dtype(draft: Draft, x: Array, t: Array) -> dict[fmt.Dtype, fmt.ByDtype]:
    """The expectations of each precision, or none where it does nothing of its own."""
    loss = draft.network.loss
    if isinstance(loss, BinaryCrossEntropy) and not loss.from_logits:
        return {dtype: _clip(draft, loss, x, t, dtype) for dtype in fmt.DTYPES}
    found = {}
    for dtype in fmt.DTYPES:
        with precision(START_BITS):
            hit = overflowing_layers(
                draft.network, {name: balls(p) for name, p in draft.params.items()}, balls(x), dtype
            )
        if hit:  # inf/inf in that layer's gradient, and in all below it
            found[dtype] = fmt.ByDtype(nan_gradients=[f"W{k}" for k in range(1, max(hit) + 1)])
    return found


def _clip(draft: Draft, loss: BinaryCrossEntropy, x: Array, t: Array, dtype: fmt.Dtype) -> fmt.ByDtype:
    """The bounds as the precision has them, what a certain mistake costs there, and the loss between these bounds."""
    low, high = (float(np.dtype(dtype).type(bound)) for bound in (loss.clip, 1 - loss.clip))

    def compute() -> dict[str, Array]:
        params = {name: balls(p) for name, p in draft.params.items()}
        y, targets = forward(draft.network, params, balls(x))[-1].a, balls(t)
        below, above = outside(y, low, high)
        p = np.where(below, balls(np.array([low])), np.where(above, balls(np.array([high])), y))
        losses = -(targets * np.log(p) + (1 - targets) * np.log(1 - p))
        penalty = 0 if draft.network.penalty is None else draft.network.penalty.value(params, len(x))
        return {"loss": np.sum(losses) / count(loss, t) + penalty, "cost": -np.log(1 - balls(np.array(high)))}

    values, _ = certified(compute, tiny=draft.of.own)
    return fmt.ByDtype(
        clip_lower=low, clip_upper=high, clip_cost=values["cost"].item(), loss=number(values["loss"].item())
    )


def overflowing_layers(network: Network, params: Params, x: Array, dtype: str) -> list[int]:
    """The layers, from 1, where document 001's e^-z/(e^-z+1)² overflows in that precision for some unit and sample."""
    quotients = [k for k, layer in enumerate(network.layers, 1) if layer.activation is SIGMOID_QUOTIENT]
    lowest = -log(float(np.finfo(dtype).max))
    outputs = forward(network, params, x) if quotients else []
    return [k for k in quotients if any(ball < lowest for ball in outputs[k - 1].z.ravel())]
