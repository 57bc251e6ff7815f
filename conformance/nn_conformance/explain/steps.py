"""How the moves of several steps follow from the target's own gradients, from the mutant's, or from the right ones."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.explain.asking import Asker
from nn_conformance.explain.factors import ONE, Factor, monomials
from nn_conformance.explain.record import Finding
from nn_conformance.explain.trace import Case, matrix
from nn_conformance.explain.update_rules import UpdateRule, counting, decaying, right_rule, variants
from nn_conformance.judge.limits import ROUNDOFF, longest_sum, norm, update_limit
from nn_reference.arithmetic import Array, Params

NEAR = 8.0  # of the limit: moves are differences of parameters
SIZES = (3, 2, 4, 3)  # samples of the steps' batches
OTHER_SIZES = (2, 3)  # of another run, of another number of samples
OTHER_RATE = 0.375  # times the rate, in that run: no power of it, and no quotient of sizes
SCALES = {
    "-1": "uphill", "10": "rate-tenfold", "1/N": "rate-over-batch", "N/F": "first-batch-size", "N/M": "divided-by-all", "lr": "rate-twice"
}  # fmt: skip
POWERS = ((("N", 1), ("M", -1)), (("N", 1), ("F", -1)), (("N", 1),), (("N", -1),))
OF_GRADIENTS = (*(Factor(1.0, powers) for powers in POWERS), Factor(2.0), Factor(0.5))
OF_SCALES = {"-1": "sign", "N": "sum-for-mean", "1/N": "mean-twice", "2": "factor-two", "½": "factor-two"}
# What is written where a formula has these letters.
LETTERS = {"F": "the first batch's size", "M": "the number of all samples"}
OFF = Finding("update", 0, "the update", "", "", "the described optimiser", ("update",))


@dataclass(frozen=True)
class Steps:
    """Some steps of a target, all as matrices in float64.

    Attributes:
        optimizer: what was asked for.
        thetas: parameters before the first step and after each.
        gradients: of each step, at the parameters before it, without the penalty.
        slopes: what the described penalty multiplies each parameter by, in each step.
        sizes: N of each step, F of the first one, M of all samples; lr the learning rate.
    """

    optimizer: fmt.Optimizer
    thetas: Sequence[Params]
    gradients: Sequence[Params]
    slopes: Sequence[Mapping[str, float]]
    sizes: Sequence[Mapping[str, float]]
    dtype: fmt.Dtype
    longest: int

    def move(self, k: int, name: str) -> Array:
        """m of step k, from 0."""
        return np.asarray(self.thetas[k][name] - self.thetas[k + 1][name])

    def near(self, k: int, name: str, expected: Array) -> bool:
        """Whether a move is as expected, but for rounding."""
        size, after = norm(expected), norm(self.thetas[k + 1][name])
        limit = update_limit(size, after, self.optimizer, self.dtype, self.longest).value
        spread = 2 * ROUNDOFF[self.dtype] * norm(self.thetas[k][name])
        return norm(self.move(k, name) - expected) <= NEAR * limit + spread

    def moves(self, rule: UpdateRule) -> list[dict[str, Array]]:
        """What each step would move by a rule."""
        described = [
            {n: g + slopes[n] * theta[n] for n, g in of.items()}
            for of, slopes, theta in zip(self.gradients, self.slopes, self.thetas, strict=False)
        ]
        return list(replace(rule, rate=self.optimizer.learning_rate).moves(self.thetas, described))


@dataclass(frozen=True)
class Walk:
    """What a target does in 1, 2, … steps from the same parameters.

    Attributes:
        case: all samples, with the parameters before the first step.
        optimizer: what was asked for.
        batches: of the steps that were taken.
        thetas: parameters before the first step and after each, in the described layout.
    """

    case: Case
    optimizer: fmt.Optimizer
    batches: Sequence[Sequence[int]]
    thetas: Sequence[Params]


# The gradient of a step of a walk, after the steps before it.
Gradient: TypeAlias = Callable[[Case, Walk, Sequence[Case]], Params | None]


def walk(asker: Asker, case: Case, optimizer: fmt.Optimizer, sizes: Sequence[int] = SIZES) -> Walk | None:
    """Takes the steps, each run from the beginning, until one ends in no numbers; None if the target does not."""
    batches = [sorted((3 * k + i) % len(case.x) for i in range(size)) for k, size in enumerate(sizes)]
    thetas: list[Params] = [{n: np.asarray(p, np.float64) for n, p in case.params.items()}]
    for k in range(len(batches)):
        if (after := asker.train(case, optimizer, batches[: k + 1])) is None:
            return None
        thetas.append(after)
        if not all(np.isfinite(p).all() for p in after.values()):
            break
    return Walk(case, optimizer, batches[: len(thetas) - 1], thetas)


def steps_of(walk: Walk, gradient: Gradient, dtype: fmt.Dtype) -> Steps | None:
    """The steps with their gradients; None if one has none."""
    case = walk.case
    gradients: list[Params] = []
    earlier: list[Case] = []
    slopes = []
    for theta, batch in zip(walk.thetas, walk.batches, strict=False):
        before = {n: p.astype(case.params[n].dtype) for n, p in theta.items()}
        step = Case(case.network, before, case.x[batch], case.t[batch], label="a step")
        if (g := gradient(step, walk, earlier)) is None:
            return None
        earlier.append(step)
        gradients.append(g)
        slopes.append({n: step.slope(n) for n in g})
    as_matrices = [{n: matrix(case.network, n, p) for n, p in of.items()} for of in walk.thetas]
    sizes = [len(batch) for batch in walk.batches]
    same = {"F": float(sizes[0]), "M": float(len(case.x)), "lr": walk.optimizer.learning_rate}
    longest = longest_sum(case.network, max(sizes))
    sized = [{"N": float(n), **same} for n in sizes]
    return Steps(walk.optimizer, as_matrices, gradients, slopes, sized, dtype, longest)


def explain_steps(runs: Sequence[Steps], *, plain: bool = False) -> tuple[list[Finding], bool]:
    """What the moves of several runs say; whether they are explained, or `plain`ly so, by the right rule and a factor."""
    seen = runs[0]
    right = right_rule(seen.optimizer)
    if not all(np.isfinite(p).all() for p in seen.thetas[-1].values()):
        return _endless(seen, right), len(seen.gradients) == 1
    runs = [run for run in runs if all(np.isfinite(p).all() for p in run.thetas[-1].values())]
    names = list(seen.gradients[0])
    still = [n for n in names if not any(np.any(run.move(k, n)) for run in runs for k in range(len(run.gradients)))]
    moving = [n for n in names if n not in still and any(np.any(g[n]) for g in seen.gradients)]
    described = seen.moves(right)
    due = [n for n in still if not all(seen.near(k, n, moves[n]) for k, moves in enumerate(described))]
    found = [_still(due, still, names)] if due else []
    if not moving:
        return found, len(still) == len(names)
    factor = _factor(_moved(runs, right), moving)
    if factor and (plain or factor.is_one):
        return [*found, *([] if factor.is_one else [_scaled(factor)])], True
    if plain:
        return [], False
    parts = (of(runs, right, moving) for of in (_by_rules, _with_penalty, _falling, _of_scaled))
    own = next((part for part in parts if part is not None), None)
    return [*found, *(own or [])], own is not None


def _off(slug: str, uses: str, right: str = OFF.right, **constants: float) -> Finding:
    return Finding(OFF.slot, 0, OFF.place, slug, uses, right, OFF.arrays, constants)


def _endless(seen: Steps, right: UpdateRule) -> list[Finding]:
    """A first step that is NaN or infinite where one rule's is, entry by entry."""
    for rule in variants(right):
        moves = seen.moves(rule)[0]
        got = {n: seen.move(0, n) for n in moves}
        if all(np.array_equal(of(got[n]), of(m)) for n, m in moves.items() for of in (np.isnan, np.isinf)):
            return [_off(rule.slug, f"{rule.uses}: the first step is no number")]
    return [_off("update-not-finite", "NaN or infinite parameters", "finite steps")]


def _still(names: Sequence[str], still: Sequence[str], every: Sequence[str]) -> Finding:
    biases = all(n[0] == "b" for n in names) and set(still) >= {n for n in every if n[0] == "b"}
    slug = "biases-not-updated" if biases else "update-part-missing"
    return Finding("update", 0, OFF.place, slug, f"{', '.join(names)} stay", "all parameters move", tuple(names))


def _scaled(factor: Factor, of: str = "step") -> Finding:
    text = factor.text()
    constants = {} if factor.nice else {"factor": factor.value}
    where = [f"{letter} {meaning}" for letter, meaning in LETTERS.items() if letter in dict(factor.powers)]
    uses = f"{text} times the {of}{', ' if where else ''}{', '.join(where)}"
    slug = "rate-constant" if factor.powers == (("lr", -1),) else SCALES.get(text, "rate-scaled")
    return _off(slug, uses, "θ - lr·g", **constants)


def _of_gradient(factor: Factor) -> Finding:
    """A factor of the gradient alone, beside a penalty or beneath a rule that remembers."""
    own = _scaled(factor, of="gradient")
    other = own.slug if own.slug in ("first-batch-size", "divided-by-all") else "gradient-scaled"
    return replace(own, slug=OF_SCALES.get(factor.text(), other))


def _steps(runs: Sequence[Steps]) -> Iterator[tuple[Steps, int]]:
    return ((run, k) for run in runs for k in range(len(run.gradients)))


def _flat(parts: Mapping[str, Array], names: Sequence[str]) -> Array:
    return np.concatenate([parts[n].ravel() for n in names])


Moved: TypeAlias = Sequence[tuple[Steps, int, Mapping[str, Array]]]  # of each step, what a rule moves in it


def _moved(runs: Sequence[Steps], rule: UpdateRule) -> Moved:
    """What a rule moves in each step; nothing if it cannot be had."""
    try:
        return [(run, k, moves) for run in runs for k, moves in enumerate(run.moves(rule))]
    except ValueError:
        return []


def _factor(moved: Moved, names: Sequence[str]) -> Factor | None:
    """The factor by which a rule's moves are the target's, on every step and parameter; None if there is none."""
    measured: list[tuple[Mapping[str, float], float]] = []
    for run, k, moves in moved:
        own, got = (_flat(part, names) for part in (moves, {n: run.move(k, n) for n in names}))
        if not np.isfinite(own).all() or (np.any(got) and not np.any(own)):
            return None
        if not np.any(own):  # as the first step by moments that are not renewed yet
            continue
        measured.append((run.sizes[k], float(own @ got / (own @ own))))
    rtol = 1e-6 if moved and moved[0][0].dtype == "float64" else 1e-3
    for factor in [ONE, *monomials(measured, rtol)] if moved else ():
        if all(run.near(k, n, factor.on(run.sizes[k]) * moves[n]) for run, k, moves in moved for n in names):
            return factor
    return None


def _by_rules(runs: Sequence[Steps], right: UpdateRule, names: Sequence[str]) -> list[Finding] | None:
    """The rule of all parameters, or of each, where they have several; None if one of them has none."""
    rules = [right, *variants(right), *decaying(right), *counting(right, len(names))]
    every = [(rule, _moved(runs, rule)) for rule in rules]
    if whole := [(rule, factor) for rule, moved in every if (factor := _factor(moved, names))]:
        rule, factor = min(whole, key=lambda fit: (not fit[1].is_one, bool(fit[0].slug)))
        return [*([_off(rule.slug, rule.uses)] if rule.slug else []), *([] if factor.is_one else [_scaled(factor)])]
    fits = [(rule, {n: f for n in names if (f := _factor(moved, [n]))}) for rule, moved in every]
    for factor in dict.fromkeys([ONE, *(f for _, of in fits for f in of.values())]):  # of all parameters alike
        found = _covered([(rule, {n for n, f in of.items() if f == factor}) for rule, of in fits], names)
        if found is not None:
            counted = [n for f in found if f.slug == "steps-per-tensor" for n in f.arrays]
            found = [_off("steps-per-tensor", "t counts tensors")] if len(counted) == len(names) else found
            return found if factor.is_one else [_scaled(factor), *found]
    return None


def _of_scaled(runs: Sequence[Steps], right: UpdateRule, names: Sequence[str]) -> list[Finding] | None:
    """A factor of the gradients, beneath a rule that remembers those of other batches; None if it is not that."""
    every = []
    plain = right.kind == "sgd"  # whose steps are as much larger as the gradients are, by a constant
    factors = [f for f in OF_GRADIENTS if f.powers or not plain] if not plain or right.momentum else []
    for factor in factors:
        scaled = [replace(run, gradients=_times(run, factor)) for run in runs]
        if (found := _by_rules(scaled, right, names)) is not None:
            every.append([_of_gradient(factor), *found])
    return min(every, key=len, default=None)


def _times(run: Steps, factor: Factor) -> list[Params]:
    """The gradients of each step times a factor."""
    return [
        {n: factor.on(sizes) * g for n, g in of.items()} for of, sizes in zip(run.gradients, run.sizes, strict=True)
    ]


def _covered(fits: Sequence[tuple[UpdateRule, set[str]]], names: Sequence[str]) -> list[Finding] | None:
    """The fewest rules that explain all of these parameters; None if they do not."""
    left, found = list(names), []
    while left:
        rule, fitted = max(fits, key=lambda fit: len(fit[1].intersection(left)))
        if not (own := [n for n in left if n in fitted]):
            return None
        if rule.slug:
            place = f"the update of {', '.join(own)}"
            of_biases = rule.slug == "weight-decay" and all(n[0] == "b" for n in own)
            slug = "penalty-of-biases" if of_biases else rule.slug
            found.append(replace(_off(slug, rule.uses), place=place, arrays=tuple(own)))
        left = [n for n in left if n not in own]
    return found


def _with_penalty(runs: Sequence[Steps], _: UpdateRule, names: Sequence[str]) -> list[Finding] | None:
    """A plain step whose gradient and penalty have a factor each; None if it is not that."""
    o, rtol = runs[0].optimizer, 1e-6 if runs[0].dtype == "float64" else 1e-3
    if o.kind != "sgd" or o.momentum:
        return None
    weights = [n for n in names if runs[0].slopes[0][n] or n[0] == "W"]
    return next(
        (found for own in (weights, names) if own and (found := _with_penalty_of(own, runs, names, rtol)) is not None),
        None,
    )


def _with_penalty_of(
    penalised: Sequence[str], runs: Sequence[Steps], names: Sequence[str], rtol: float
) -> list[Finding] | None:
    """The same for a penalty of these parameters."""
    measured = []
    for run, k in _steps(runs):
        parts = (run.gradients[k], run.thetas[k], {n: run.move(k, n) / run.optimizer.learning_rate for n in penalised})
        g, theta, move = (_flat(part, penalised) for part in parts)
        measured.append((run.sizes[k], np.linalg.lstsq(np.stack([g, theta], axis=1), move, rcond=None)[0]))
    penalties = [(sizes, float(c[1])) for sizes, c in measured]
    none = all(abs(c) < 1e-9 for _, c in penalties)
    for factor in monomials([(sizes, float(c[0])) for sizes, c in measured], rtol):
        for penalty in [Factor(0.0)] if none else monomials(penalties, rtol):
            if all(_by_parts(run, k, factor, penalty, penalised, names) for run, k in _steps(runs)):
                return [*([] if factor.is_one else [_of_gradient(factor)]), *_of_penalty(runs, penalty, penalised)]
    return None


def _by_parts(
    run: Steps, k: int, factor: Factor, penalty: Factor, penalised: Sequence[str], names: Sequence[str]
) -> bool:
    """Whether a step's moves are a factor of the gradients and one of the parameters."""
    rate, data, decay = run.optimizer.learning_rate, factor.on(run.sizes[k]), penalty.on(run.sizes[k])
    return all(
        run.near(k, n, rate * (data * run.gradients[k][n] + decay * (n in penalised) * run.thetas[k][n])) for n in names
    )


def _as_described(runs: Sequence[Steps], penalty: Factor) -> bool:
    """Whether a penalty's slope is the described one, or that over all samples where it is over the batch."""
    steps = list(_steps(runs))
    slopes = [max(run.slopes[k].values()) for run, k in steps]
    over_all = [s * run.sizes[k]["N"] / run.sizes[k]["M"] for s, (run, k) in zip(slopes, steps, strict=True)]
    own = [penalty.on(run.sizes[k]) for run, k in steps]
    return np.allclose(own, slopes, rtol=1e-6, atol=0) or np.allclose(own, over_all, rtol=1e-6, atol=0)


def _of_penalty(runs: Sequence[Steps], penalty: Factor, penalised: Sequence[str]) -> list[Finding]:
    """A penalty in the step that is another than the described one, and biases that have it too."""
    slopes, found = runs[0].slopes[0], []
    slug = ("penalty-scaled" if penalty.value else "penalty-missing") if any(slopes.values()) else "weight-decay"
    biases = [n for n in penalised if n[0] == "b" and not slopes[n]]
    if len(biases) < len(penalised) and not _as_described(runs, penalty):
        found = [_off(slug, f"{penalty.text()}·W in the step", "the penalty's slope", **{"lambda": penalty.value})]
    more = _off("penalty-of-biases", f"{penalty.text()}·b in the step", "no penalty of biases")
    return [*found, *([replace(more, arrays=tuple(biases))] if biases else [])]


def _falling(runs: Sequence[Steps], right: UpdateRule, names: Sequence[str]) -> list[Finding] | None:
    """A rate that changes from step to step by a rule; None if it is not that."""
    seen = runs[0]
    factors = []
    for k, moves in enumerate(seen.moves(right)):
        own, got = (_flat(part, names) for part in (moves, {n: seen.move(k, n) for n in names}))
        if not np.any(own):
            return None
        factors.append(float(own @ got / (own @ own)))
        if not all(seen.near(k, n, factors[-1] * moves[n]) for n in names):
            return None
    rtol = 1e-6 if seen.dtype == "float64" else 1e-3
    times, number = np.divide(factors[1:], factors[:-1]), np.arange(1, len(factors) + 1)
    if np.allclose(times, 1, rtol=rtol, atol=0):
        return None  # it is something else that shows in another run
    if np.ptp(times) <= rtol * abs(times[0]):
        uses, constants = f"lr is multiplied by {times[0]:.6g} in each step", {"factor": float(times[0])}
    elif np.allclose(factors * number, factors[0], rtol=rtol, atol=0):
        uses, constants = "lr is divided by the number of the step", {}
    elif np.allclose(factors * np.sqrt(number), factors[0], rtol=rtol, atol=0):
        uses, constants = "lr is divided by the root of the number of the step", {}
    else:
        return None
    return [_off("rate-decays", uses, "lr as it is given", **constants)]
