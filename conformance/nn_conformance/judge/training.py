"""The rungs of an update: single steps, pruning, free runs."""

from collections.abc import Iterator, Mapping
from math import inf

import numpy as np

from nn_conformance.cases.encoding import values
from nn_conformance.judge.climb import Climb, Finding, over, there
from nn_conformance.judge.target import TargetError, Unsupported
from nn_conformance.judge.updated import compare_after, compare_summary
from nn_reference.arithmetic import Array


def step(climb: Climb) -> Iterator[Finding]:
    """One update from each given state: teacher forcing, so that no error is judged twice."""
    for k, step in enumerate(climb.case.steps):
        given = climb.before(k)
        run = climb.step(k)
        _check_names("parameters", run.params, given)
        after = None if step.after is None else climb.loaded.arrays(step.after, f"steps[{k}].after")
        for name, before in given.items():
            found, beyond = run.params[name], run.uncertainty.get(name, 0.0)
            if _becomes_nan(climb, name, found):
                problem = climb.problem(name, found, before.shape, finite=False)
                right = Finding(0.0, 0.0, "NaN, as the document's own formula gives in this precision")
                yield Finding.of(problem) if problem else right
            elif after is not None:
                yield compare_after(climb, name, before, after[name], found, beyond)
            elif step.after_summary is not None:
                yield compare_summary(climb, name, before, step.after_summary[name], found, beyond)


def pruning(climb: Climb) -> Iterator[Finding]:
    """What is left after pruning, exactly; and one update from there."""
    pruned = there(climb.case.pruned)
    left, after = climb.pruned
    expected = climb.loaded.arrays(pruned.params, "pruned.params")
    _check_names("pruned parameters", left, expected)
    wrong = [
        name
        for name, p in expected.items()
        if climb.problem(name, left[name], p.shape) or not np.array_equal(left[name], climb.cast(p))
    ]
    words = f"parameters that differ: {', '.join(wrong) or 'none'}; |w| < {pruned.threshold} becomes 0"
    yield Finding(float(len(wrong)), 0.0, words, subject=tuple(wrong))
    _check_names("parameters", after, expected)
    right = climb.loaded.arrays(pruned.after, "pruned.after")
    found = [compare_after(climb, name, expected[name], right[name], after[name]) for name in right]
    yield max(found, key=lambda finding: over(finding.error, finding.limit))


def trajectory(climb: Climb) -> Iterator[Finding]:
    """The losses of a free run, up to the horizon, within its band."""
    trajectory = there(climb.case.trajectory)
    horizon = trajectory.horizons[climb.dtype]
    steps = horizon.steps if climb.updates is None else min(climb.updates, horizon.steps)
    losses = climb.train(dict(climb.params), trajectory.batches[:steps]).losses
    if losses is None:
        raise Unsupported("the target shows no losses")
    found = np.asarray(losses, np.float64)
    if found.shape != (steps,):
        raise TargetError(f"losses: expected {steps}, got {len(found)}")
    exact = values(trajectory.losses, "float64")[:steps]
    if not steps:
        yield Finding(0.0, 1.0, "no update was asked for", unsupported=True)
        return
    ratios = np.abs(found - exact) / np.array(horizon.band[:steps])
    k = int(np.argmax(np.where(np.isnan(ratios), inf, ratios)))
    part = "" if steps == horizon.steps else f", the first {steps} of {horizon.steps}"
    yield Finding(float(ratios[k]), 1.0, f"{steps} losses{part}, each over its band; the largest at update {k + 1}")


def _check_names(what: str, found: Mapping[str, Array], expected: Mapping[str, Array]) -> None:
    if set(found) != set(expected):
        got = ", ".join(map(str, found)) or "none"
        raise TargetError(f"{what}: expected {', '.join(expected)}, got {got}", "wrong-names")


def _becomes_nan(climb: Climb, name: str, found: Array) -> bool:
    return name in climb.nan_gradients and isinstance(found, np.ndarray) and bool(np.isnan(found).any())
