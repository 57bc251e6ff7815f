"""A function of parameters, inputs and targets that returns a loss, outputs, gradients, or several of these."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.judge.target import Answer, Shown, TargetError, Unsupported
from nn_reference.arithmetic import Array, Params
from nn_reference.validation import is_masked

ANSWER = 'expected {"loss": …, "gradients": {…}} or (loss, gradients)'
PARTS = ("loss", "gradients", "outputs", "layers")
# What people write before or after a parameter's name for its gradient.
GRADIENT = re.compile(r"(?:d_?l_?d_?|grads?_?|delta_?|d_?|g_?)(.+)|(.+?)_?(?:grads?|gradients?)", re.IGNORECASE)


@dataclass(frozen=True)
class Function:
    """``function(params, x, t)`` as a target. Lists, Python numbers and wider floats are cast to the precision asked for.

    Attributes:
        function: returns a dict with `loss`, `gradients`, `outputs` and `layers`, of which any may be missing; or loss
            and gradients as a pair; or one of loss, gradients and outputs alone; or the outputs beside a cache.
    """

    function: Callable[..., Any]
    name: str
    does = ("evaluate",)

    def evaluate(self, network: fmt.Network, params: Params, x: Array, t: Array, *, gradients: bool = True) -> Answer:
        """What the function says.

        Raises:
            TargetError: it returned something else.
        """
        del gradients
        outputs = network.layers[-1].units
        samples = t.size // (1 if t.dtype.kind == "i" else outputs)
        return read_answer(self.function(params, x, t), params, samples * outputs, len(network.layers))


def read_answer(result: Any, params: Params, outputs: int = 0, depth: int = 1) -> Answer:
    """A function's result as an answer.

    Args:
        result: what it returned.
        params: by the function's names.
        outputs: how many numbers the last layer gives for this call.
        depth: how many layers there are.

    Raises:
        TargetError: it is none.
        Unsupported: one number in an array, which may be the loss or the output.
    """
    if isinstance(result, Answer):
        return result
    names = {*params, "x"}
    result = _named(result, names, outputs)
    if isinstance(result, Mapping) and not isinstance(result.get("gradients", {}), Mapping):
        got = type(result["gradients"]).__name__
        raise TargetError(f"gradients: expected a dict of arrays by parameter, {', '.join(params)}, got {got}")
    if not isinstance(result, Mapping):
        raise TargetError(f"{ANSWER}, got {_shown(result)}")
    if unknown := [key for key in result if key not in PARTS]:
        raise TargetError(f"{ANSWER}, got also {', '.join(map(repr, unknown))}")
    gradients = by_parameter(result.get("gradients", {}), names)
    if "gradients" in result and not gradients:
        raise TargetError(f"gradients: expected {', '.join(params)}, got none", "wrong-names")
    dtype = next(iter(params.values())).dtype
    found = {name: as_array(f"gradient {name}", g, dtype) for name, g in gradients.items()}
    loss, layers = result.get("loss"), _layers(result.get("layers"), dtype)
    if layers is None and "outputs" in result:
        layers = [*[Shown()] * (depth - 1), Shown(a=as_array("outputs", result["outputs"], dtype))]
    return Answer(None if loss is None else as_number("loss", loss), found, layers)


def _named(result: Any, names: set[str], outputs: int) -> Any:
    """A result with its parts by name, if it is one that can be read."""
    if isinstance(result, tuple | list) and len(result) == 2:
        number, named = result if isinstance(result[1], Mapping) else result[::-1]
        is_cache = isinstance(named, Mapping) and np.ndim(number) > 0 and not set(by_parameter(named, names)) & names
        return {"outputs": number} if is_cache else {"loss": number, "gradients": named}
    if isinstance(result, Mapping) and not set(result) & set(PARTS):
        return {"gradients": result}
    if isinstance(result, int | float | np.ndarray | np.generic):
        is_output = np.ndim(result) > 0 and np.size(result) == outputs
        if is_output and outputs == 1:
            raise Unsupported("one number, which may be the loss or the output")
        return {"outputs" if is_output else "loss": result}
    return result


def by_parameter(gradients: Mapping[Any, Any], names: Collection[str]) -> dict[Any, Any]:
    """Gradients by the names of their parameters, of ``dW1``, ``grad_W1`` or ``W1_grad`` too; what is not known stays."""
    lower = {name.lower(): name for name in names}
    found = {}
    for key, g in gradients.items():
        name = key if key in names else lower.get(differentiated(key), key)
        found[key if name in gradients and name != key else name] = g
    return found


def differentiated(key: Any) -> str:
    """What something is the gradient of by its name, in small letters; empty for what is no such name."""
    match = GRADIENT.fullmatch(key) if isinstance(key, str) else None
    return (match[1] or match[2]).lower() if match else ""


def as_array(where: str, value: Any, dtype: np.dtype[Any]) -> Array:
    """Numbers as an array of `dtype`; an array of fewer digits than that is left as it is, for the ladder to name.

    Raises:
        TargetError: no numbers, or masked ones.
    """
    try:
        a = np.asarray(value.detach() if hasattr(value, "detach") else value)
    except (ValueError, TypeError, RuntimeError) as error:
        raise not_numbers(where, f"{type(value).__name__}: {error}") from None
    if is_masked(value):
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


def _layers(shown: Any, dtype: np.dtype[Any]) -> list[Shown] | None:
    if shown is None:
        return None
    found = []
    for k, layer in enumerate(shown, 1):
        pair = (layer.get("z"), layer.get("a")) if isinstance(layer, Mapping) else layer
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise TargetError(f"layers[{k - 1}]: expected a pair of arrays, z and a, got {_shown(layer)}")
        each = zip("za", pair, strict=True)
        found.append(Shown(*(None if a is None else as_array(f"{name}{k}", a, dtype) for name, a in each)))
    return found


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"a dict of {', '.join(map(repr, value)) or 'nothing'}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {', '.join(type(part).__name__ for part in value) or 'nothing'}"
    return type(value).__name__
