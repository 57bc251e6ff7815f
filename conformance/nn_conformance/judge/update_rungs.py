"""The rungs of an update: single steps, pruning, free runs."""

from collections.abc import Iterator, Mapping, Sequence
from math import inf, sqrt

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.cases.encoding import signs, values
from nn_conformance.cases.families import build_network
from nn_conformance.judge.climb import Climb, Finding, over, there
from nn_conformance.judge.limits import Limit, norm, update_limit
from nn_conformance.judge.target import TargetError, Unsupported
from nn_reference.arithmetic import Array
from nn_reference.network import loss_and_outputs

UNTOLD = 4  # losses of a run that shows none are compared before its second to fourth update


def step(climb: Climb) -> Iterator[Finding]:
    """One update from each given state: teacher forcing, so that no error is judged twice."""
    for k, step in enumerate(climb.case.steps):
        given = climb.before(k)
        run = climb.step(k)
        check_named("parameters", run.params, given)
        after = None if step.after is None else climb.loaded.arrays(step.after, f"steps[{k}].after")
        for name, before in given.items():
            found, beyond = run.params[name], run.uncertainty.get(name, 0.0)
            if name in climb.nan_gradients and isinstance(found, np.ndarray) and np.isnan(found).any():
                problem = climb.problem(name, found, before.shape, finite=False)
                right = Finding(0.0, 0.0, "NaN, as the document's own formula gives in this precision")
                yield Finding.of(problem) if problem else right
            elif after is not None:
                yield _compare_after(climb, name, before, after[name], found, beyond)
            elif step.after_summary is not None:
                yield _compare_summary(climb, name, before, step.after_summary[name], found, beyond)


def _compare_after(
    climb: Climb, name: str, before: Array, expected: Array, found: Array, beyond: float = 0.0
) -> Finding:
    """One parameter after an update; `beyond` is the target's own uncertainty of it, a norm."""
    limit = _limit(climb, norm(expected - before), norm(expected)).plus(beyond, "its uncertainty")
    return climb.compare(name, found, expected, limit)


def _compare_summary(
    climb: Climb, name: str, before: Array, expected: fmt.Summary, found: Array, beyond: float = 0.0
) -> Finding:
    """One parameter by its sum, projections and sampled entries; the error is the worst of them over its limit."""
    problem = climb.problem(name, found, tuple(expected.shape))
    if problem:
        return Finding.of(problem, 1.0)
    numbers, start = np.asarray(found, np.float64).ravel(), np.asarray(before, np.float64).ravel()
    # A sum adds up the errors of all entries, which a norm does not: at most √(entries) times it, by Cauchy-Schwarz.
    whole = sqrt(numbers.size) * _limit(climb, norm(numbers - start), norm(numbers)).plus(beyond, "").value
    sums = [(numbers.sum(), *values([expected.sum], "float64"), whole)] + [
        (numbers @ signs(numbers.size, mask), right, whole)
        for mask, right in zip(expected.masks, values(expected.projections, "float64"), strict=True)
    ]
    entries, right = numbers[expected.indices], values(expected.entries, "float64")
    of_entries = _limit(climb, norm(right - start[expected.indices]), norm(right)).plus(beyond, "its uncertainty")
    with np.errstate(over="ignore", invalid="ignore"):  # a number beyond all bounds has no limit, and fails
        ratios = [over(norm(entries - right), of_entries.value), *(over(abs(a - b), limit) for a, b, limit in sums)]
    worst = int(np.argmax(ratios))
    which = "the sampled entries" if worst == 0 else "the sum" if worst == 1 else f"projection {worst - 1}"
    return Finding(float(ratios[worst]), 1.0, f"{which}, over its limit {of_entries.reason}")


def _limit(climb: Climb, move: float, after: float) -> Limit:
    return update_limit(move, after, climb.case.optimizer, climb.dtype, climb.longest)


def pruning(climb: Climb) -> Iterator[Finding]:
    """What is left after pruning, exactly; and one update from there."""
    pruned = there(climb.case.pruned)
    left, after = climb.pruned
    expected = climb.loaded.arrays(pruned.params, "pruned.params")
    check_named("pruned parameters", left, expected)
    wrong = [
        name
        for name, p in expected.items()
        if climb.problem(name, left[name], p.shape) or not np.array_equal(left[name], climb.cast(p))
    ]
    words = f"parameters that differ: {', '.join(wrong) or 'none'}; |w| < {pruned.threshold} becomes 0"
    yield Finding(float(len(wrong)), 0.0, words, subject=tuple(wrong))
    check_named("parameters", after, expected)
    right = climb.loaded.arrays(pruned.after, "pruned.after")
    found = [_compare_after(climb, name, expected[name], right[name], after[name]) for name in right]
    yield max(found, key=lambda finding: over(finding.error, finding.limit))


def trajectory(climb: Climb) -> Iterator[Finding]:
    """The losses of a free run, up to the horizon, within its band."""
    trajectory = there(climb.case.trajectory)
    horizon = trajectory.horizons[climb.dtype]
    steps = horizon.steps if climb.updates is None else min(climb.updates, horizon.steps)
    losses, first, words = climb.train(dict(climb.params), trajectory.batches[:steps]).losses, 0, "losses"
    if losses is None:
        steps, first = min(steps, UNTOLD), 1
        losses, words = _losses_along(climb, trajectory.batches[:steps]), "losses that the reference has on the way"
    found = np.asarray(losses, np.float64)
    if found.shape != (steps - first,):
        raise TargetError(f"losses: expected {steps}, got {len(found)}")
    if not steps:
        yield Finding(0.0, 1.0, "no update was asked for", unsupported=True)
        return
    exact, band = values(trajectory.losses, "float64")[first:steps], np.array(horizon.band[first:steps])
    ratios = np.abs(found - exact) / band
    k = int(np.argmax(np.where(np.isnan(ratios), inf, ratios)))
    part = "" if steps == horizon.steps else f", the first {steps} of {horizon.steps}"
    reason = f"{steps - first} {words}{part}, each over its band; the largest at update {k + first + 1}"
    yield Finding(float(ratios[k]), 1.0, reason)


def _losses_along(climb: Climb, batches: Sequence[Sequence[int]]) -> list[float]:
    """The reference's losses before the later updates of a run, of the parameters that the target has after the earlier.

    Raises:
        Unsupported: an optimiser with a memory, or fewer than two updates.
        TargetError: as `Climb.train` does, or other parameters than those that were given.
    """
    optimizer = climb.case.optimizer
    if optimizer.kind != "sgd" or optimizer.momentum or len(batches) < 2 or climb.nan_gradients:
        raise Unsupported("the target shows no losses")
    losses = []
    for k in range(1, len(batches)):
        params = climb.train(dict(climb.params), batches[:k]).params
        check_named("parameters", params, climb.params)
        if problem := next(filter(None, (climb.problem(n, params[n], p.shape) for n, p in climb.params.items())), None):
            raise problem
        wide = {name: p.astype(np.float64) for name, p in params.items()}
        x, t = (a[batches[k]].astype(np.float64) for a in (climb.loaded.x, climb.loaded.t))
        losses.append(float(loss_and_outputs(build_network(climb.network), wide, x, t)[0]))
    return losses


def check_named(what: str, found: Mapping[str, Array], expected: Mapping[str, Array]) -> None:
    """Raises TargetError for arrays by other names than those."""
    if set(found) != set(expected):
        got = ", ".join(map(str, found)) or "none"
        raise TargetError(f"{what}: expected {', '.join(expected)}, got {got}", "wrong-names")
