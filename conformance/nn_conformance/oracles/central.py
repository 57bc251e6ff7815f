"""Central differences as an oracle: (L(θ+h) - L(θ-h)) / 2h for every parameter, and how far that can be trusted.

**Arithmetic.** Difference quotients in float32 have three digits. So parameters and inputs are the float32 numbers that
were given, forward pass and differences are float64, and answers are rounded to float32.

**Step.** h moves no z by more than 2⁻¹⁷. The truncation error is h²L‴/6 and that of rounding u·L/h: their sum is least at
h = (3u·L/L‴)^⅓, which is 2⁻¹⁷ where L and L‴ are alike, as they are for a loss as a function of z. Where a ReLU or a clip
changes sides between -2h and 2h, h is divided by 16 until it does not. A z of exactly zero may: its slope is then ½.

**Uncertainty.** A bound of the norm of each gradient's error beyond rounding of the answer. Entry by entry it is

- for truncation, four times the difference of the quotients with h and 2h. That difference is three times the error
  where L is smooth, and the error itself at a kink, where it falls like h and not like h²;
- for rounding, 4u·S/h. S is the loss, and |∂L/∂z| times the sum of the magnitudes in z for every z from the one that is
  moved upwards, since each rounding of a z moves L by that. These ∂L/∂z are central differences as well.
"""

from typing import Any

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.judge.target import Answer, Run, Training, Unsupported
from nn_conformance.oracles import formulas
from nn_conformance.oracles.columns import Columns, Copies
from nn_reference.arithmetic import Array, Params
from nn_reference.network import LayerOutput
from nn_reference.optimizers import State

name = "central"
slow_updates = True

STEP = 2.0**-17
SMALLEST_STEP = STEP * 2.0**-24
ROUNDOFF, ROUNDINGS, TRUNCATION = 2.0**-53, 4, 4


def evaluate(network: fmt.Network, params: Params, x: Array, t: Array, *, gradients: bool = True) -> Answer:
    """Forward in float64, differences of it, and a bound of their error.

    Raises:
        Unsupported: a kink so near that no step stays on its side.
    """
    return _evaluate(network, params, x, t, gradients=gradients)[0]


def train(asked: Training) -> Run:
    """One update for each batch; of a single one, how far the uncertainty of its gradients reaches.

    Raises:
        Unsupported: more than one update in float64, where the bands are those of rounding and errors of 1e-10 of the
            gradients add up beyond them (in float32 they are nothing beside rounding); or as `evaluate` does.
    """
    if len(asked.batches) > 1 and formulas.dtype_of(asked.params) == "float64":
        raise Unsupported("a free run in float64: its bands are for rounding, and difference quotients are less exact")
    reach: dict[str, float] = {}

    def gradient(moving: Params, batch_x: Array, batch_t: Array) -> tuple[Any, Params]:
        answer, errors = _evaluate(asked.network, moving, batch_x, batch_t)
        if len(asked.batches) == 1:
            reach.update(_reach(asked.optimizer, answer.gradients, errors, asked.state or State()))
        return answer.loss, answer.gradients

    return Run(*formulas.train(gradient, asked), reach)


def _evaluate(
    network: fmt.Network, params: Params, x: Array, t: Array, *, gradients: bool = True
) -> tuple[Answer, Params]:
    """The answer, and a bound of the error of each entry of its gradients."""
    dtype = formulas.dtype_of(params)
    wide = {key: np.asarray(p, np.float64) for key, p in params.items()}
    columns = Columns(network, wide, np.asarray(x, np.float64), np.asarray(t, np.float64), dtype)
    value = formulas.loss(network, columns.outputs[-1], columns.t, dtype) + formulas.penalty(network, wide, len(x))
    value = np.asarray(value, dtype).item()
    layers = [LayerOutput(np.asarray(z, dtype), np.asarray(a, dtype)) for z, a in columns.outputs]
    if not gradients:
        return Answer(value, layers=layers), {}
    found = _gradients(columns)
    errors = {key: error for key, (_, error) in found.items()}
    norms = {key: float(np.linalg.norm(error)) for key, error in errors.items()}
    return Answer(value, {key: np.asarray(g, dtype) for key, (g, _) in found.items()}, layers, norms), errors


def _reach(optimizer: fmt.Optimizer, gradients: Params, errors: Params, state: State) -> dict[str, float]:
    """How far an update may be off, a norm: the further of those with g - error and g + error, entry by entry.

    A step is monotone in g, or flat where Adam's is not.
    """
    wide = {key: np.asarray(g, np.float64) for key, g in gradients.items()}
    origin = {key: np.zeros_like(g) for key, g in wide.items()}
    low, middle, high = (
        formulas.update(optimizer, origin, {key: g + sign * errors[key] for key, g in wide.items()}, state)[0]
        for sign in (-1, 0, 1)
    )
    return {
        key: float(np.linalg.norm(np.maximum(np.abs(low[key] - to), np.abs(high[key] - to))))
        for key, to in middle.items()
    }


def _gradients(columns: Columns) -> Params:
    """The gradient of every parameter, and a bound of each entry's error, stacked along a first axis."""
    weights = [_rounding_weights(columns, k) for k in range(len(columns.outputs))]
    losses = np.abs(columns.losses(columns.outputs[-1], columns.of_samples()))
    above = [sum((w.sum(axis=1) for w in weights[k + 1 :]), np.zeros(len(columns.x))) for k in range(len(weights))]

    def derivatives(k: int, unit: int, copies: Copies) -> Array:
        near, wide, h = _quotients(columns, k, unit, copies)
        share = above[k] + weights[k][:, unit]
        share = share.sum() + losses if copies.samples is None else (share + losses)[copies.samples]
        moves = copies.directions.reshape(len(h), -1).any(axis=1)  # a blank pixel's weight moves nothing
        return np.stack([near, TRUNCATION * np.abs(wide - near) + moves * ROUNDINGS * ROUNDOFF * share / h])

    found = columns.gradients(derivatives)
    if (penalty := columns.network.penalty) is not None:
        # A square's central difference has no truncation error, so the step is 1.
        ends = [{key: p + step for key, p in columns.params.items()} for step in (1, -1)]
        plus, minus = (formulas.penalty_terms(penalty, end, len(columns.x)) for end in ends)
        for key, terms in plus.items():
            error = ROUNDINGS * ROUNDOFF * (terms + minus[key])
            found[key] = found[key] + np.stack([(terms - minus[key]) / 2, error])
    return found


def _quotients(columns: Columns, k: int, unit: int, copies: Copies) -> tuple[Array, Array, Array]:
    """For each copy the quotients with h and with 2h, and h."""
    # The largest power of two that is not above: a product with it does not round.
    h = np.full(len(copies.directions), 2.0 ** np.floor(np.log2(STEP / np.max(np.abs(copies.directions)))))
    near, wide = np.empty_like(h), np.empty_like(h)
    left = np.arange(len(h))
    while left.size:
        some = copies if left.size == h.size else copies.some(left)
        wide[left], crossed = _quotient(columns, k, unit, some, 2 * h[left])
        near[left], _ = _quotient(columns, k, unit, some, h[left])
        left = left[crossed]
        h[left] /= 16
        if h.min() < SMALLEST_STEP:
            raise Unsupported(f"layer {k + 1}: a ReLU or a clip changes sides within a step of {h.min():.0e}")
    return near, wide, h


def _quotient(columns: Columns, k: int, unit: int, copies: Copies, h: Array) -> tuple[Array, Array]:
    """(L(θ+h) - L(θ-h)) / 2h for each copy, and whether something on the way changed sides."""
    steps = (h * copies.directions.T).T
    ends = [columns.moved(k, unit, copies, sign * steps) for sign in (1, -1)]
    plus, minus = (columns.losses(end[-1], copies) for end in ends)
    crossed = [_crosses(columns, k, unit, copies, end) for end in ends]
    return (plus - minus) / (2 * h), np.logical_or(*crossed)


def _crosses(columns: Columns, k: int, unit: int, copies: Copies, moved: list[LayerOutput]) -> Array:
    """Where a ReLU or the clip is not on the side on which it was; a z that was exactly zero has none."""
    found = np.zeros(len(copies.directions), bool)
    for number, (z, _) in enumerate(moved, k):
        before = copies.outputs[number]
        if columns.network.layers[number].activation.kind in ("relu", "leaky_relu", "elu"):
            old = before.z if before.z.ndim == z.ndim else before.z[..., unit]
            found |= _any(((z > 0) != (old > 0)) & (old != 0))
    if columns.network.loss.clip:
        for bound in formulas.clip_bounds(columns.network.loss.clip, columns.dtype):
            found |= _any((moved[-1].a > bound) != (copies.outputs[-1].a > bound))
    return found


def _rounding_weights(columns: Columns, k: int) -> Array:
    """|∂L/∂z| of every sample and unit of layer k, times the sum of the magnitudes in z: (N, H)."""
    layer, copies = columns.network.layers[k], columns.of_samples()
    h = np.full(len(columns.x), STEP)
    slopes = np.stack([_quotient(columns, k, unit, copies, h)[0] for unit in range(layer.units)], axis=1)
    below = np.abs(columns.outputs[k - 1].a if k else columns.x)
    weights, bias = np.abs(columns.params[f"W{k + 1}"]), np.abs(columns.params.get(f"b{k + 1}", 0))
    return np.abs(slopes) * formulas.preactivation(layer, below, weights, bias).reshape(slopes.shape)


def _any(entries: Array) -> Array:
    return np.asarray(entries.reshape(len(entries), -1).any(axis=1))
