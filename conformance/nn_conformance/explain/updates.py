"""Updates: how the moves of several steps follow from the target's own gradients.

θ_k are the parameters after k steps, m_k = θ_(k-1) - θ_k the moves, g_k the gradient of step k at θ_(k-1).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec
import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.explain.asking import Asker
from nn_conformance.explain.factors import Factor, monomials
from nn_conformance.explain.record import Finding
from nn_conformance.explain.trace import Case, matrix
from nn_conformance.judge.limits import ROUNDOFF, longest_sum, norm, update_limit
from nn_reference.arithmetic import Array, Params

NEAR = 8.0  # of the limit: moves are differences of parameters
SIZES = (3, 2, 4, 3)  # samples of the steps' batches


@dataclass(frozen=True)
class Steps:
    """Some steps of a target, all as matrices in float64.

    Attributes:
        optimizer: what was asked for.
        thetas: parameters before the first step and after each.
        gradients: of each step, at the parameters before it.
        sizes: samples of each step.
    """

    optimizer: fmt.Optimizer
    thetas: Sequence[Params]
    gradients: Sequence[Params]
    sizes: Sequence[int]
    dtype: fmt.Dtype
    longest: int

    def move(self, k: int, name: str) -> Array:
        """m of step k, from 0."""
        return np.asarray(self.thetas[k][name] - self.thetas[k + 1][name])

    def near(self, k: int, name: str, expected: Array) -> bool:
        """Whether a move is as expected, but for rounding."""
        limit = update_limit(
            norm(expected), norm(self.thetas[k + 1][name]), self.optimizer, self.dtype, self.longest
        ).value
        return norm(self.move(k, name) - expected) <= NEAR * limit + 2 * ROUNDOFF[self.dtype] * norm(
            self.thetas[k][name]
        )


def steps_of(
    asker: Asker, case: Case, optimizer: fmt.Optimizer, gradient: Callable[[Case], Params | None], count: int = 4
) -> Steps | None:
    """Takes 1, 2, … steps from the same parameters, each run from the beginning; None if the target does not."""
    batches = [[(3 * k + i) % len(case.x) for i in range(SIZES[k])] for k in range(count)]
    thetas: list[Params] = [{n: np.asarray(p, np.float64) for n, p in case.params.items()}]
    gradients: list[Params] = []
    for k in range(1, count + 1):
        after, error = asker.train(case, optimizer, batches[:k])
        if error is not None or after is None:
            return None
        before = {n: p.astype(case.params[n].dtype) for n, p in thetas[-1].items()}
        step = Case(case.network, before, case.x[batches[k - 1]], case.t[batches[k - 1]], label="a step")
        g = gradient(step)
        if g is None:
            return None
        thetas.append(after)
        gradients.append({n: v + step.slope(n) * matrix(case.network, n, before[n]) for n, v in g.items()})
        if not all(np.isfinite(p).all() for p in after.values()):
            break
    as_matrices = [{n: matrix(case.network, n, p) for n, p in of.items()} for of in thetas]
    return Steps(
        optimizer, as_matrices, gradients, SIZES[: len(gradients)], asker.dtype, longest_sum(case.network, max(SIZES))
    )


@dataclass(frozen=True)
class Rule:
    """An update rule with its constants; one object for all of what people write.

    Attributes:
        slug: its name; empty for the right one.
        uses: its formula.
        kind: sgd or adam.
        decay: λ of λθ added to the gradient; `decoupled` adds it to the move instead.
        weight: of the new square in v; 1-β₂ if None.
        second_by: what the correction of v has in place of β₂.
        overwritten: whether m and v are kept as they are after their corrections.
    """

    slug: str
    uses: str
    kind: str = "sgd"
    rate: float = 0.1
    momentum: float = 0.0
    dampening: float = 0.0
    nesterov: bool = False
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    placement: str = "torch"
    corrected: tuple[bool, bool] = (True, True)
    inside: bool = False
    magnitude: bool = False
    power: float = 0.5
    decay: float = 0.0
    weight: float | None = None
    decoupled: bool = False
    second_by: float | None = None
    overwritten: bool = False
    forgets: bool = False
    shared: bool = False
    steps: Callable[[int, int, int], int] = field(default=lambda t, index, tensors: t, compare=False)

    def moves(self, seen: Steps) -> Iterator[dict[str, Array]]:
        """What each step would move, from the observed parameters and gradients."""
        m: dict[str, Array] = {}
        v: dict[str, Array] = {}
        names = list(seen.gradients[0])
        order = sorted(names, key=lambda n: (int(n[1:]), n))
        for k, gradients in enumerate(seen.gradients):
            if self.forgets:
                m, v = {}, {}
            moves = {}
            for index, name in enumerate(order):
                theta = seen.thetas[k][name]
                g = gradients[name] + (0 if self.decoupled else self.decay) * theta
                key = "" if self.shared else name
                moves[name] = self._move(g, m, v, key, self.steps(k + 1, index, len(order)))
                if self.decoupled:
                    moves[name] = moves[name] + self.rate * self.decay * theta
            yield moves

    def _move(self, g: Array, m: dict[str, Array], v: dict[str, Array], key: str, t: int) -> Array:
        old_m, old_v = m.get(key, np.zeros_like(g)), v.get(key, np.zeros_like(g))
        if old_m.shape != g.shape:
            raise ValueError("state of another shape")
        if self.kind == "sgd":
            m[key] = self.momentum * old_m + (1 - self.dampening) * g
            return self.rate * (g + self.momentum * m[key] if self.nesterov else m[key])
        m[key] = self.beta1 * old_m + (1 - self.beta1) * g
        weight = 1 - self.beta2 if self.weight is None else self.weight
        v[key] = self.beta2 * old_v + weight * (np.abs(g) if self.magnitude else g * g)
        first = 1 - self.beta1**t if self.corrected[0] else 1.0
        second = 1 - (self.second_by or self.beta2) ** t if self.corrected[1] else 1.0
        if self.overwritten:
            m[key], v[key], first, second = m[key] / first, v[key] / second, 1.0, 1.0
        inside, beside = (self.epsilon, 0.0) if self.inside else (0.0, self.epsilon)
        if self.placement == "keras":
            return np.asarray(
                self.rate * second**self.power / np.float64(first) * m[key] / ((v[key] + inside) ** self.power + beside)
            )
        return np.asarray(
            self.rate * m[key] / np.float64(first) / ((v[key] / np.float64(second) + inside) ** self.power + beside)
        )


def right_rule(optimizer: fmt.Optimizer) -> Rule:
    """The described one."""
    if optimizer.kind == "sgd":
        averaged = optimizer.momentum if optimizer.dialect == "averaged" else 0.0
        nesterov = optimizer.dialect == "nesterov" and optimizer.momentum > 0
        return Rule("", "", "sgd", optimizer.learning_rate, optimizer.momentum, averaged, nesterov)
    o = optimizer
    adam = Rule("", "", "adam", o.learning_rate, placement=o.placement or "torch")
    if o.kind == "rmsprop":
        return replace(
            adam, kind="rmsprop", beta1=0.0, beta2=o.beta2 or 0.0, epsilon=o.epsilon or 0.0, corrected=(False, False)
        )
    if o.kind == "adagrad":
        return replace(
            adam, kind="adagrad", beta1=0.0, beta2=1.0, epsilon=o.epsilon or 0.0, corrected=(False, False), weight=1.0
        )
    return replace(adam, beta1=o.beta1 or 0.0, beta2=o.beta2 or 0.0, epsilon=o.epsilon or 0.0)


def variants(right: Rule) -> list[Rule]:
    """Rules that stand in its place."""
    if right.kind == "sgd":
        return _momenta(right)
    if right.kind != "adam":
        return _squares(right)
    other = "keras" if right.placement == "torch" else "torch"
    found = [
        replace(
            right,
            slug="epsilon-misplaced",
            uses=f"ε as {'Keras' if other == 'keras' else 'PyTorch'} has it",
            placement=other,
        ),
        replace(right, slug="correction-missing", uses="m/√v without 1-βᵗ", corrected=(False, False)),
        replace(right, slug="correction-missing", uses="only v is corrected", corrected=(False, True)),
        replace(right, slug="correction-missing", uses="only m is corrected", corrected=(True, False)),
        replace(right, slug="correction-of-other", uses="v/(1-β₁ᵗ)", second_by=right.beta1),
        replace(right, slug="moments-overwritten", uses="m = m̂, v = v̂ in each step", overwritten=True),
        replace(right, slug="epsilon-inside-root", uses="√(v̂+ε)", inside=True),
        replace(right, slug="moment-of-magnitude", uses="v of |g|", magnitude=True),
        replace(right, slug="root-missing", uses="m̂/(v̂+ε)", power=1.0),
        replace(
            right,
            slug="betas-swapped",
            uses=f"β₁ = {right.beta2}, β₂ = {right.beta1}",
            beta1=right.beta2,
            beta2=right.beta1,
        ),
        replace(right, slug="steps-behind", uses="t from 0", steps=lambda t, i, n: t - 1),
        replace(right, slug="steps-ahead", uses="t from 2", steps=lambda t, i, n: t + 1),
        replace(right, slug="steps-per-tensor", uses="t counts tensors", steps=lambda t, i, n: (t - 1) * n + i + 1),
        replace(right, slug="steps-uncounted", uses="t = 1 in every step", steps=lambda t, i, n: 1),
        replace(
            right, slug="moments-reset", uses="m = v = 0 and t = 1 at each step", forgets=True, steps=lambda t, i, n: 1
        ),
        replace(right, slug="moments-reset", uses="m = v = 0 at each step", forgets=True),
        replace(right, slug="moments-shared", uses="one m and v for all parameters", shared=True),
        Rule("plain-step", "θ - lr·g", "sgd", right.rate),
        replace(right, slug="adam-constant", uses="β₂ in m as well", beta1=right.beta2),
        replace(right, slug="adam-constant", uses="no ε", epsilon=0.0),
        replace(right, slug="momentum-missing", uses="β₁ = 0", beta1=0.0),
    ]
    found += [replace(right, slug="adam-constant", uses="β₁ = 0.9", beta1=0.9)]
    found += [replace(right, slug="adam-constant", uses=f"β₂ = {v:g}", beta2=v) for v in (0.999, 0.99, 0.9)]
    found += [replace(right, slug="adam-constant", uses=f"ε = {v:g}", epsilon=v) for v in EPSILONS]
    for beta2 in (0.999, 0.99):
        for epsilon in (1e-8, 1e-7):
            uses = f"β₁ = 0.9, β₂ = {beta2:g}, ε = {epsilon:g}"
            found.append(replace(right, slug="adam-constant", uses=uses, beta1=0.9, beta2=beta2, epsilon=epsilon))
    return found


def _squares(right: Rule) -> list[Rule]:
    """Of RMSProp and AdaGrad."""
    found = [
        replace(right, slug="root-missing", uses="g/(v+ε)", power=1.0),
        replace(right, slug="moment-of-magnitude", uses="v of |g|", magnitude=True),
        replace(right, slug="moments-reset", uses="v = 0 at each step", forgets=True),
        replace(right, slug="moments-shared", uses="one v for all parameters", shared=True),
        replace(right, slug="epsilon-inside-root", uses="√(v+ε)", inside=True),
        Rule("plain-step", "θ - lr·g", "sgd", right.rate),
        *(replace(right, slug="adam-constant", uses=f"ε = {v:g}", epsilon=v) for v in EPSILONS),
    ]
    if right.kind == "rmsprop":
        rho = right.beta2
        found += [
            replace(right, slug="square-unweighted", uses=f"v = {rho:g}·v + g²", weight=1.0),
            replace(right, slug="square-constant", uses=f"v = {1 - rho:g}·v + {rho:g}·g²", beta2=1 - rho),
            replace(right, slug="square-constant", uses="v = v + g²", beta2=1.0, weight=1.0),
            *(replace(right, slug="square-constant", uses=f"ρ = {v:g}", beta2=v) for v in (0.9, 0.99, 0.999, 0.95)),
        ]
    return found


def _momenta(right: Rule) -> list[Rule]:
    found = [
        replace(right, slug="gradients-accumulate-between-steps", uses="g_t = g_(t-1) + r", momentum=1.0),
        replace(right, slug="momentum-other", uses="v = 0.9v + g", momentum=0.9),
        replace(right, slug="momentum-averaged", uses="v = 0.9v + 0.1g", momentum=0.9, dampening=0.9),
    ]
    if right.momentum:
        mu, plain = right.momentum, replace(right, dampening=0.0, nesterov=False)
        found = [
            replace(plain, slug="momentum-missing", uses="θ - lr·g", momentum=0.0),
            replace(plain, slug="moments-reset", uses="v = (1-μ)g in each step", forgets=True, dampening=mu),
            replace(plain, slug="momentum-summed", uses="v = μv + g"),
            replace(plain, slug="momentum-averaged", uses="v = μv + (1-μ)g", dampening=mu),
            replace(plain, slug="momentum-nesterov", uses="θ - lr·(g + μv)", nesterov=True),
            *found,
        ]
    return found


def _endless(seen: Steps, right: Rule) -> list[Finding]:
    """A first step that is NaN or infinite where one rule's is, entry by entry."""
    for rule in variants(right):
        moves = next(rule.moves(seen))
        got = {n: seen.move(0, n) for n in moves}
        if all(
            np.array_equal(np.isnan(got[n]), np.isnan(m)) and np.array_equal(np.isinf(got[n]), np.isinf(m))
            for n, m in moves.items()
        ):
            return [
                Finding(
                    "update",
                    0,
                    "the update",
                    rule.slug,
                    f"{rule.uses}: the first step is no number",
                    "the described optimiser",
                    ("update",),
                )
            ]
    return [
        Finding(
            "update", 0, "the update", "update-not-finite", "NaN or infinite parameters", "finite steps", ("update",)
        )
    ]


EPSILONS = (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-10)
DECAYS = (0.01, 0.1, 1e-3, 1e-4, 5e-4, 1e-5, 0.05, 0.02, 0.2, 1.0)


def explain_steps(seen: Steps) -> tuple[list[Finding], bool]:
    """What the moves say; whether they are explained."""
    right = right_rule(seen.optimizer)
    if not all(np.isfinite(p).all() for p in seen.thetas[-1].values()):
        return _endless(seen, right), len(seen.gradients) == 1
    still = [n for n in seen.gradients[0] if not any(np.any(seen.move(k, n)) for k in range(len(seen.gradients)))]
    moving = [n for n in seen.gradients[0] if n not in still and any(np.any(g[n]) for g in seen.gradients)]
    described = list(right.moves(seen))
    due = [n for n in still if not all(seen.near(k, n, moves[n]) for k, moves in enumerate(described))]
    found = [_still(due, still, list(seen.gradients[0]))] if due else []
    if not moving:
        return found, True
    rules = [right, *variants(right), *_decaying(right)]
    fits = [(rule, factor) for rule in rules if (factor := _fits(seen, rule, moving))]
    if not fits:
        return found, False
    rule, factor = min(fits, key=lambda fit: (not fit[1].is_one, bool(fit[0].slug)))
    if rule.slug:
        found.append(Finding("update", 0, "the update", rule.slug, rule.uses, "the described optimiser", ("update",)))
    return [*found, *([] if factor.is_one else [_scaled(factor)])], True


def _decaying(right: Rule) -> list[Rule]:
    coupled = [replace(right, slug="weight-decay", uses=f"θ - lr·(g + {v:g}·θ)", decay=v) for v in DECAYS]
    return [
        *coupled,
        *(
            replace(rule, slug="decay-in-update", uses=f"θ - lr·(… + {rule.decay:g}·θ)", decoupled=True)
            for rule in coupled
            if right.kind == "adam"
        ),
    ]


def _still(names: Sequence[str], still: Sequence[str], every: Sequence[str]) -> Finding:
    biases = all(n[0] == "b" for n in names) and set(still) >= {n for n in every if n[0] == "b"}
    return Finding(
        "update",
        0,
        "the update",
        "biases-not-updated" if biases else "update-part-missing",
        f"{', '.join(names)} stay",
        "all parameters move",
        tuple(names),
    )


SCALES = {"-1": "uphill", "10": "rate-tenfold", "1/N": "rate-over-batch"}


def _scaled(factor: Factor) -> Finding:
    slug = SCALES.get(factor.text(), "rate-scaled")
    return Finding(
        "update",
        0,
        "the update",
        slug,
        f"{factor.text()} times the step",
        "θ - lr·g",
        ("update",),
        {} if factor.nice else {"factor": factor.value},
    )


def _fits(seen: Steps, rule: Rule, names: Sequence[str]) -> Factor | None:
    """The factor by which a rule's moves are the target's, on every step and parameter; None if there is none."""
    try:
        predicted = list(rule.moves(seen))
    except ValueError:
        return None
    measured: list[tuple[Mapping[str, float], float]] = []
    for k, moves in enumerate(predicted):
        own, got = (
            np.concatenate([of(n).ravel() for n in names]) for of in (moves.__getitem__, lambda n, k=k: seen.move(k, n))
        )
        if not np.isfinite(own).all() or not np.any(own):
            return None
        measured.append(({"N": float(seen.sizes[k])}, float(own @ got / (own @ own))))
    for factor in [Factor(), *monomials(measured, 1e-6 if seen.dtype == "float64" else 1e-3)]:
        if all(
            seen.near(k, n, factor.on({"N": seen.sizes[k]}) * moves[n])
            for k, moves in enumerate(predicted)
            for n in names
        ):
            return factor
    return None


def experiment(optimizer: fmt.Optimizer) -> fmt.Optimizer:
    """The optimiser with constants that show: ε as large as gradients are, β whose powers differ soon."""
    if optimizer.kind == "sgd":
        return msgspec.structs.replace(optimizer, learning_rate=0.25)
    return msgspec.structs.replace(optimizer, learning_rate=0.125, beta1=0.75, beta2=0.96875, epsilon=0.015625)
