"""A loss whose inside cannot be seen: called, counted, held to what a check of it presumes, and how much of it is rounding."""

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
# Each four neighbours of 25 have a combination that leaves nothing of a smooth loss but its rounding.
POINTS = 25
# Those that a kink spoils.
SPOILT = 3
# The spacing, as a part of the parameters: thousands of units in their last places, so that all is rounded anew at each
# point; and little enough for curvature to vanish, and for a kink of many not to be met.
SPACING = {"float32": 2.0**-15, "float64": 2.0**-26}
# An evaluation is taken to be off by no more standard deviations than this. A slope, half the difference of two, then
# has a limit of eight of its own, so that an estimate from 22 values may be twice too small.
DEVIATIONS = 6.0


class Subject:
    """A loss at its parameters.

    Attributes:
        params: copies of the caller's arrays, by name. The loss is given these, so that it cannot spoil the caller's.
        evaluations: how often the loss was called.
        like: what the caller passed as params, whose form the loss is given.
        value: the loss there, once `objection` was asked for.
        scale: for each array, the largest step that is tried.
        deviation: the standard deviation of its rounding error, once `objection` was asked for.
        unit: the unit roundoff of the result, relative to it; a value cannot be known any better.
    """

    def __init__(self, loss: Callable[[Any], Any], params: Params, like: Structure) -> None:
        self.params = params
        self.evaluations = 0
        self.value, self.deviation, self.unit = nan, 0.0, 0.0
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
        return self._measure_noise(rng)

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

    def _measure_noise(self, rng: np.random.Generator) -> str:
        """By differences, as Moré and Wild do (Estimating computational noise, 2011), along one line through all parameters.

        The rounding is what is left at points so close together that nothing else is. If the loss stands still, it has
        fewer digits than its parameters, and the spacing is widened. Values of float64 parameters that are all float32
        numbers are an objection: none is one by chance.
        """
        signs = {name: random_signs(rng, p.shape) for name, p in self.params.items()}
        spacing = {name: SPACING[p.dtype.name] * self.scale[name] for name, p in self.params.items()}

        def at(place: float) -> float:
            steps = {name: p.dtype.type(place * spacing[name]) * signs[name] for name, p in self.params.items()}
            return self({name: np.asarray(p + steps[name], p.dtype) for name, p in self.params.items()})

        # Not evenly spaced, or a loss with steps might take one at each point. The rounding of the points counts as well.
        places = np.arange(POINTS) - POINTS // 2 + rng.uniform(-0.4, 0.4, POINTS)
        values, moves = np.full(POINTS, self.value), False
        for widening in 8.0 ** np.arange(8):
            values = np.array([at(place * widening) for place in places])
            if moves := bool(np.count_nonzero(np.diff(values)) > POINTS // 2):
                break
        with np.errstate(all="ignore"):
            narrow = np.array_equal(values, values.astype(np.float32))
        wide = self.roundoff == ROUNDOFF["float64"]
        if narrow and wide and moves:
            return (
                "it has only about 7 digits, although the parameters are float64: something in it is float32; "
                "if that is meant, pass float32 parameters"
            )
        rounding = np.sort(np.abs(_without_curvature(places, values)))[:-SPOILT]
        self.deviation = norm(rounding) / len(rounding) ** 0.5
        self.unit = ROUNDOFF["float32" if narrow and not wide else "float64"]
        return ""

    def bound(self, value: float) -> float:
        """Of the error of one evaluation. Of a loss of 0, whose scale is unknown, 1 is taken for it."""
        return DEVIATIONS * max(self.deviation, self.unit * (abs(value) or 1.0))

    @property
    def noise(self) -> float:
        """The standard deviation of the error, relative to the loss."""
        return max(self.deviation / (abs(self.value) or 1.0), self.unit)


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


def _without_curvature(places: Array, values: Array) -> Array:
    """Divided differences of each four neighbours, in units of the error of one value; zero for a parabola."""
    four = np.lib.stride_tricks.sliding_window_view(places, 4)
    gaps = four[:, :, None] - four[:, None, :] + np.eye(4)
    weights = 1 / np.prod(gaps, axis=2)
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    return np.asarray(np.sum(weights * np.lib.stride_tricks.sliding_window_view(values, 4), axis=1))


def random_signs(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """-1 and 1 with equal odds, int8."""
    return 2 * rng.integers(0, 2, shape, dtype=np.int8) - 1
