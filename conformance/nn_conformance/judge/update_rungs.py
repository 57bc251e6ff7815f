"""The rungs of an update: single steps, pruning, free runs."""

from collections.abc import Iterator, Mapping, Sequence
from math import inf, sqrt

import numpy as np
from numpy.random import RandomState

from nn_conformance.cases import format as fmt
from nn_conformance.cases.encoding import signs, values
from nn_conformance.cases.families import build_network, build_optimizer
from nn_conformance.judge.climb import Climb, Finding, over, there
from nn_conformance.judge.evaluation import flat
from nn_conformance.judge.limits import Limit, norm, update_limit
from nn_conformance.judge.target import TargetError, Unsupported
from nn_reference.arithmetic import Array, Params
from nn_reference.training import train

CHAINED = 3  # updates that are compared with single ones where no losses are shown: a mistake of the second shows
DIRECTIONS = 4  # in which differences are tried
MOVE = 1e-6  # of a parameter vector: far above float64's rounding, and small enough for a growth that is linear


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
    losses = climb.train(dict(climb.params), trajectory.batches[:steps]).losses
    if losses is None:
        yield chained(climb, trajectory.batches[: min(steps, CHAINED)])
        return
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


def chained(climb: Climb, batches: Sequence[Sequence[int]]) -> Finding:
    """Several updates in one call against the same updates in a call each, where no losses are shown.

    Each update of either way may be off by its limit E. What the i-th is off by, the later ones let grow, by a factor Γᵢ
    from after it to the end: so the two ways are apart by at most 2·Σ Γᵢ·Eᵢ. E and Γ are the reference's. All parameters
    are one vector here, as errors of each go over to the others.

    Raises:
        Unsupported: an optimiser with a memory, or fewer than two updates.
        TargetError: as `Climb.train` does, or other parameters than those that were given.
    """
    optimizer = climb.case.optimizer
    if optimizer.kind != "sgd" or optimizer.momentum or len(batches) < 2 or climb.nan_gradients:
        raise Unsupported("the target shows no losses")
    together = climb.train(dict(climb.params), batches).params
    apart = dict(climb.params)
    for batch in batches:
        apart = climb.train(apart, [batch]).params
        check_named("parameters", apart, climb.params)
    check_named("parameters", together, climb.params)
    for name, p in climb.params.items():
        for after in (together[name], apart[name]):
            if problem := climb.problem(name, after, p.shape):
                return Finding.of(problem)
    limit = _apart_limit(climb, batches)
    error = norm(flat(together) - flat(apart))
    reason = f"no losses are shown; {len(batches)} updates in one call against the same in a call each; {limit.reason}"
    return Finding(error, limit.value, reason)


def _apart_limit(climb: Climb, batches: Sequence[Sequence[int]]) -> Limit:
    """2·Σ Γᵢ·Eᵢ; Γ from differences in random directions, as rounding has none of its own."""
    network, rule = build_network(climb.network), build_optimizer(climb.case.optimizer)
    rows = [np.array(batch) for batch in batches]
    x, t = climb.loaded.x.astype(np.float64), climb.loaded.t.astype(np.float64)

    def after(params: Params, done: int, end: int) -> Params:
        return train(network, params, rule, rows[done:end], x, t).params

    params = {name: p.astype(np.float64) for name, p in climb.loaded.params.items()}
    total, rng = 0.0, RandomState(0)
    end = flat(after(params, 0, len(rows)))
    for k in range(len(rows)):
        before, params = flat(params), after(params, k, k + 1)
        size = norm(flat(params))
        step = _limit(climb, norm(flat(params) - before), size)
        growth = 1.0
        for _ in range(DIRECTIONS if k + 1 < len(rows) else 0):
            moved = {name: np.asarray(p + MOVE * size * rng.standard_normal(p.shape)) for name, p in params.items()}
            ratio = norm(flat(after(moved, k + 1, len(rows))) - end) / norm(flat(moved) - flat(params))
            growth = max(growth, ratio)
        total += 2 * growth * step.value
    return Limit(total, "2·Σ Γ·E, E the limit of each update and Γ how much it grows until the last")


def check_named(what: str, found: Mapping[str, Array], expected: Mapping[str, Array]) -> None:
    """Raises TargetError for arrays by other names than those."""
    if set(found) != set(expected):
        got = ", ".join(map(str, found)) or "none"
        raise TargetError(f"{what}: expected {', '.join(expected)}, got {got}", "wrong-names")
