"""A loss whose inside cannot be seen: called, counted, and held to what a check of it presumes."""

from collections.abc import Callable
from math import isfinite, nan, sqrt
from typing import Any

import numpy as np

from nn_conformance.gradcheck.inputs import Structure, named, rebuilt
from nn_conformance.judge.digits import told_apart
from nn_reference.arithmetic import Array, Params
from nn_reference.errors import InputError
from nn_reference.validation import shown

ROUNDOFF = {"float32": 2.0**-24, "float64": 2.0**-53}


class Subject:
    """A loss at its parameters.

    Attributes:
        params: copies of the caller's arrays, by name. The loss is given these, so that it cannot spoil the caller's.
        evaluations: how often the loss was called.
        like: what the caller passed as params, whose form the loss is given.
        value: the loss there, once `objection` was asked for.
        scale: for each array, the largest step that is tried.
    """

    def __init__(self, loss: Callable[[Any], Any], params: Params, like: Structure) -> None:
        self.params = params
        self.evaluations = 0
        self.value = nan
        self._loss, self.like = loss, like
        self._untouched = {name: p.copy() for name, p in params.items()}
        largest = {name: float(np.max(np.abs(p))) for name, p in params.items()}
        # A tensor of zeros, as biases are at the start, has no scale of its own.
        self.scale = {name: max(own, max(largest.values()) / 1024) or 1.0 for name, own in largest.items()}

    def __call__(self, moved: Params) -> float:
        """The loss with some arrays replaced; NaN where it is infinite, or cannot be computed."""
        self.evaluations += 1
        try:
            with np.errstate(all="ignore"):
                returned = self._loss(rebuilt(self.params | moved, self.like))
        except (ArithmeticError, ValueError):
            return nan
        value = number(returned)
        return value if isfinite(value) else nan

    def objection(self, rng: np.random.Generator) -> str:
        """Why the gradient of this loss cannot be checked; empty if it can.

        Raises:
            InputError: the loss returns no number. What the loss itself raises, passes through.
        """
        self.evaluations += 1
        passed = rebuilt(self.params, self.like)
        self.value = number(self._loss(passed))
        if changed := self.changed(passed):
            return changed
        if not isfinite(self.value):
            return f"it is {self.value} at these parameters"
        again = [self({}), self({})]
        spread = max(abs(value - self.value) for value in again)
        # Differences need half of the digits. Sums of several threads differ by far less; a dropout mask does not.
        if not spread <= sqrt(self.roundoff) * abs(self.value):
            first, second, third = told_apart(self.value, *again)
            return (
                f"calls with the same parameters gave {first}, {second} and {third}: fix its seed and its batch, switch "
                "dropout off, and keep no state in it"
            )
        return self._float32(rng)

    @property
    def roundoff(self) -> float:
        """Of the coarsest array."""
        return max(ROUNDOFF[p.dtype.name] for p in self.params.values())

    def changed(self, passed: Structure | None = None) -> str:
        """What the loss has done to its parameters; empty if nothing. `passed` is what one call was given."""
        left = self.params if passed is None else named("params", passed)
        for name, p in self._untouched.items():
            if left.get(name) is not self.params[name] or not np.array_equal(self.params[name], p):
                return f"it changes its parameter {name!r}; it must compute with a copy (W = W - …, not W -= …)"
        return "" if len(left) == len(self._untouched) else "it adds parameters to those that it is given"

    def _float32(self, rng: np.random.Generator) -> str:
        """Values that are all float32 numbers, which of three float64 numbers none is by chance."""
        if self.roundoff > ROUNDOFF["float64"]:
            return ""
        steps = {name: 1e-3 * size for name, size in self.scale.items()}
        nearby = [{n: p + steps[n] * rng.uniform(-1, 1, p.shape) for n, p in self.params.items()} for _ in range(3)]
        values = np.array([self({n: np.asarray(p) for n, p in moved.items()}) for moved in nearby])
        with np.errstate(all="ignore"):
            narrow = np.array_equal(values, values.astype(np.float32))
        if not narrow or np.all(values == values[0]):
            return ""
        return (
            "it has only about 7 digits, although the parameters are float64: something in it is float32; "
            "if that is meant, pass float32 parameters"
        )


def number(value: Any) -> float:
    """A loss as a float.

    Raises:
        InputError: it is no single real number.
    """
    if tuple(getattr(value, "shape", ())) == ():
        try:
            return float(value.item() if hasattr(value, "item") else value)
        except (TypeError, ValueError):
            pass
    more = "; return the loss alone, without gradients" if isinstance(value, tuple) else ""
    shape = f" of shape {tuple(value.shape)}" if hasattr(value, "shape") else ""
    got = f"{type(value).__name__}{shape}" if shape or more else shown(value)
    raise InputError(f"loss: expected a function that returns one real number, got {got}{more}")


def norm(a: Array) -> float:
    """The root of the sum of squares of all entries, which may be large or small."""
    top = float(np.max(np.abs(a)))
    return top * float(np.linalg.norm(a / top)) if top else 0.0
