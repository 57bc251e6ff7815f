"""One case of a search: what a target answered on it, beside the right forward pass and the limits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.explain.asking import Asked, Limits, widths
from nn_conformance.explain.record import every_array
from nn_conformance.explain.trace import Changes, Trace, trace, with_losses
from nn_conformance.judge.limits import norm
from nn_reference.arithmetic import Array


@dataclass(frozen=True, eq=False)
class Point:
    """A case: its trace, what was answered, and its limits, which are for the right forward pass.

    Attributes:
        slack: how much larger rounding is under another forward pass.
    """

    trace: Trace
    asked: Asked
    limits: Limits
    slack: float = 1.0

    def under(self, changes: Changes) -> Trace:
        """The trace, with some rules of the forward pass changed.

        Raises:
            ValueError: a change that does not fit the network or the sizes.
        """
        if all(change.slot == "loss" for change in changes):
            return with_losses(self.trace, changes)
        return trace(self.asked.case, changes, self.asked.gradients)

    def sizes(self) -> dict[str, float]:
        """The sizes that a factor may have powers of; `r` is the learning rate of an update."""
        ws = widths(self.asked.case.network)
        hidden = {"H" if len(ws) == 3 else f"H{k}": float(w) for k, w in enumerate(ws[1:-1], 1)}
        rate = {"r": self.asked.case.rate} if self.asked.case.rate else {}
        return {"N": float(len(self.asked.case.x)), "C": float(ws[-1]), "D": float(ws[0]), **hidden, **rate}

    def limit(self, array: str, expected: Array) -> float:
        """The largest error of a gradient that should be this."""
        return self.slack * self.limits.of(array, expected, self.asked.uncertainty.get(array, 0.0))

    def unit(self, array: str) -> float:
        """The largest error of a gradient that should be what was answered."""
        return self.limit(array, self.asked.gradients[array])

    def ratio(self, array: str, expected: Array) -> float:
        """Error over limit."""
        got = self.asked.gradients[array]
        return norm(got - expected) / self.limit(array, expected) if got.shape == np.shape(expected) else np.inf

    def makes(self, made: Mapping[str, Array], near: float = 1.0) -> bool:
        """Whether each gradient that was answered is as near one of these as so many limits."""
        return all(a in made and self.ratio(a, made[a]) <= near for a in self.asked.gradients)

    @property
    def all_right(self) -> bool:
        """Whether every gradient that was answered is right."""
        return self.makes(self.limits.gradients)

    def right(self, array: str) -> bool:
        """Whether an array is right, or not shown."""
        return array not in self.asked.gradients or self.ratio(array, self.limits.gradients[array]) <= 1

    def zero(self, array: str) -> bool:
        """Whether an array is zero."""
        return self.ratio(array, np.zeros_like(self.asked.gradients[array])) <= 1


def point_of(asked: Asked, dtype: fmt.Dtype) -> Point:
    """An answer with the right forward pass of its case."""
    tr = replace(asked.case.right, answer=asked.gradients)
    tr.made = asked.case.right.made
    return Point(tr, asked, Limits(asked.case, dtype))


def wrong_arrays(points: Sequence[Point]) -> tuple[str, ...]:
    """The gradients that are wrong on some case, by name, from the inputs to the outputs."""
    return every_array([a for a in points[0].asked.gradients if not all(p.right(a) for p in points)])
