"""What is wrong with an argument, said in one line before NumPy says it in ten.

Order of the questions: is it an array, dtype, shape, finite. The passes of `network` ask once for each call, the
training loop once for each run.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from nn_reference.arithmetic import Array, Params
from nn_reference.errors import InputError

if TYPE_CHECKING:
    from nn_reference.network import Network

ARITHMETICS = "float32, float64, complex128 or object (balls)"


def check_params(shapes: Mapping[str, tuple[int, ...]], params: Params) -> None:
    """Every parameter is there, nothing else is, and all have one arithmetic and the declared shapes."""
    for name in params:
        if name not in shapes:
            raise InputError(
                f"params[{name!r}]: no such parameter{suggestion(name, shapes)}; expected {', '.join(shapes)}"
            )
    for name, shape in shapes.items():
        if name not in params:
            raise InputError(f"params[{name!r}]: missing; expected an array of shape {shape}")
        _check_array(f"params[{name!r}]", params[name])
        if params[name].shape != shape:
            raise InputError(
                f"params[{name!r}]: expected shape {shape}, got {params[name].shape}{_transposed(params[name], shape)}"
            )
    dtypes = {name: params[name].dtype for name in shapes}
    first = next(iter(shapes))
    for name, dtype in dtypes.items():
        if dtype != dtypes[first]:
            raise InputError(f"params[{name!r}]: expected dtype {dtypes[first]} as params[{first!r}] has, got {dtype}")


def check_inputs(inputs: int, params: Params, x: Array) -> None:
    """x is (N, inputs) with N ≥ 1, finite, and not wider than the parameters."""
    _check_array("x", x)
    if x.ndim != 2 or x.shape[1] != inputs:
        transposed = "; samples are rows: pass x.T" if x.ndim == 2 and x.shape[0] == inputs else ""
        raise InputError(f"x: expected shape (N, {inputs}), got {x.shape}{transposed}")
    if not len(x):
        raise InputError(f"x: expected at least one sample, got an empty batch of shape {x.shape}")
    _check_not_wider("x", x, params)
    _check_finite("x", x)


def check_batch(network: Network, params: Params, x: Array, t: Array) -> None:
    """x and t fit the network, the parameters and each other."""
    check_inputs(network.inputs, params, x)
    _check_array("t", t)
    last = network.layers[-1]
    expected = (len(x),) if last.vector else (len(x), last.units)
    if t.shape != expected:
        labels = "; class labels must be one-hot: see one_hot" if t.ndim == 1 and not last.vector else ""
        raise InputError(f"t: expected shape {expected}, one row for each sample of x, got {t.shape}{labels}")
    _check_not_wider("t", t, params)
    _check_finite("t", t)


def suggestion(name: str, known: Iterable[str]) -> str:
    """`, did you mean 'x'?` for the nearest known name, or nothing."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f", did you mean {near[0]!r}?" if near else ""


def _check_array(name: str, value: object) -> None:
    if not isinstance(value, np.ndarray):
        raise InputError(f"{name}: expected a NumPy array, got {type(value).__name__}; wrap it in np.asarray")
    if value.dtype not in (np.float32, np.float64, np.complex128, np.object_):
        raise InputError(
            f"{name}: expected dtype {ARITHMETICS}, got {value.dtype}; convert it with .astype(np.float64)"
        )


def _check_not_wider(name: str, value: Array, params: Params) -> None:
    dtype = next(iter(params.values())).dtype
    if np.result_type(value.dtype, dtype) != dtype:
        raise InputError(
            f"{name}: expected dtype {dtype} or narrower, as the parameters are {dtype}, got {value.dtype}; "
            f"convert it with .astype(np.{dtype}), or all results would silently be {value.dtype}"
        )


def _check_finite(name: str, value: Array) -> None:
    if value.dtype == object:
        return
    finite = np.isfinite(value)
    if not finite.all():
        where = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise InputError(f"{name}: expected finite values, got {value[where]} at index {where}")


def _transposed(value: Array, shape: tuple[int, ...]) -> str:
    return "; it is the transpose" if value.shape == shape[::-1] else ""
