"""One tensor's gradient, judged along directions of ±1.

Let e be the error of the gradient, with an entry |e_i| > s, and d a direction of random signs; an error |e·d| > s is
certain to be seen. Whatever the other signs are, the two values that e·d takes for the two signs of d_i are more than 2s
apart, so that at most one of them is within s of 0. So each direction misses with a probability of at most ½, and K of
them with at most 2^-K; an entry that is wrong by itself none of them misses.
A gradient c times the right one has |e·d| = |1 - 1/c|·|gradient·d|. The first direction, the signs of the gradient
itself, makes that as large as it can be. Where there are no more entries than directions, each is judged by itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf, nan

import numpy as np

from nn_conformance.gradcheck.line import ROUNDINGS, Line, Slope
from nn_conformance.gradcheck.subject import ROUNDOFF, Subject, norm, random_signs
from nn_conformance.judge.digits import told_apart
from nn_reference.arithmetic import Array

# A limit that is more than this part of the gradient's norm judges nothing: the gradient with another sign is two norms
# off, and a slope is wrong from two limits on whatever the error of its own measurement.
USEFUL = 0.25
# A gradient is zero if it is so small a part of another one; or if so small a move, as a part of the parameters, explains it.
ZERO = 0.01
# If so many directions, and no other, allow no verdict, none will.
HOPELESS = 3

ROUGH = "the loss is no smooth function of these parameters, however small the step"
FAINT = "the gradient is too small to be seen above the rounding of the loss"
KINK = (
    "the loss has a kink at these parameters, or too near to be told (slopes {} and {}); "
    "move them a little, as by random numbers of 1e-3"
)


@dataclass(frozen=True)
class Tensor:
    """A tensor, its gradient in float64, and the loss that both belong to.

    Attributes:
        largest: the largest norm of any tensor's gradient, as claimed.
        measured: the largest norm of the gradients of the tensors before it, as far as it was measured.
        directions: how many random ones to take.
    """

    subject: Subject
    name: str
    gradient: Array
    largest: float
    measured: float
    directions: int

    @property
    def wide(self) -> bool:
        """Whether the parameters are float64."""
        return self.subject.params[self.name].dtype == np.float64

    @property
    def by_entry(self) -> bool:
        """Whether each entry is a direction, as there are no more of them."""
        return self.gradient.size <= self.directions

    @property
    def needed(self) -> int:
        """How many slopes a pass takes: each entry, or the signs of the gradient and the random directions."""
        return min(self.gradient.size, self.directions + 1)

    def line(self, direction: Array) -> Line:
        """The loss along a direction."""
        return Line(self.subject, self.name, direction)

    def slopes(self, rng: np.random.Generator) -> list[Slope]:
        """Along directions until enough of them allow a verdict, or too many do not."""
        found: list[Slope] = []
        start = self._start
        for direction in self._directions(rng):
            found.append(slope := self.slope(direction, start))
            start = slope.step or start
            decided = sum(not slope.objection for slope in found)
            hopeless = len(found) - decided >= (self.directions if decided else HOPELESS)
            if decided == self.needed or (hopeless and not self.by_entry):
                break
        return self._but_for_traps(found)

    def slope(self, direction: Array, start: float) -> Slope:
        """Along one direction, with the objection if no verdict can rest on it; the step is looked for from `start` on."""
        line = self.line(direction)
        if not (step := line.step(start)):
            why = KINK.format(*told_apart(*line.sides(start), least=3)) if line.bent(start) else ROUGH
            return Slope(direction, step, nan, nan, inf, inf, why)
        slope = self._measured(line, step)
        if line.kinked(step):
            return replace(slope, objection=KINK.format(*told_apart(*line.sides(16 * step), least=3)))
        # Several kinks may hide from one step. They do not from a quarter of it.
        if slope.wrong and not (nearer := self._measured(line, step / 4)).wrong:
            slope = nearer
        return slope if slope.wrong or self._visible(line, slope) else replace(slope, objection=FAINT)

    def measured_norm(self, slopes: list[Slope]) -> float:
        """What is known of the gradient's norm: what is claimed, but no more than the largest slope that was measured.

        Along its signs a slope is no smaller than the norm, or, entry by entry, than a third of it.
        """
        sure = [abs(slope.measured) - slope.limit for slope in slopes if not slope.objection and slope.limit < inf]
        return min(self._norm, max(0.0, *sure)) if sure else 0.0

    def _measured(self, line: Line, step: float) -> Slope:
        slope = line.slope_of(self.gradient, step)
        # One that agrees without the rounding of terms that cancel is held to the smaller limit, which shows more.
        return replace(slope, rounding=slope.rounding + self._negligible) if self._zero and slope.wrong else slope

    def _visible(self, line: Line, slope: Slope) -> bool:
        """Whether a gradient that was nowhere near this one would have failed.

        One of zero has no norm to compare the limit with. It can be seen to be zero beside another tensor's gradient that
        was measured; or where the loss has a curvature H that was: a move δ of the parameters changes the slope by H·δ,
        so that the gradient is zero but for a move of ZERO of their size. A value of 0 has no rounding: a loss
        that is exactly 0 on both sides has slope 0. Of any other loss that does not change, nothing is seen.
        """
        if not self._zero:
            return slope.limit <= USEFUL * max(self._norm, abs(slope.claimed))
        a, bend = slope.step, line.curvature(slope.step) * self.subject.scale[self.name]
        nothing = not any(line.value(step) for step in (-2 * a, -a, 0.0, a, 2 * a))
        return slope.limit <= USEFUL * ZERO * max(self.measured, bend) or nothing

    def _but_for_traps(self, slopes: list[Slope]) -> list[Slope]:
        """No error counts where most directions meet a kink, as several may cancel in one; nor on a staircase's treads.

        One step of a staircase is looked for, at the first error.
        """
        if (first := next((slope for slope in slopes if slope.wrong), None)) is None:
            return slopes
        kinks = [slope.objection for slope in slopes if slope.objection.startswith(KINK[:12])]
        height = 0.0 if 2 * len(kinks) > len(slopes) else self.line(first.direction).staircase(first)
        why = f"the loss itself jumps, by {height:.2g}: something in it is rounded" if height else ""
        if 2 * len(kinks) > len(slopes):
            why = kinks[0]
        return [replace(slope, objection=why) if why and slope.wrong else slope for slope in slopes]

    @cached_property
    def _norm(self) -> float:
        return norm(self.gradient)

    @property
    def _zero(self) -> bool:
        """Whether the gradient is zero but for rounding."""
        return self._norm <= self._negligible

    @property
    def _negligible(self) -> float:
        """What rounding may leave of a gradient whose terms cancel, by the other gradients and the size of the loss."""
        loss = (abs(self.subject.value) or 1.0) / self.subject.scale[self.name]
        return ROUNDINGS * ROUNDOFF[self.subject.params[self.name].dtype.name] * max(self.largest, loss)

    @property
    def _start(self) -> float:
        """Where rounding and curvature balance for a loss that curves at the scale of its parameters: ∛u of that."""
        part = min(1.0, self.subject.noise) ** (1 / 3)
        return float(2.0 ** round(np.log2(part * self.subject.scale[self.name])))

    def _directions(self, rng: np.random.Generator) -> Iterator[Array]:
        shape, size = self.gradient.shape, self.gradient.size
        if self.by_entry:
            yield from np.eye(size, dtype=np.int8).reshape(size, *shape)
            return
        yield np.where(self.gradient == 0, random_signs(rng, shape), np.sign(self.gradient)).astype(np.int8)
        while True:
            yield random_signs(rng, shape)
