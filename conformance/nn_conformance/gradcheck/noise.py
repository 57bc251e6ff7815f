"""How much of a loss is rounding: measured at points so close together that nothing else is left."""

from dataclasses import dataclass

import numpy as np

from nn_conformance.gradcheck.subject import ROUNDOFF, Subject, norm
from nn_reference.arithmetic import Array

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


@dataclass(frozen=True)
class Noise:
    """The rounding error of a loss.

    Attributes:
        deviation: its standard deviation, as measured.
        unit: the unit roundoff of the result, relative to it; a value cannot be known any better.
    """

    deviation: float
    unit: float

    def bound(self, value: float) -> float:
        """Of the error of one evaluation. Of a loss of 0, whose scale is unknown, 1 is taken for it."""
        return DEVIATIONS * max(self.deviation, self.unit * (abs(value) or 1.0))

    def relative(self, value: float) -> float:
        """The standard deviation, of a loss of that value."""
        return max(self.deviation / (abs(value) or 1.0), self.unit)


def measure_noise(subject: Subject, rng: np.random.Generator) -> Noise:
    """By differences, as Moré and Wild do (Estimating computational noise, 2011), along one line through all parameters.

    If the loss stands still, it has fewer digits than its parameters, and the spacing is widened.
    """
    signs = {name: random_signs(rng, p.shape) for name, p in subject.params.items()}
    spacing = {name: SPACING[p.dtype.name] * subject.scale[name] for name, p in subject.params.items()}

    def at(place: float) -> float:
        steps = {name: p.dtype.type(place * spacing[name]) * signs[name] for name, p in subject.params.items()}
        return subject({name: np.asarray(p + steps[name], p.dtype) for name, p in subject.params.items()})

    # Not evenly spaced, or a loss with steps might take one at each point. The rounding of the points counts as well.
    places = np.arange(POINTS) - POINTS // 2 + rng.uniform(-0.4, 0.4, POINTS)
    values = np.full(POINTS, subject.value)
    for widening in 8.0 ** np.arange(8):
        values = np.array([at(place * widening) for place in places])
        if np.count_nonzero(np.diff(values)) > POINTS // 2:
            break
    rounding = np.sort(np.abs(_without_curvature(places, values)))[:-SPOILT]
    narrow = subject.roundoff > ROUNDOFF["float64"] and np.array_equal(values, values.astype(np.float32))
    return Noise(norm(rounding) / len(rounding) ** 0.5, ROUNDOFF["float32" if narrow else "float64"])


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
