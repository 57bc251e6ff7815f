"""The training loop. The order of the batches is data, so that no random generator crosses a border."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nn_reference.arithmetic import Array, Params, copied
from nn_reference.errors import InputError
from nn_reference.network import Network, backpropagate, loss_and_outputs
from nn_reference.optimizers import Optimizer, State
from nn_reference.pruning import Masks, apply_masks
from nn_reference.validation import check_array, check_batch, check_finite, check_state, shown

Batch: TypeAlias = slice | NDArray[np.intp]


@dataclass(frozen=True)
class Trained:
    """Where a run ended: parameters, optimiser state, and the loss of each batch before its update."""

    params: Params
    state: State
    losses: list[Any]


def train(
    network: Network,
    params: Params,
    optimizer: Optimizer,
    batches: Iterable[Batch],
    x: Array,
    t: Array,
    *,
    state: State | None = None,
    masks: Masks | None = None,
) -> Trained:
    """One update for each batch, in the order given.

    Args:
        network: the declaration.
        params: where to start; not changed.
        optimizer: how to update.
        batches: slices or index arrays into the rows of x, in order; any iterable, consumed once.
        x: (N, D), all samples.
        t: (N, C) or (N,), all targets.
        state: the optimiser's, from an earlier run, which is **continued in place**; a new one if None.
        masks: gradients are zeroed where a mask is False, so that pruned weights stay pruned.

    Raises:
        InputError: arrays that do not fit, a batch that selects no sample or one that is not there, or an
            optimiser, state or masks that are none.
    """
    check_batch(network, params, x, t)
    if isinstance(optimizer, type) or not (hasattr(optimizer, "init") and hasattr(optimizer, "step")):
        raise InputError(f"optimizer: expected an Optimizer, as SGD(0.1) or Adam(), got {shown(optimizer)}")
    if masks is not None:
        apply_masks(params, masks)  # for what it refuses, before the first batch
    if not isinstance(batches, Iterable):
        raise InputError(f"batches: expected an iterable of slices or index arrays, got {type(batches).__name__}")
    params = copied(params)
    if state is None:
        state = optimizer.init(params)
    else:
        check_state(optimizer.init(params), state)
    losses: list[Any] = []
    for step, batch in enumerate(batches, 1):
        rows = _rows(x, batch, step)
        loss, gradients = backpropagate(network, params, rows, t[batch])
        if masks is not None:
            gradients = apply_masks(gradients, masks)
        optimizer.step(params, gradients, state)
        losses.append(loss)
    return Trained(params, state, losses)


def evaluate(network: Network, params: Params, x: Array, t: Array) -> tuple[Any, float]:
    """Loss and accuracy over all rows at once (a softmax over the batch normalises over them all).

    Raises:
        InputError: as `loss_and_gradients` does, or a network with one output only, which has no classes.
    """
    if network.layers[-1].units < 2:
        raise InputError("network: expected two outputs or more to tell classes by, got one; use loss_and_outputs")
    loss, y = loss_and_outputs(network, params, x, t)
    return loss, accuracy(y, t)


def accuracy(y: Array, t: Array) -> float:
    """Fraction of rows whose largest output is at the target's; the first of equals, and of NaN, counts.

    Outputs y and one-hot targets t are (N, C).

    Raises:
        InputError: shapes that differ, one output only, no rows, or targets that are NaN or infinite.
    """
    check_array("y", y)
    check_array("t", t)
    if y.shape != t.shape or y.ndim != 2 or y.shape[1] < 2 or not len(y):
        raise InputError(
            f"y, t: expected outputs and one-hot targets of one shape (N, C), C ≥ 2, got {y.shape} and {t.shape}"
        )
    for name, array in (("y", y), ("t", t)):
        if array.dtype.kind not in "biufcO":
            raise InputError(f"{name}: expected numbers, got dtype {array.dtype}")
    if t.dtype.kind != "O":
        check_finite("t", t)
    return float(np.mean(np.argmax(y, axis=1) == np.argmax(t, axis=1)))


def _rows(x: Array, batch: Batch, step: int) -> Array:
    try:
        rows = x[batch]
    except (IndexError, TypeError, ValueError) as error:
        raise InputError(f"batches: batch {step} selects a row that is not among the {len(x)} of x ({error})") from None
    if np.shape(rows)[1:] != x.shape[1:]:
        raise InputError(
            f"batches: expected slices or 1-D index arrays, got {type(batch).__name__} in batch {step}, "
            f"which selects shape {np.shape(rows)} of {x.shape}"
        )
    if not len(rows):
        raise InputError(f"batches: batch {step} selects no sample of the {len(x)} of x")
    return rows
