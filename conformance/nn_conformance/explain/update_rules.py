"""Rules of an update and their variants.

θ_k are the parameters after k steps, m_k = θ_(k-1) - θ_k the moves, g_k the gradient of step k at θ_(k-1).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from typing import Any

import msgspec
import numpy as np

from nn_conformance.cases import format as fmt
from nn_reference.arithmetic import Array, Params

EPSILONS = (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-10)
DECAYS = (0.01, 0.1, 1e-3, 1e-4, 5e-4, 1e-5, 0.05, 0.02, 0.2, 1.0)


@dataclass(frozen=True)
class UpdateRule:
    """An update rule with its constants; one object for all of what people write.

    Attributes:
        slug: its name; empty for the right one.
        uses: its formula.
        kind: sgd, adam, rmsprop or adagrad.
        corrected: whether m and v are corrected for their start at 0.
        inside: whether ε is below the root.
        magnitude: whether v is of |g|.
        power: of v.
        decay: λ of λθ added to the gradient; `decoupled` adds it to the move instead.
        weight: of the new square in v; 1-β₂ if None.
        unweighted: whether m has g itself, and not (1-β₁)g.
        second_by: what the correction of v has in place of β₂.
        overwritten: whether m and v are kept as they are after their corrections.
        forgets: whether m and v are 0 before each step.
        shared: whether parameters of the same shape have one m and v: going `up` the layers, or `down`.
        one: whether m and v are one array.
        late: whether a step is made by m and v as they are before it.
        of_moment: whether v is of m, and not of g.
        aliased: whether v is the gradient's own array, which each step clears and fills.
        steps: t of a step, of a tensor by its number, of so many tensors.
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
    unweighted: bool = False
    decoupled: bool = False
    second_by: float | None = None
    overwritten: bool = False
    forgets: bool = False
    shared: str = ""
    one: bool = False
    late: bool = False
    of_moment: bool = False
    aliased: bool = False
    steps: Callable[[int, int, int], int] = field(default=lambda t, index, tensors: t, compare=False)

    def moves(self, thetas: Sequence[Params], gradients: Sequence[Params]) -> Iterator[dict[str, Array]]:
        """What each step would move, from the parameters before it and its gradients."""
        m: dict[str, Array] = {}
        v: dict[str, Array] = {}
        order = sorted(gradients[0], key=lambda n: (int(n[1:]), n), reverse=self.shared == "down")
        for k, (theta, of_step) in enumerate(zip(thetas, gradients, strict=False)):
            if self.forgets:
                m, v = {}, {}
            moves = {}
            for index, name in enumerate(order):
                g = of_step[name] + (0 if self.decoupled else self.decay) * theta[name]
                key = str(g.shape) if self.shared else name
                moves[name] = self._move(g, m, v, key, self.steps(k + 1, index, len(order)))
                if self.decoupled:
                    moves[name] = moves[name] + self.rate * self.decay * theta[name]
            yield moves

    def _move(self, g: Array, m: dict[str, Array], v: dict[str, Array], key: str, t: int) -> Array:
        old_m, old_v = m.get(key, np.zeros_like(g)), v.get(key, np.zeros_like(g))
        if self.kind == "sgd":
            if self.aliased and key in m:
                old_m = g  # v was cleared with the gradient, is multiplied by μ and added to itself
                g = self.momentum * g
            m[key] = self.momentum * old_m + (1 - self.dampening) * g
            if self.late:
                return self.rate * old_m
            return self.rate * (g + self.momentum * m[key] if self.nesterov else m[key])
        m[key] = self.beta1 * old_m + (1.0 if self.unweighted else 1 - self.beta1) * g
        weight = 1 - self.beta2 if self.weight is None else self.weight
        square = m[key] ** 2 if self.of_moment else np.abs(g) if self.magnitude else g * g
        if self.one:
            old_v = m[key]
        v[key] = self.beta2 * old_v + weight * square
        if self.one:
            m[key] = v[key]
        root = np.abs(v[key]) if self.one else v[key]  # of one array that is negative people take the root of its size
        used_m, used_v = (old_m if self.beta1 else m[key], old_v) if self.late else (m[key], root)
        first = 1 - self.beta1**t if self.corrected[0] else 1.0
        second = 1 - (self.second_by or self.beta2) ** t if self.corrected[1] else 1.0
        if self.overwritten:
            m[key], v[key], first, second = m[key] / first, v[key] / second, 1.0, 1.0
            used_m, used_v = m[key], v[key]
        inside, beside = (self.epsilon, 0.0) if self.inside else (0.0, self.epsilon)
        step = self.rate * used_m / np.float64(first)
        if self.placement == "keras":
            return np.asarray(step * second**self.power / ((used_v + inside) ** self.power + beside))
        return np.asarray(step / ((used_v / np.float64(second) + inside) ** self.power + beside))


def right_rule(o: fmt.Optimizer) -> UpdateRule:
    """The described one."""
    if o.kind == "sgd":
        averaged = o.momentum if o.dialect == "averaged" else 0.0
        nesterov = o.dialect == "nesterov" and o.momentum > 0
        return UpdateRule("", "", "sgd", o.learning_rate, o.momentum, averaged, nesterov)
    squares = UpdateRule("", "", o.kind, o.learning_rate, epsilon=o.epsilon or 0.0, placement=o.placement or "torch")
    if o.kind == "rmsprop":
        return replace(squares, beta1=0.0, beta2=o.beta2 or 0.0, corrected=(False, False))
    if o.kind == "adagrad":
        return replace(squares, beta1=0.0, beta2=1.0, corrected=(False, False), weight=1.0)
    return replace(squares, beta1=o.beta1 or 0.0, beta2=o.beta2 or 0.0)


def first_share(o: fmt.Optimizer) -> float:
    """By how much of the gradient the first step moves, over the rate, where it is a share of it."""
    right = right_rule(o)
    return (1 - right.dampening) * (1 + right.nesterov * right.momentum) if o.kind == "sgd" else 1.0


def variants(right: UpdateRule) -> list[UpdateRule]:
    """Rules that stand in its place."""
    rows = {"sgd": _momenta, "adam": _adam}.get(right.kind, _squares)(right)
    return [replace(right, slug=slug, uses=uses, **changes) for slug, uses, changes in rows]


def decaying(right: UpdateRule) -> list[UpdateRule]:
    """The rule with a decay of the parameters beside it: in the gradient, or in the step."""
    rows: Rows = [("weight-decay", f"θ - lr·(g + {v:g}·θ)", {"decay": v}) for v in DECAYS]
    own = DECAYS if right.kind == "adam" else ()
    rows += [("decay-in-update", f"θ - lr·(… + {v:g}·θ)", {"decay": v, "decoupled": True}) for v in own]
    return [replace(right, slug=slug, uses=uses, **changes) for slug, uses, changes in rows]


def counting(right: UpdateRule, tensors: int) -> list[UpdateRule]:
    """Adam's rule of a tensor that is the first, second, … to be counted in each step."""
    rules = []
    for place in range(1, tensors + 1) if right.kind == "adam" else ():
        uses = f"t = {tensors}(k-1) + {place} in step k"
        steps = partial(lambda place, t, index, n: (t - 1) * n + place, place)
        rules.append(replace(right, slug="steps-per-tensor", uses=uses, steps=steps))
    return rules


Rows = list[tuple[str, str, dict[str, Any]]]


def _adam(right: UpdateRule) -> Rows:
    other = "keras" if right.placement == "torch" else "torch"
    where = {"keras": "Keras", "torch": "PyTorch"}[other]
    rows: Rows = [
        ("epsilon-misplaced", f"ε as {where} has it", {"placement": other}),
        ("correction-missing", "m/√v without 1-βᵗ", {"corrected": (False, False)}),
        ("correction-missing", "only v is corrected", {"corrected": (False, True)}),
        ("correction-missing", "only m is corrected", {"corrected": (True, False)}),
        ("correction-of-other", "v/(1-β₁ᵗ)", {"second_by": right.beta1}),
        ("moments-overwritten", "m = m̂, v = v̂ in each step", {"overwritten": True}),
        ("epsilon-inside-root", "√(v̂+ε)", {"inside": True}),
        ("moment-of-magnitude", "v of |g|", {"magnitude": True}),
        ("root-missing", "m̂/(v̂+ε)", {"power": 1.0}),
        ("betas-swapped", f"β₁ = {right.beta2}, β₂ = {right.beta1}", {"beta1": right.beta2, "beta2": right.beta1}),
        ("steps-behind", "t from 0", {"steps": lambda t, i, n: t - 1}),
        ("steps-ahead", "t from 2", {"steps": lambda t, i, n: t + 1}),
        ("steps-per-tensor", "t counts tensors", {"steps": lambda t, i, n: (t - 1) * n + i + 1}),
        ("steps-uncounted", "t = 1 in every step", {"steps": lambda t, i, n: 1}),
        ("moments-reset", "m = v = 0 and t = 1 at each step", {"forgets": True, "steps": lambda t, i, n: 1}),
        ("moments-reset", "m = v = 0 at each step", {"forgets": True}),
        *(("moments-shared", "one m and v for all parameters of a shape", {"shared": way}) for way in ("up", "down")),
        ("plain-step", "θ - lr·g", {"kind": "sgd"}),
        ("square-unweighted", "v = β₂·v + g²", {"weight": 1.0}),
        ("moments-late", "m and v as they are before the step", {"late": True}),
        ("moments-aliased", "m and v are one array, which both rules write to", {"one": True}),
        ("square-of-moment", "v = β₂·v + (1-β₂)·m²", {"of_moment": True}),
        ("moment-unweighted", "m = β₁·m + g", {"unweighted": True}),
        ("adam-constant", "β₂ in m as well", {"beta1": right.beta2}),
        ("adam-constant", "no ε", {"epsilon": 0.0}),
        ("momentum-missing", "β₁ = 0", {"beta1": 0.0}),
        ("adam-constant", "β₁ = 0.9", {"beta1": 0.9}),
    ]
    rows += [("adam-constant", f"β₂ = {v:g}", {"beta2": v}) for v in (0.999, 0.99, 0.9)]
    rows += [("adam-constant", f"ε = {v:g}", {"epsilon": v}) for v in EPSILONS]
    for b, e in product((0.999, 0.99), (1e-8, 1e-7)):
        constants = {"beta1": 0.9, "beta2": b, "epsilon": e}
        rows.append(("adam-constant", f"β₁ = 0.9, β₂ = {b:g}, ε = {e:g}", constants))
    return rows


def _squares(right: UpdateRule) -> Rows:
    """Of RMSProp and AdaGrad."""
    rows: Rows = [
        ("root-missing", "g/(v+ε)", {"power": 1.0}),
        ("moment-of-magnitude", "v of |g|", {"magnitude": True}),
        ("moments-reset", "v = 0 at each step", {"forgets": True}),
        ("moments-late", "v as it is before the step", {"late": True}),
        *(("moments-shared", "one v for all parameters of a shape", {"shared": way}) for way in ("up", "down")),
        ("epsilon-inside-root", "√(v+ε)", {"inside": True}),
        ("plain-step", "θ - lr·g", {"kind": "sgd"}),
    ]
    rows += [("adam-constant", f"ε = {v:g}", {"epsilon": v}) for v in EPSILONS]
    if right.kind != "rmsprop":
        return rows
    rho = right.beta2
    rows += [
        ("square-unweighted", f"v = {rho:g}·v + g²", {"weight": 1.0}),
        ("moment-added", f"v = v + {rho:g}·v + {1 - rho:g}·g²", {"beta2": 1 + rho, "weight": 1 - rho}),
        ("square-constant", f"v = {1 - rho:g}·v + {rho:g}·g²", {"beta2": 1 - rho}),
        ("square-constant", "v = v + g²", {"beta2": 1.0, "weight": 1.0}),
        ("square-constant", f"v = v + {1 - rho:g}·g²", {"beta2": 1.0, "weight": 1 - rho}),
    ]
    return rows + [("square-constant", f"ρ = {v:g}", {"beta2": v}) for v in (0.9, 0.99, 0.999, 0.95)]


def _momenta(right: UpdateRule) -> Rows:
    plain = {"dampening": 0.0, "nesterov": False}
    rows: Rows = [
        ("gradients-accumulate-between-steps", "g_t = g_(t-1) + r", {"momentum": 1.0}),
        ("momentum-other", "v = 0.9v + g", {"momentum": 0.9}),
        ("momentum-averaged", "v = 0.9v + 0.1g", {"momentum": 0.9, "dampening": 0.9}),
    ]
    if mu := right.momentum:
        rows = [
            ("momentum-missing", "θ - lr·g", plain | {"momentum": 0.0}),
            ("moments-reset", "v = (1-μ)g in each step", plain | {"forgets": True, "dampening": mu}),
            ("momentum-summed", "v = μv + g", plain),
            ("momentum-averaged", "v = μv + (1-μ)g", plain | {"dampening": mu}),
            ("momentum-nesterov", "θ - lr·(g + μv)", plain | {"nesterov": True}),
            ("moments-late", "v as it is before the step", plain | {"late": True}),
            ("moment-added", "v = v + μv + g", plain | {"momentum": 1 + mu}),
            ("momentum-sign", "v = g - μv", plain | {"momentum": -mu}),
            *(("moments-shared", "one v for all parameters of a shape", {"shared": way}) for way in ("up", "down")),
            ("velocity-aliased", "v = 2μg from the second step on", {"aliased": True}),
            *rows,
        ]
    return rows


def experiment(optimizer: fmt.Optimizer) -> fmt.Optimizer:
    """The optimiser with constants that show: ε as large as gradients are, β whose powers differ soon."""
    if optimizer.kind == "sgd":
        return msgspec.structs.replace(optimizer, learning_rate=0.25)
    return msgspec.structs.replace(optimizer, learning_rate=0.125, beta1=0.75, beta2=0.96875, epsilon=0.015625)
