"""A function of parameters, inputs and targets that returns a loss, gradients, or both."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.judge.target import Answer, Run, TargetError, Unsupported
from nn_reference.arithmetic import Array, Params
from nn_reference.network import LayerOutput

ANSWER = 'expected {"loss": …, "gradients": {…}} or (loss, gradients)'


@dataclass(frozen=True)
class Function:
    """``function(params, x, t)`` as a target. Lists, Python numbers and wider floats are cast to the precision asked for.

    Attributes:
        function: returns a dict with `loss`, `gradients` and `layers`, of which any but the gradients may be missing;
            or loss and gradients as a pair; or the gradients alone, by the parameters' names.
        name: what it is called in reports.
    """

    function: Callable[..., Any]
    name: str
    does = ("evaluate",)

    def evaluate(self, network: fmt.Network, params: Params, x: Array, t: Array, *, gradients: bool = True) -> Answer:
        """What the function says.

        Raises:
            TargetError: it returned something else.
        """
        del network, gradients
        return read_answer(self.function(params, x, t), params)

    def train(self, *args: Any, **more: Any) -> Run:  # noqa: ARG002 - whatever is asked
        """Nothing: a function of this kind updates nothing."""
        raise Unsupported("it returns gradients, and updates nothing")


def read_answer(result: Any, params: Params) -> Answer:
    """A function's result as an answer.

    Raises:
        TargetError: it is none.
    """
    if isinstance(result, Answer):
        return result
    if isinstance(result, tuple | list) and len(result) == 2:
        pair = result if isinstance(result[1], Mapping) else result[::-1]
        result = dict(zip(("loss", "gradients"), pair, strict=True))
    if isinstance(result, Mapping) and "gradients" not in result and set(result) <= set(params):
        result = {"gradients": result}
    if isinstance(result, Mapping) and not isinstance(result.get("gradients", {}), Mapping):
        got = type(result["gradients"]).__name__
        raise TargetError(f"gradients: expected a dict of arrays by parameter, {', '.join(params)}, got {got}")
    if not isinstance(result, Mapping) or "gradients" not in result:
        raise TargetError(f"{ANSWER}, got {_shown(result)}")
    if unknown := [key for key in result if key not in ("loss", "gradients", "layers")]:
        raise TargetError(f"{ANSWER}, got also {', '.join(map(repr, unknown))}")
    dtype = next(iter(params.values())).dtype
    found = {name: as_array(f"gradient {name}", g, dtype) for name, g in result["gradients"].items()}
    loss = result.get("loss")
    return Answer(None if loss is None else as_number("loss", loss), found, _layers(result.get("layers"), dtype))


def as_array(where: str, value: Any, dtype: np.dtype[Any]) -> Array:
    """Numbers as an array of `dtype`; an array of fewer digits than that is left as it is, for the ladder to name.

    Raises:
        TargetError: no numbers, or masked ones.
    """
    try:
        a = np.asarray(value.detach() if hasattr(value, "detach") else value)
    except (ValueError, TypeError, RuntimeError) as error:
        raise not_numbers(where, f"{type(value).__name__}: {error}") from None
    if isinstance(value, np.ma.MaskedArray):
        raise not_numbers(where, "a masked array")
    if a.dtype.kind not in "iuf":
        raise not_numbers(where, f"{a.dtype} from a {type(value).__name__}")
    fewer = isinstance(value, np.ndarray) and a.dtype.kind == "f" and a.dtype.itemsize < dtype.itemsize
    return a if fewer else a.astype(dtype, copy=False)


def as_number(where: str, value: Any) -> float:
    """One number as a float.

    Raises:
        TargetError: none, or several.
    """
    a = as_array(where, value, np.dtype(np.float64))
    if a.size != 1:
        raise TargetError(f"{where}: expected one number, got an array of shape {a.shape}", "wrong-shape", [where])
    return float(a.reshape(-1)[0])


def not_numbers(where: str, got: str) -> TargetError:
    """What to raise of something that is no array of numbers."""
    return TargetError(f"{where}: expected an array of numbers, got {got}", "not-a-number", [where])


def _layers(shown: Any, dtype: np.dtype[Any]) -> list[LayerOutput] | None:
    if shown is None:
        return None
    found = []
    for k, layer in enumerate(shown, 1):
        pair = (layer.get("z"), layer.get("a")) if isinstance(layer, Mapping) else layer
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise TargetError(f"layers[{k - 1}]: expected a pair of arrays, z and a, got {_shown(layer)}")
        z, a = (as_array(f"{name}{k}", value, dtype) for name, value in zip("za", pair, strict=True))
        found.append(LayerOutput(z, a))
    return found


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"a dict of {', '.join(map(repr, value)) or 'nothing'}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {', '.join(type(part).__name__ for part in value) or 'nothing'}"
    return type(value).__name__
