"""The slope of a loss along one direction of one tensor, the step at which to take it, and how far it can be trusted.

With step a: slope n(a) = (L(+a) - L(-a)) / 2a; gap(a) = (L(+a) - 2 L(0) + L(-a)) / a, by which the slopes on either
side differ. Of a smooth loss, n(2a) - n(a) is three times the truncation error of n(a), and gap(a) is proportional
to a, so that jump(a) = 2 gap(a) - gap(2a) vanishes. Of a loss whose slope jumps by J at distance x, n(a) is wrong by
J/2 (1 - x/a), and

    roughness(a) = |n(2a) - n(a)| + |jump(a)| / 2

is no smaller, wherever the jump lies: also at 0, where n(2a) = n(a). So the error of n(a) is bounded by the roughness
that is seen, and the rounding of the values. The step is the largest whose roughness drowns in rounding; smaller ones
are rounded more, larger ones are bent, or cross a kink.
"""

from dataclasses import dataclass
from math import inf

import numpy as np

from nn_conformance.gradcheck.subject import ROUNDOFF, Subject, norm
from nn_reference.arithmetic import Array

# Roundings of the gradient itself, in units of its norm: LAPACK's threshold. Honest gradients have one or two.
ROUNDINGS = 30.0


@dataclass(frozen=True)
class Slope:
    """What one direction says.

    Attributes:
        direction: of the tensor's shape, entries -1, 0 and 1.
        step: a.
        claimed: gradient · direction.
        measured: n(a).
        roughness: at a.
        rounding: bound of n(a)'s rounding, and of the gradient's.
        objection: why no verdict can rest on it; empty if one can.
    """

    direction: Array
    step: float
    claimed: float
    measured: float
    roughness: float
    rounding: float
    objection: str = ""

    @property
    def error(self) -> float:
        """|claimed - measured|."""
        return abs(self.claimed - self.measured)

    @property
    def limit(self) -> float:
        """The largest error that passes."""
        return self.roughness + self.rounding

    @property
    def wrong(self) -> bool:
        """Whether a verdict can rest on it, and it is that the gradient is wrong; a limit that overflows passes nothing."""
        return not self.objection and not self.error <= self.limit < inf


class Line:
    """The loss at p + step · direction, each value computed once."""

    def __init__(self, subject: Subject, name: str, direction: Array) -> None:
        self.subject, self.name = subject, name
        self.p = subject.params[name]
        self.direction = direction.astype(self.p.dtype)
        self._values = {0.0: subject.value}

    def value(self, step: float) -> float:
        """L(step)."""
        if step not in self._values:
            moved = self.p + self.p.dtype.type(step) * self.direction
            self._values[step] = self.subject({self.name: np.asarray(moved)})
        return self._values[step]

    def slope(self, a: float) -> float:
        """n(a)."""
        return self._chord(-a, a)

    def gap(self, a: float) -> float:
        """By how much the slope after 0 is more than the slope before it."""
        return (self.value(a) - 2 * self.value(0.0) + self.value(-a)) / a

    def curvature(self, a: float) -> float:
        """The least curvature on either side of 0, within 2a, that rounding leaves no doubt of; 0 if there is none."""
        bend = abs(self.gap(2 * a)) - 4 * self.rounding(a) / 2
        return max(0.0, bend / (2 * a))

    def jump(self, a: float) -> float:
        """The gap without what is proportional to a."""
        return 2 * self.gap(a) - self.gap(2 * a)

    def roughness(self, a: float) -> float:
        """A bound of n(a)'s error from curvature and kinks."""
        return abs(self.slope(2 * a) - self.slope(a)) + abs(self.jump(a)) / 2

    def sides(self, a: float) -> tuple[float, float]:
        """The slopes before and after 0."""
        return self._chord(-a, 0.0), self._chord(0.0, a)

    def rounding(self, a: float) -> float:
        """A bound of n(a)'s error from rounding."""
        return self.subject.bound(max(abs(self.value(step)) for step in (-2 * a, -a, a, 2 * a))) / a

    def smooth(self, a: float) -> bool:
        """Whether roughness drowns in rounding; not where the loss is NaN."""
        return self.roughness(a) <= self.rounding(a)

    def step(self, start: float) -> float:
        """The largest smooth step, looked for by powers of 2 from `start` on; 0 if none is wide enough to be represented."""
        most = self.subject.scale[self.name]
        a, least = start, 4 * float(np.spacing(self.p.dtype.type(most)))
        if self.smooth(a):
            while 2 * a <= most and self.smooth(2 * a):
                a *= 2
            return a
        while not self.smooth(a):
            a /= 2
            if a < least:
                return 0.0
        return a

    def kinked(self, a: float) -> bool:
        """Whether the smooth step a may hide a kink at 0: a jump seen at twice the step, too small to be seen at a.

        Of a kink at 0, n(2a) and n(4a) are alike. Curvature, whose jump is proportional to a³, is told from it by a
        combination of gaps that is the jump at 0 but for terms of s⁵.
        """
        jump = abs(self.jump(2 * a))
        if jump > 4 * self.rounding(a) or not abs(self.slope(4 * a) - self.slope(2 * a)) <= jump / 4:
            return False
        near, far = (16 * self.gap(s) - 10 * self.gap(2 * s) + self.gap(4 * s) for s in (4 * a, 16 * a))
        return abs(near) / 7 >= jump / 2 > self.rounding(2 * a) / 2 and near * far > 0 and 0.5 <= far / near <= 2

    def bent(self, a: float) -> bool:
        """Whether the slopes on either side are as far apart at a quarter of the step: at a kink, and not at a jump."""
        return abs(self.gap(a)) / 2 <= abs(self.gap(a / 4)) <= 2 * abs(self.gap(a))

    def staircase(self, slope: Slope) -> float:
        """The height of a step of the loss itself, where a flight of them explains an error; else 0.

        Where a probability so near 1 that it has few digits left goes into a logarithm, the loss is flat, and jumps, and
        only on the whole has it the slope that was claimed. One looks on either side in the nearest octave that leaves
        the straight line by enough; and behind a jump for another one, as treads are no wider than height over error.
        """
        for side in (1.0, -1.0):
            for x in side * slope.step * 2.0 ** np.arange(1, 12):
                if abs(self.value(2 * x) - 2 * self.value(x) + self.value(0.0)) > slope.error * abs(x) / 2:
                    place, height = self._jump_between(x, 2 * x)
                    if height and self._jump_between(place, place + side * 4 * height / slope.error)[1] > height / 4:
                        return height
                    break
        return 0.0

    def _jump_between(self, low: float, high: float) -> tuple[float, float]:
        """The place and the height of a jump, or 0: under a magnifying glass a kink flattens, and a jump stays."""
        heights = []
        for _ in range(4):
            at = np.linspace(low, high, 9)
            bends = np.abs(np.diff([self.value(step) for step in at], n=2))
            k = int(np.argmax(bends))
            low, high = at[k], at[k + 2]
            heights.append(float(bends[k]))
        stays = heights[-1] > max(heights[0] / 4, 4 * self.subject.bound(self.value(0.0)))
        return high, heights[-1] if stays else 0.0

    def _chord(self, near: float, far: float) -> float:
        """The mean slope between two places."""
        return (self.value(far) - self.value(near)) / (far - near)

    def claimed(self, gradient: Array) -> float:
        """The slope according to a gradient, in float64."""
        return float(np.vdot(gradient, self.direction))

    def slope_of(self, gradient: Array, a: float) -> Slope:
        """What the direction says of a gradient at step a."""
        claimed = self.claimed(gradient)
        own = ROUNDINGS * ROUNDOFF[self.p.dtype.name] * max(norm(gradient[self.direction != 0]), abs(claimed))
        return Slope(self.direction, a, claimed, self.slope(a), self.roughness(a), self.rounding(a) + own)
