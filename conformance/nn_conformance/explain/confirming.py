"""What the identified rules make of a case, beside what was answered; and gradients of other shapes."""

from collections.abc import Mapping, Sequence

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.explain.asking import Asked, Limits
from nn_conformance.explain.fitting import Point
from nn_conformance.explain.gradients import Gradients, traced
from nn_conformance.explain.losses import Loss
from nn_conformance.explain.paths import delta
from nn_conformance.explain.record import Finding
from nn_conformance.explain.trace import trace
from nn_reference.arithmetic import Array

SHAPES = {
    "transposed": ("gradient-transposed", "(aᵀδ)ᵀ for aᵀδ", "the shape of W"),
    "one-number": ("bias-grand-total", "db = δ.sum(), one number for all units", "db = δ.sum(axis=0)"),
    "unsummed": ("bias-not-summed", "db = δ, a row for each sample", "db = δ.sum(axis=0)"),
    "axis": ("other-shape", "an axis of length one that the parameter does not have", "the parameter's shape"),
}


def ratio(point: Point, loss: Loss | None, gradients: Gradients, when: str = "") -> float:
    """The largest difference between the mutant and an answer, in units of the limit; infinite where there is no mutant."""
    ratios = [0.0]
    try:
        [[own]] = traced([[point]], gradients.changes)
        if loss is not None and point.asked.loss is not None:
            tr = trace(point.asked.case, loss.changes)
            expected = loss.on(tr, point.sizes() | {"n": float(len(tr.t))})
            ratios.append(abs(expected - point.asked.loss) / point.limits.of_loss(expected))
        ways = gradients.assignments[0].ways if gradients.assignments else {}
        shown = {array: way for array, way in ways.items() if array in point.asked.gradients}
        made = [own.ratio(array, way.predicted(own)) for array, way in shown.items()]
        if when and max(made, default=0.0) > 1:  # there the rules are the right ones
            made = [point.ratio(array, point.limits.gradients[array]) for array in shown]
        ratios += made
    except ValueError:
        return np.inf
    return max(ratios)


def of_shapes(shapes: Mapping[str, str], known: set[str]) -> list[Finding]:
    """Gradients whose numbers could be read, and whose shapes are others."""
    found: dict[str, list[str]] = {}
    for name, what in shapes.items():
        found.setdefault(what, []).append(f"d{name}")
    return [
        Finding("shape", 0, f"the shape of {' and '.join(sorted(arrays))}", slug, uses, right, tuple(sorted(arrays)))
        for what, arrays in found.items()
        for slug, uses, right in [SHAPES[what]]
        if slug not in known
    ]


def of_misshapen(
    misshapen: Mapping[str, tuple[Asked, Array]], dtype: fmt.Dtype, known: Sequence[Finding]
) -> tuple[list[Finding], list[str]]:
    """Biases with a number for each sample, which are summed over units; and what is not explained."""
    found, left = [], []
    for name, (asked, g) in misshapen.items():
        sums = delta(trace(asked.case), int(name[1:])).sum(axis=1)
        limit = Limits(asked.case, dtype).of(name, sums)
        if any(f.slug == "bias-over-units" and f"d{name}" in f.arrays for f in known):
            continue
        if name[0] == "b" and g.size == sums.size and np.linalg.norm(g.ravel() - sums) <= 4 * limit:
            place = f"layer {name[1:]}, where d{name} is summed"
            formulas = ("db = δ.sum(axis=1)", "db = δ.sum(axis=0)")
            found.append(Finding("sum", int(name[1:]), place, "bias-over-units", *formulas, (f"d{name}",)))
        else:
            left.append(f"d{name}, of shape {g.shape} for {np.shape(asked.case.params[name])}")
    return found, left
