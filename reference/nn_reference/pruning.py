"""Magnitude pruning, with and without a mask that is kept (document 000)."""

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from nn_reference.arithmetic import Params, exact, real
from nn_reference.errors import InputError
from nn_reference.optimizers import State
from nn_reference.validation import check_array, suggestion

Masks = dict[str, NDArray[np.bool_]]


def magnitude_masks(params: Params, threshold: float, names: Collection[str] | None = None) -> Masks:
    """Which entries survive: |w| ≥ threshold, for `names`, or every parameter (the document prunes biases too).

    Raises:
        InputError: a threshold that is negative or NaN, or a name that is no parameter.
    """
    if not isinstance(threshold, (int, float)) or not threshold >= 0:
        raise InputError(f"threshold: expected a number ≥ 0, got {threshold!r}")
    chosen = list(params) if names is None else list(names)
    for name in chosen:
        if name not in params:
            raise InputError(f"names: {name!r} is no parameter; expected some of {', '.join(params)}")
    return {name: np.asarray(np.abs(real(params[name])) >= threshold) for name in chosen}


def apply_masks(params: Params, masks: Masks) -> Params:
    """New parameters (or gradients, or moments), exactly 0 where a mask is False; those without a mask are not copied.

    Raises:
        InputError: a mask of another name or shape, or not of booleans.
    """
    if not isinstance(masks, Mapping):
        raise InputError(f"masks: expected a dict of boolean arrays, got {type(masks).__name__}")
    for name, mask in masks.items():
        if name not in params:
            near = suggestion(name, params)
            raise InputError(f"masks[{name!r}]: no such parameter{near}; expected some of {', '.join(params)}")
        check_array(f"masks[{name!r}]", mask)
        if mask.shape != params[name].shape or mask.dtype != np.bool_:
            expected = f"expected bool {params[name].shape}, got {mask.dtype} {mask.shape}"
            raise InputError(f"masks[{name!r}]: {expected}")
    left = dict(params)
    for name, mask in masks.items():
        left[name] = params[name].copy()
        left[name][~mask] = exact(0, params[name])  # assigned, not multiplied: -0.01·0 is -0, and NaN·0 is NaN
    return left


def masked_state(state: State, masks: Masks) -> State:
    """The optimiser's state with its moments masked: a moment left alone would move pruned weights again."""
    return state.mapped(lambda arrays: apply_masks(arrays, masks))


def sparsity(params: Params) -> float:
    """Fraction of entries that are exactly zero, over all parameters; at least one is expected."""
    if not params:
        raise InputError("params: expected at least one array, got none")
    return sum(int(np.sum(p == 0)) for p in params.values()) / sum(p.size for p in params.values())
