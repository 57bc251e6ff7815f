"""Parameters and gradients in the three forms in which they are passed, and what is wrong with them in one line."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from nn_reference.arithmetic import Array, Params
from nn_reference.errors import InputError
from nn_reference.validation import check_array, check_finite, shown, suggestion

Structure: TypeAlias = Mapping[str, Array] | Sequence[Array] | Array

DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


def parameters(params: Structure) -> Params:
    """Copies of the arrays, each under its name, ``params`` or ``params[0]``, ``params[1]``, ... .

    Raises:
        InputError: no array, no float32 or float64, no entry, or none that is finite.
    """
    found = {}
    for name, value in named("params", params).items():
        where = name if name.startswith("params") else f"params[{name!r}]"
        if not isinstance(value, float | np.floating):
            check_array(where, value)
        array = np.array(value)
        if array.dtype not in DTYPES:
            raise InputError(f"{where}: expected dtype float32 or float64, got {array.dtype}")
        if not array.size:
            raise InputError(f"{where}: expected at least one entry, got shape {array.shape}")
        check_finite(where, array)
        found[name] = array
    if not found:
        raise InputError("params: expected at least one array, got none")
    return found


def named(what: str, value: object, like: object = None) -> dict[str, object]:
    """The arrays of a dict, a sequence or a single one, by name; of the form that `like` has, if that is given.

    Raises:
        InputError: another form, or a name that is no string.
    """
    if like is not None and _form(value) != _form(like):
        raise InputError(f"{what}: expected {_form(like)}, as params is, got {shown(value)}")
    if isinstance(value, Mapping):
        if odd := [name for name in value if not isinstance(name, str)]:
            raise InputError(f"{what}: expected names that are strings, got {shown(odd[0])}")
        return dict(value)
    if isinstance(value, list | tuple):
        return {f"params[{k}]": item for k, item in enumerate(value)}
    return {"params": value}


def rebuilt(params: Params, like: Structure) -> Structure:
    """The arrays in the form that `like` has; a new dict or list, the same arrays."""
    if isinstance(like, Mapping):
        return dict(params)
    arrays = list(params.values())
    if isinstance(like, list | tuple):
        return arrays if isinstance(like, list) else tuple(arrays)
    return arrays[0]


def defects(params: Params, gradients: Mapping[str, object]) -> dict[str, str]:
    """What is wrong with the gradients before their values are asked for: names, shape, dtype, finite, in this order."""
    found = {name: _defect(p, gradients.get(name)) for name, p in params.items()}
    unknown = {
        name: f"no such parameter{suggestion(name, params)}; expected {', '.join(params)}"
        for name in gradients
        if name not in params
    }
    return {name: text for name, text in (found | unknown).items() if text}


def as_gradient(value: object, p: Array) -> Array:
    """A gradient as an array; a plain float, as a sum may be, in the parameter's dtype."""
    return np.asarray(value, p.dtype if type(value) is float else None)


def _defect(p: Array, value: object) -> str:
    if value is None:
        return f"the gradient is missing; expected an array of shape {p.shape}"
    if not isinstance(value, np.ndarray | float | np.floating):
        return f"expected a NumPy array, got {type(value).__name__}; wrap it in np.asarray"
    gradient = as_gradient(value, p)
    if gradient.shape != p.shape:
        transposed = "; it is the transpose" if p.ndim == 2 and gradient.shape == p.shape[::-1] else ""
        return f"expected shape {p.shape} as the parameter has, got {gradient.shape}{transposed}"
    if gradient.dtype != p.dtype:
        return f"expected dtype {p.dtype} as the parameter has, got {gradient.dtype}"
    if not np.isfinite(gradient).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(gradient))[0])
        return f"expected finite values, got {gradient[where]} at index {where}"
    return ""


def _form(value: object) -> str:
    return "a dict" if isinstance(value, Mapping) else "a sequence" if isinstance(value, list | tuple) else "an array"
