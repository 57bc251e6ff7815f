"""What is wrong with an argument, said in one line before NumPy says it in ten.

Order of the questions: is it an array, shape, dtype, finite. The passes of `network` ask once for each call, the
training loop once for each run, a declaration when it is made.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Collection, Iterable, Mapping
from math import inf, isfinite
from typing import TYPE_CHECKING, TypeGuard

import numpy as np

from nn_reference.arithmetic import Array, Params
from nn_reference.errors import InputError

if TYPE_CHECKING:
    from nn_reference.network import Network
    from nn_reference.optimizers import State

ARITHMETICS = "float32, float64, complex128 or object (balls)"
FUNCTIONS = ("exp", "log", "log1p", "sqrt", "tanh")  # methods of a ball, by which NumPy computes these


def check_inputs(network: Network, params: Params, x: Array) -> None:
    """The parameters are the network's; x is (N, D) with N ≥ 1, finite, and not wider than the parameters."""
    _check_params(network.shapes, params)
    check_array("x", x)
    inputs = network.inputs
    if x.ndim != 2 or x.shape[1] != inputs:
        transposed = "; samples are rows: pass x.T" if x.ndim == 2 and x.shape[0] == inputs else ""
        raise InputError(f"x: expected shape (N, {inputs}), got {x.shape}{transposed}")
    if not len(x):
        raise InputError(f"x: expected at least one sample, got an empty batch of shape {x.shape}")
    _check_values("x", x, params)


def check_batch(network: Network, params: Params, x: Array, t: Array) -> None:
    """The parameters, x and t fit the network and each other."""
    check_inputs(network, params, x)
    check_array("t", t)
    last = network.layers[-1]
    expected = (len(x),) if last.vector else (len(x), last.units)
    if t.shape != expected:
        labels = "; class labels must be one-hot: see one_hot" if t.shape == (len(x),) else _transposed(t, expected)
        raise InputError(f"t: expected shape {expected}, one row for each sample of x, got {t.shape}{labels}")
    _check_values("t", t, params)


def check_state(fresh: State, state: State) -> None:
    """`state` has the moments of a fresh one for the same parameters, and no others."""
    if not isinstance(state, type(fresh)):
        raise InputError(f"state: expected the State that a run returned, got {type(state).__name__}")
    check_count("state.step", state.step)
    if not (isinstance(state.moments, Mapping) and all(isinstance(m, Mapping) for m in state.moments.values())):
        raise InputError(f"state.moments: expected a dict of dicts of arrays, got {shown(state.moments)}")
    for moment, arrays in state.moments.items():
        for name, array in arrays.items():
            check_array(f"state.moments[{moment!r}][{name!r}]", array)
    for moment in {**fresh.moments, **state.moments}:
        wanted, found = (_forms(s.moments.get(moment, {})) for s in (fresh, state))
        if wanted != found:
            raise InputError(
                f"state: expected moments {moment!r} of {', '.join(wanted.values()) or 'nothing'}, as this optimiser "
                f"keeps for these parameters, got {', '.join(found.values()) or 'nothing'}"
            )


def check_array(name: str, value: object) -> None:
    """`value` is a plain NumPy array: * of matrices is another operation, and a masked array has no mask in BLAS."""
    if not isinstance(value, np.ndarray) or isinstance(value, np.matrix) or is_masked(value):
        raise InputError(f"{name}: expected a NumPy array, got {type(value).__name__}; wrap it in np.asarray")


def is_masked(value: object) -> bool:
    """Whether it is a masked array; none is made before `numpy.ma` is imported, which takes as long as a call's checks."""
    masked = sys.modules.get("numpy.ma")
    return masked is not None and isinstance(value, masked.MaskedArray)


def check_finite(name: str, value: Array) -> None:
    """No NaN and no infinity in `value`, an array of numbers."""
    finite = np.isfinite(value)
    if not finite.all():
        where = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise InputError(f"{name}: expected finite values, got {value[where]} at index {where}")


def check_choice(name: str, value: object, choices: Collection[str]) -> None:
    """`value` is one of the `choices`."""
    if not (isinstance(value, str) and value in choices):
        raise InputError(
            f"{name}: expected {' or '.join(map(repr, choices))}, got {shown(value)}{suggestion(value, choices)}"
        )


def check_flag(name: str, value: object) -> None:
    """`value` is True or False."""
    if not isinstance(value, bool):
        raise InputError(f"{name}: expected True or False, got {shown(value)}")


def check_count(name: str, value: object, least: int = 0, below: float = inf) -> None:
    """`value` is an integer from `least` on, and less than `below`."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise InputError(f"{name}: expected an integer, got {shown(value)}")
    if not least <= value < below:
        bounds = f"at least {least}" if below == inf else f"an integer in {least}..{int(below) - 1}"
        raise InputError(f"{name}: expected {bounds}, got {shown(value)}")


def check_seed(seed: object) -> None:
    """`seed` is one that NumPy's legacy generator takes."""
    check_count("seed", seed, below=2**32)


def check_number(name: str, value: object, least: float = -inf, below: float = inf) -> None:
    """`value` is a finite real number from `least` on, and less than `below`."""
    if isinstance(value, bool) or not _is_finite(value) or not least <= value < below:
        bounds = "" if least == -inf else f" ≥ {least:g}" if below == inf else f" in [{least:g}, {below:g})"
        raise InputError(f"{name}: expected a finite number{bounds}, got {shown(value)}")


def shown(value: object) -> str:
    """What `value` is, for a message: itself if that is short, else its type."""
    text = repr(value)
    return text if len(text) <= 40 and text.isprintable() else type(value).__name__


def suggestion(name: object, known: Iterable[str]) -> str:
    """`, did you mean 'x'?` for the nearest known name, whatever its capitals, or nothing."""
    names = {one.lower(): one for one in known}
    near = difflib.get_close_matches(name.lower(), names, n=1) if isinstance(name, str) else []
    return f", did you mean {names[near[0]]!r}?" if near else ""


def _check_params(shapes: Mapping[str, tuple[int, ...]], params: Params) -> None:
    """Every parameter is there, nothing else is, and all have one arithmetic and the declared shapes.

    Their values are not asked for: NaN and infinity are where training may lead (document 001's network trains all
    its weights into NaN), and predictions from there, or further steps, are NaN and no mistake of the caller's.
    """
    if not isinstance(params, Mapping):
        raise InputError(f"params: expected a dict of arrays, got {type(params).__name__}")
    first = next(iter(shapes))
    for name in params:
        if name not in shapes:
            raise InputError(
                f"params[{name!r}]: no such parameter{suggestion(name, shapes)}; expected {', '.join(shapes)}"
            )
    for name, shape in shapes.items():
        if name not in params:
            raise InputError(f"params[{name!r}]: missing; expected an array of shape {shape}")
        p = params[name]
        check_array(f"params[{name!r}]", p)
        if p.shape != shape:
            raise InputError(f"params[{name!r}]: expected shape {shape}, got {p.shape}{_transposed(p, shape)}")
        _check_dtype(f"params[{name!r}]", p)
        dtype = params[first].dtype
        if p.dtype != dtype:
            raise InputError(f"params[{name!r}]: expected dtype {dtype} as params[{first!r}] has, got {p.dtype}")
    if params[first].dtype == object:
        _check_balls(params)


def _check_dtype(name: str, value: Array) -> None:
    if value.dtype not in (np.float32, np.float64, np.complex128, np.object_):
        raise InputError(
            f"{name}: expected dtype {ARITHMETICS}, got {value.dtype}; convert it with .astype(np.float64)"
        )


def _check_values(name: str, value: Array, params: Params) -> None:
    """Of x or t: a dtype that leaves the results in the parameters' arithmetic, and finite numbers."""
    _check_dtype(name, value)
    first = next(iter(params.values()))
    if value.dtype == object and first.dtype == object:
        _check_numbers(name, value, type(first.flat[0]))
        return
    if np.result_type(value.dtype, first.dtype) != first.dtype:
        raise InputError(
            f"{name}: expected dtype {first.dtype} or narrower, as the parameters are {first.dtype}, got {value.dtype}; "
            f"convert it with .astype(np.{first.dtype}), or all results would silently be {value.dtype}"
        )
    if first.dtype == object and value.dtype.kind == "c":
        raise InputError(f"{name}: expected real numbers, as the parameters are balls, got {value.dtype}")
    check_finite(name, value)


def _check_balls(params: Params) -> None:
    ball = type(next(iter(params.values())).flat[0])
    for name, p in params.items():
        for kind in set(map(type, p.flat)):
            if kind is not ball or not set(dir(kind)).issuperset(FUNCTIONS):
                raise InputError(
                    f"params[{name!r}]: expected objects of one type with {', '.join(FUNCTIONS)} (balls, as python-flint's arb), "
                    f"got {kind.__name__}"
                )


def _check_numbers(name: str, value: Array, ball: type) -> None:
    for index, element in np.ndenumerate(value):
        if not (isinstance(element, ball) or _is_finite(element)):
            got = f"{element}" if isinstance(element, float | np.floating) else type(element).__name__
            raise InputError(f"{name}: expected balls ({ball.__name__}) or finite numbers, got {got} at index {index}")


def _is_finite(value: object) -> TypeGuard[float]:
    """Whether `value` is a real number, neither NaN nor infinite nor beyond a float."""
    try:
        return isinstance(value, int | float | np.integer | np.floating) and isfinite(value)
    except OverflowError:
        return False


def _forms(arrays: Params) -> dict[str, str]:
    return {name: f"{name} {array.shape} {array.dtype}" for name, array in arrays.items()}


def _transposed(value: Array, shape: tuple[int, ...]) -> str:
    return "; it is the transpose" if value.shape == shape[::-1] else ""
