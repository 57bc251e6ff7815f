"""What is wrong with a gradient, as far as it shows from outside: a factor, a transpose, a penalty, a swap; else where, by halving.

The slopes that failed a gradient also tell what would have passed: a right hypothesis fits all of them. If none does,
the indices of each axis are halved, and one half moved at a time; the error of the other half is what is left of the
whole. A single wrong entry of P is found in 2 log₂ P calls of the loss.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import product
from math import isfinite, log10, prod

import numpy as np

from nn_conformance.gradcheck.line import Slope
from nn_conformance.gradcheck.tensor import Tensor
from nn_conformance.judge.digits import told_apart
from nn_conformance.judge.relations import PENALTIES, share, transposed, unreshaped
from nn_reference.arithmetic import Array

# What a half has left must be more than so many limits, as it is a difference of errors, to be followed; and more than
# this part of the whole, for which the step was chosen: a half may be more bent.
CLEAR = 3.0
LESS = 1e-4
# So many places are followed along an axis; more are a region.
PLACES = 8
# So many entries are told one by one.
ENTRIES = 4
MATRIX = 2  # axes
FEWEST = 4  # slopes that show a constant which is fitted
UNDONE = (
    (transposed, "it is the transpose of the right one"),
    (unreshaped, "it was reshaped where it should be transposed"),
)


def explain(tensor: Tensor, slopes: Sequence[Slope], claims: Mapping[str, Array]) -> str:
    """The cause of a failure, in words.

    Args:
        tensor: the one that failed.
        slopes: what a verdict can rest on, at least one of them wrong.
        claims: the gradients of all tensors, in float64.
    """
    if not all(isfinite(slope.limit) for slope in slopes):
        return "it is too large to compute with"
    return _everywhere(tensor, slopes, claims) or _place(tensor, slopes)


def _everywhere(tensor: Tensor, slopes: Sequence[Slope], claims: Mapping[str, Array]) -> str:
    gradient, best = tensor.gradient, max(slopes, key=lambda slope: abs(slope.claimed))
    if not gradient.any():
        return "it is zero, but the loss changes with this parameter"
    if all(abs(slope.measured) <= slope.limit for slope in slopes):
        return "the loss does not change with this parameter"
    if abs(best.measured) > 2 * best.limit and _fits(gradient * (best.measured / best.claimed), slopes):
        return _factor(best)
    return next((text for right, text in _hypotheses(tensor, slopes, claims) if _fits(right, slopes)), "")


def _hypotheses(tensor: Tensor, slopes: Sequence[Slope], claims: Mapping[str, Array]) -> Iterator[tuple[Array, str]]:
    """What may be the right gradient, and how the claimed one then came to be."""
    for undone, text in UNDONE if tensor.gradient.ndim == MATRIX else ():
        with suppress(ValueError):
            yield undone(tensor.gradient), text
    p = np.asarray(tensor.subject.params[tensor.name], float)
    off = [slope.claimed - slope.measured for slope in slopes]
    for name, added in PENALTIES.items() if len(slopes) >= FEWEST else ():
        times = share(off, [float(np.vdot(added(p), slope.direction.astype(float))) for slope in slopes])
        words = f"{times:.3g}·{name.replace('W', tensor.name)} is added, a penalty that the loss does not have"
        yield tensor.gradient - times * added(p), words
    for other, claim in claims.items():
        if other != tensor.name and claim.shape == tensor.gradient.shape:
            yield claim, f"the right one is what was given for {other!r}"


def _fits(gradient: Array, slopes: Sequence[Slope]) -> bool:
    """Whether a gradient agrees with every slope; within two limits, as a factor is known no better than a slope."""
    return all(abs(np.vdot(gradient, s.direction.astype(float)) - s.measured) <= 2 * s.limit for s in slopes)


def _factor(slope: Slope) -> str:
    factor, uncertain = slope.claimed / slope.measured, slope.limit / abs(slope.measured)
    if abs(factor + 1) <= 2 * uncertain:
        return "its sign is wrong everywhere"
    digits = max(1, min(15, int(-log10(uncertain))))
    text = f"{factor:#.{digits}g}".rstrip(".")
    if float(text) == 1:  # it failed, so that it is another number
        text = told_apart(factor, 1.0, least=digits)[0]
    return f"it is {text} times the right one everywhere"


def _place(tensor: Tensor, slopes: Sequence[Slope]) -> str:
    shape = tensor.gradient.shape
    if tensor.by_entry:
        return _entries(tensor, slopes)
    worst = max(slopes, key=lambda slope: slope.error / slope.limit)
    found: list[list[int]] = []
    for axis in range(len(shape)):
        found.append(_along(tensor, worst, found, axis))
    if prod(map(len, found)) <= ENTRIES:
        return _entries(tensor, [tensor.slope(_one(shape, entry), worst.step) for entry in product(*found)])
    if prod(map(len, found)) == tensor.gradient.size:
        return "it is wrong all over"
    what = "wrong" if tensor.gradient[np.ix_(*found)].any() else "zero, and should not be,"
    return f"it is {what} in {tensor.name}[{', '.join(map(indices, found, shape))}]"


def _along(tensor: Tensor, slope: Slope, before: Sequence[list[int]], axis: int) -> list[int]:
    """The indices of an axis under which the error lies, given those of the axes before it."""
    shape = tensor.gradient.shape

    def error(indices: range) -> float:
        chosen = np.ix_(*before, indices, *map(range, shape[axis + 1 :]))
        direction = np.zeros(shape, np.int8)
        direction[chosen] = slope.direction[chosen]
        line = tensor.line(direction)
        return line.claimed(tensor.gradient) - line.slope(slope.step)

    def halves(group: range, whole: float) -> list[tuple[range, float]]:
        if len(group) == 1:
            return [(group, whole)]
        left, right = group[: len(group) // 2], group[len(group) // 2 :]
        both = [(left, part := error(left)), (right, whole - part)]
        return [half for half in both if abs(half[1]) > least] or [(group, whole)]

    least = max(CLEAR * slope.limit, LESS * slope.error)
    groups = [(range(shape[axis]), error(range(shape[axis])) if before else slope.claimed - slope.measured)]
    while len(groups) <= PLACES:
        smaller = [half for group in groups for half in halves(*group)]
        if smaller == groups:
            break
        groups = smaller
    return [index for group, _ in groups for index in group]


def _one(shape: tuple[int, ...], entry: tuple[int, ...]) -> Array:
    direction = np.zeros(shape, np.int8)
    direction[entry] = 1
    return direction


def _entries(tensor: Tensor, slopes: Sequence[Slope]) -> str:
    """Of slopes along single entries those that are wrong, with what they are and what the loss says."""
    wrong = [slope for slope in slopes if slope.wrong]
    if len(wrong) > ENTRIES:
        return f"{len(wrong)} of its {len(slopes)} entries are wrong"
    said = []
    for slope in wrong:
        entry = ", ".join(map(str, np.argwhere(slope.direction)[0]))
        claimed, measured = told_apart(slope.claimed, slope.measured)
        said.append(f"{tensor.name}[{entry}] is {claimed}, and the slope of the loss {measured}")
    return "; ".join(said) or "too close to its limit to say where"


def indices(found: Sequence[int], length: int) -> str:
    """As NumPy writes them: ``:``, ``3``, ``100:150`` or ``[3, 7:9]``."""
    if len(found) == length:
        return ":"
    breaks = np.flatnonzero(np.diff(found) != 1) + 1
    runs = [str(run[0]) if len(run) == 1 else f"{run[0]}:{run[-1] + 1}" for run in np.split(np.array(found), breaks)]
    return runs[0] if len(runs) == 1 else f"[{', '.join(runs)}]"
