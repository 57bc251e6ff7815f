"""What other people's functions take, by the names of their arguments; and the wrapper to write where that does not fit."""

import dis
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from nn_reference.errors import InputError

RATES = ("lr", "learning_rate", "learningrate", "rate", "eta", "alpha", "step_size", "l_rate")
# The arguments of functions of a whole network, in small letters.
NETWORK: Mapping[str, Sequence[str]] = {
    "params": ("params", "parameters", "param", "p", "theta", "thetas", "weights", "model", "net", "ws"),
    "x": ("x", "xs", "inputs", "input", "data", "features", "images", "x_batch", "x_train"),
    "t": ("t", "y", "ys", "ts", "labels", "label", "targets", "target", "y_true", "y_batch", "y_train"),
    "rate": RATES,
    "cache": ("cache", "caches", "memory", "ctx", "activations"),
    "output": ("a2", "a3", "al", "a", "y_hat", "yhat", "y_pred", "output", "outputs", "out", "preds", "predictions", "probs"),
}  # fmt: skip
# And of functions of one layer.
LAYER: Mapping[str, Sequence[str]] = {
    "x": (*NETWORK["x"], "a", "a_prev", "z", "scores", "logits", "y_pred", "y_hat"),
    "W": ("w", "weight", "weights", "kernel"),
    "b": ("b", "bias", "biases"),
    "t": NETWORK["t"],
    "cache": NETWORK["cache"],
    "dout": (
        *("dout", "da", "dy", "dz", "dx", "dl_da", "dl_dy", "grad", "grad_output", "output_gradient", "output_grad"),
        *("upstream", "delta", "error", "output_error", "g"),
    ),
    "rate": RATES,
}
# Where a layer goes back, a is what it gave, and z what it was given.
BACKWARD: Mapping[str, Sequence[str]] = {**LAYER, "x": tuple(name for name in LAYER["x"] if name != "a"), "out": ("a", "out", "output", "s")}  # fmt: skip
TRAINERS = (
    *("fit", "train", "train_step", "update", "partial_fit", "train_on_batch"),
    *("backward", "backpropagate", "backprop"),
)


def arguments_of(function: Callable[..., Any]) -> list[str]:
    """The names of the arguments that have no default, and of one that is a learning rate.

    Raises:
        InputError: a signature that cannot be read.
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise InputError(f"{function!r:.60}: it has no signature that can be read; wrap it in a function") from None
    taken = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return [p.name for k, p in enumerate(taken) if p.default is p.empty or (k == 3 and p.name in RATES)]


def roles_of(names: Iterable[str], known: Mapping[str, Sequence[str]]) -> list[str]:
    """For each name the argument that it is; empty for one that is not known, or that a later name is too, as y of (y, t)."""
    roles = [next((role for role, words in known.items() if name.lower() in words), "") for name in names]
    return ["" if role in roles[k + 1 :] else role for k, role in enumerate(roles)]


def placed(names: Sequence[str], expected: Sequence[str]) -> list[str] | None:
    """Which of the expected arguments each of a function's is, by its name or else by its place; None if they do not fit."""
    roles = roles_of(names, NETWORK)
    if sorted(roles) == sorted(expected):
        return roles
    fits = len(roles) == len(expected) and all(role in ("", own) for role, own in zip(roles, expected, strict=True))
    return list(expected) if fits else None


def ordered(function: Callable[..., Any], places: Sequence[str], expected: Sequence[str]) -> Callable[..., Any]:
    """The function, called with its arguments in the expected order."""
    if list(places) == list(expected):
        return function
    order = [list(expected).index(role) for role in places]
    return lambda *values: function(*(values[k] for k in order))


def wrapper(function: Callable[..., Any]) -> str:
    """What to write around a function: one of (params, x, t) that calls it and those of its file that it needs, as a line."""
    own, name = roles_of(arguments_of(function), NETWORK), getattr(function, "__name__", "function")
    if "rate" in own and "params" in own:
        return f"judge a wrapper in its place: def judged(params, x, t, lr): return {_call(function)}"
    if not {"params", "cache", "output"} & set(own):
        arguments = list(zip(arguments_of(function), own, strict=True))
        if not any(re.fullmatch("[wWbB][0-9]", argument) for argument, _ in arguments):
            return "it takes no weights: give it an argument for those to start from"
        call = ", ".join(role if role in ("x", "t") else f"params[{argument!r}]" for argument, role in arguments)
        return f"judge a wrapper in its place: def judged(params, x, t): return {name}({call})"
    if not {"x", "t", "cache"} & set(own):
        return ""
    beside = {
        other: (of, set(roles_of(arguments_of(of), NETWORK)))
        for other, of in getattr(function, "__globals__", {}).items()
        if other != name and inspect.isfunction(of) and of.__module__ == function.__module__
    }
    forwards = [other for other, (_, roles) in beside.items() if roles == {"params", "x"}]
    forward = max(forwards, key=lambda other: "forward" in other, default=None)
    costs = [other for other, (_, r) in beside.items() if {"output", "t"} <= r <= {"output", "t", "params"}]
    cost = max(costs, key=lambda other: bool(re.search("cost|loss", other)), default=None)
    first = f"a, cache = {_call(beside[forward][0])}; " if forward and (cost or {"cache", "output"} & set(own)) else ""
    loss = f"{_call(beside[cost][0])}, " if cost and forward else ""
    return f"judge a wrapper in its place: def judged(params, x, t): {first}return {loss}{_call(function)}"


def class_wrapper(cls: type) -> str | None:
    """A class with set_weights, step and get_weights around one that trains itself, as a line; None if it does not train."""
    trainer = next((getattr(cls, name) for name in TRAINERS if inspect.isfunction(getattr(cls, name, None))), None)
    if trainer is None or not inspect.isfunction(cls.__init__):  # type: ignore[misc]
        return None
    stored = [i.argval for i in dis.get_instructions(cls.__init__) if i.opname == "STORE_ATTR"]  # type: ignore[misc]
    weights = [name for name in stored if name[:1] in "WwBb"] or ["W1", "b1", "…"]
    call = _call(trainer, skip=1)
    return (
        f"class Judged: net = {cls.__name__}(…); set_weights = lambda self, params: vars(self.net).update(params); "
        f"step = lambda self, x, t, lr: self.net.{call}; "
        f"get_weights = lambda self: {{n: vars(self.net)[n] for n in {weights!r}}}"
    )


def _call(function: Callable[..., Any], skip: int = 0) -> str:
    """The call of a function with what a wrapper has; what it has not is left open."""
    names = arguments_of(function)[skip:]
    values = {"params": "params", "x": "x", "t": "t", "rate": "lr", "cache": "cache", "output": "a"}
    return call_of(function, names, [values.get(role, "") for role in roles_of(names, NETWORK)])


def call_of(function: Callable[..., Any], names: Sequence[str], values: Sequence[str]) -> str:
    """A call as a line of Python; an argument without a value is left open, by its name."""
    known = list(values).index("") if "" in values else len(values)  # what comes after one that is left open, by name
    each = [
        *values[:known],
        *(f"{name}={value or '…'}" for name, value in zip(names[known:], values[known:], strict=True)),
    ]
    return f"{getattr(function, '__name__', 'forward')}({', '.join(each)})"
