"""Parameters after an update, against the certified ones: whole, or by the few numbers that a case keeps of a large array."""

from math import sqrt

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.cases.encoding import signs, values
from nn_conformance.judge.climb import Climb, Finding, over
from nn_conformance.judge.limits import Limit, norm, update_limit
from nn_reference.arithmetic import Array


def compare_after(
    climb: Climb, name: str, before: Array, expected: Array, found: Array, beyond: float = 0.0
) -> Finding:
    """One parameter after an update; `beyond` is the target's own uncertainty of it, a norm."""
    limit = _limit(climb, norm(expected - before), norm(expected)).plus(beyond, "its uncertainty")
    return climb.compare(name, found, expected, limit)


def compare_summary(
    climb: Climb, name: str, before: Array, expected: fmt.Summary, found: Array, beyond: float = 0.0
) -> Finding:
    """One parameter by its sum, projections and sampled entries; the error is the worst of them over its limit."""
    problem = climb.problem(name, found, tuple(expected.shape))
    if problem:
        return Finding.of(problem, 1.0)
    flat, start = np.asarray(found, np.float64).ravel(), np.asarray(before, np.float64).ravel()
    # A sum adds up the errors of all entries, which a norm does not: at most √(entries) times it, by Cauchy-Schwarz.
    whole = sqrt(flat.size) * _limit(climb, norm(flat - start), norm(flat)).plus(beyond, "").value
    sums = [(flat.sum(), *values([expected.sum], "float64"), whole)] + [
        (flat @ signs(flat.size, mask), right, whole)
        for mask, right in zip(expected.masks, values(expected.projections, "float64"), strict=True)
    ]
    entries, right = flat[expected.indices], values(expected.entries, "float64")
    of_entries = _limit(climb, norm(right - start[expected.indices]), norm(right)).plus(beyond, "its uncertainty")
    with np.errstate(over="ignore", invalid="ignore"):  # a number beyond all bounds has no limit, and fails
        ratios = [over(norm(entries - right), of_entries.value), *(over(abs(a - b), limit) for a, b, limit in sums)]
    worst = int(np.argmax(ratios))
    which = "the sampled entries" if worst == 0 else "the sum" if worst == 1 else f"projection {worst - 1}"
    return Finding(float(ratios[worst]), 1.0, f"{which}, over its limit {of_entries.reason}")


def _limit(climb: Climb, move: float, after: float) -> Limit:
    return update_limit(move, after, climb.case.optimizer, climb.dtype, climb.longest)
