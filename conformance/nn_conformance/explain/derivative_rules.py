"""Variants of an activation's derivative: another formula, another argument, a share beside the right one."""

from collections.abc import Callable
from functools import cache
from statistics import NormalDist
from typing import Any

import numpy as np

from nn_conformance.explain.forward_rules import Rule
from nn_conformance.explain.trace import Trace, shaped
from nn_reference.activations import GELU_CUBIC, GELU_SCALE, sigmoid
from nn_reference.arithmetic import Array

NORMAL = NormalDist()
# (z, a, g, tr, k) -> what g is multiplied by.
Derivative = Callable[[Array, Array, Array, Trace, int], Any]


def _mean(tr: Trace, k: int) -> Array:
    exact = tr.through(k, np.ones_like(tr.a[k]))
    return np.asarray(exact.mean(axis=0))


def _at(tr: Trace, k: int, z: Array) -> Array:
    """φ′ of layer k at other pre-activations."""
    kind = tr.net.layers[k - 1].activation
    return np.asarray(kind.backward(z, kind.forward(z), np.ones_like(z)))


def _slug(kind: str, formula: str, *, last: bool) -> str:
    if formula == "1":
        return "output-derivative-missing" if last else "derivative-missing"
    table = {
        ("sigmoid", "σ′(a)"): "derivative-at-a",
        ("sigmoid", "z(1-z)"): "z-for-a",
        ("sigmoid", "a"): "sigmoid-first-power",
        ("sigmoid", "1-a²"): "tanh-rule-for-sigmoid",
        ("tanh", "1-a"): "tanh-first-power",
        ("tanh", "1-tanh²(a)"): "tanh-at-a",
        ("tanh", "1-z²"): "tanh-of-z",
        ("tanh", "a(1-a)"): "sigmoid-rule-for-tanh",
        ("relu", "(g > 0)"): "relu-mask-of-gradient",
        ("softmax", "a(1-a)"): "softmax-diagonal",
        ("silu", "σ(z)"): "product-half",
        ("silu", "zσ(z)(1-σ(z))"): "product-half",
        ("gelu", "(1+τ)/2"): "product-half",
        ("gelu", "z/2·τ′"): "product-half",
    }
    if formula in OF_ERROR and formula != "y":
        return "derivative-of-error"
    if formula.startswith("φ′ of layer"):
        return "derivative-of-other-layer"
    return table.get((kind, formula), "derivative-at-a" if formula == "φ′(a)" else "derivative-other")


FORMULAS: dict[str, tuple[bool, Derivative]] = {
    "1": (True, lambda z, a, g, tr, k: 1.0),
    "a(1-a)": (True, lambda z, a, g, tr, k: a * (1 - a)),
    "1-a²": (True, lambda z, a, g, tr, k: 1 - a * a),
    "(z > 0)": (True, lambda z, a, g, tr, k: z > 0),
    "a": (True, lambda z, a, g, tr, k: a),
    "1-a": (True, lambda z, a, g, tr, k: 1 - a),
    "σ′(a)": (True, lambda z, a, g, tr, k: sigmoid(a) * (1 - sigmoid(a))),
    "1-tanh²(a)": (True, lambda z, a, g, tr, k: 1 - np.tanh(a) ** 2),
    "z(1-z)": (True, lambda z, a, g, tr, k: z * (1 - z)),
    "φ′(a)": (True, lambda z, a, g, tr, k: _at(tr, k, a)),
    "φ′(z-b)": (True, lambda z, a, g, tr, k: _at(tr, k, z - (np.nan if tr.b[k] is None else tr.b[k]))),
    "φ′(-z)": (False, lambda z, a, g, tr, k: _at(tr, k, -z)),
    "1-z²": (True, lambda z, a, g, tr, k: 1 - z * z),
    "σ′(z)": (True, lambda z, a, g, tr, k: sigmoid(z) * (1 - sigmoid(z))),
    "1-tanh²(z)": (True, lambda z, a, g, tr, k: 1 - np.tanh(z) ** 2),
    "z": (False, lambda z, a, g, tr, k: z),
    "1-z": (False, lambda z, a, g, tr, k: 1 - z),
    "a²": (False, lambda z, a, g, tr, k: a * a),
    "a²(1-a)": (False, lambda z, a, g, tr, k: a * a * (1 - a)),
    "a(1-a)²": (False, lambda z, a, g, tr, k: a * (1 - a) ** 2),
    "(a(1-a))²": (True, lambda z, a, g, tr, k: (a * (1 - a)) ** 2),
    "(1-a²)²": (True, lambda z, a, g, tr, k: (1 - a * a) ** 2),
    "(1-a)²": (False, lambda z, a, g, tr, k: (1 - a) ** 2),
    "1-2a": (False, lambda z, a, g, tr, k: 1 - 2 * a),
    "a(1+a)": (False, lambda z, a, g, tr, k: a * (1 + a)),
    "1+a": (False, lambda z, a, g, tr, k: 1 + a),
    "1+a²": (False, lambda z, a, g, tr, k: 1 + a * a),
    "σ(z)": (False, lambda z, a, g, tr, k: sigmoid(z)),
    "tanh z": (False, lambda z, a, g, tr, k: np.tanh(z)),
    "σ(a)": (False, lambda z, a, g, tr, k: sigmoid(a)),
    "1-tanh z": (False, lambda z, a, g, tr, k: 1 - np.tanh(z)),
    "1-tanh²(tanh a)": (False, lambda z, a, g, tr, k: 1 - np.tanh(np.tanh(a)) ** 2),
    "√|a(1-a)|": (False, lambda z, a, g, tr, k: np.sqrt(np.abs(a * (1 - a)))),
    "e^z": (False, lambda z, a, g, tr, k: np.exp(z)),
    "σ(1.702z)(1 + 1.702z(1-σ(1.702z)))": (False, lambda z, a, g, tr, k: sigmoid(1.702 * z) * (1 + 1.702 * z * sigmoid(-1.702 * z))),
    "Φ(z) + z·e^(-z²/2)/√2π": (False, lambda z, a, g, tr, k: np.vectorize(NORMAL.cdf)(z) + z * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)),
    "e^-z": (False, lambda z, a, g, tr, k: np.exp(-z)),
    "e^-z/(1+e^-z)": (False, lambda z, a, g, tr, k: np.exp(-z) / (1 + np.exp(-z))),
    "e^z/(1+e^z)": (False, lambda z, a, g, tr, k: np.exp(z) / (1 + np.exp(z))),
    "e^-z/(1+e^-z)³": (False, lambda z, a, g, tr, k: np.exp(-z) / (1 + np.exp(-z)) ** 3),
    "1/cosh z": (False, lambda z, a, g, tr, k: 1 / np.cosh(z)),
    "1/(1+z²)": (False, lambda z, a, g, tr, k: 1 / (1 + z * z)),
    "(z < 0)": (False, lambda z, a, g, tr, k: z < 0),
    "(z > 1)": (False, lambda z, a, g, tr, k: z > 1),
    "(a > 1)": (False, lambda z, a, g, tr, k: a > 1),
    "(a > ½)": (False, lambda z, a, g, tr, k: a > 0.5),
    "sign z": (False, lambda z, a, g, tr, k: np.sign(z)),
    "|z|": (False, lambda z, a, g, tr, k: np.abs(z)),
    "(g > 0)": (True, lambda z, a, g, tr, k: g > 0),
    "(g < 0)": (False, lambda z, a, g, tr, k: g < 0),
    "g(1-g)/g": (False, lambda z, a, g, tr, k: 1 - g),
    "φ′ averaged over the batch": (False, lambda z, a, g, tr, k: _mean(tr, k)),
    "φ′ of the first sample": (False, lambda z, a, g, tr, k: tr.through(k, np.ones_like(a))[:1]),
    "φ′ of the last sample": (False, lambda z, a, g, tr, k: tr.through(k, np.ones_like(a))[-1:]),
    "φ′ twice": (True, lambda z, a, g, tr, k: tr.through(k, np.ones_like(a)) ** 2),
    "φ″ for φ′": (False, lambda z, a, g, tr, k: tr.through(k, np.ones_like(a)) * (1 - 2 * a)),
}  # fmt: skip
OF_ERROR: dict[str, tuple[bool, Derivative]] = {
    "e(1-e), e = y-t": (True, lambda z, a, g, tr, k: (tr.y - tr.t) * (1 - tr.y + tr.t)),
    "1-e², e = y-t": (True, lambda z, a, g, tr, k: 1 - (tr.y - tr.t) ** 2),
    "e = t-y: e(1-e)": (False, lambda z, a, g, tr, k: (tr.t - tr.y) * (1 - tr.t + tr.y)),
    "(e > 0), e = y-t": (False, lambda z, a, g, tr, k: tr.y > tr.t),
    "φ′ of t": (False, lambda z, a, g, tr, k: tr.t * (1 - tr.t) if tr.kind(k) == "sigmoid" else 1 - tr.t**2),
    "y": (False, lambda z, a, g, tr, k: tr.y),
}  # fmt: skip


def _of_layer(j: int) -> Derivative:
    return lambda z, a, g, tr, k: _at(tr, k, shaped(tr.z[j], a.shape))


# What the derivatives of some activations are sums of: a term may have another factor.
TERMS: dict[str, dict[str, Derivative]] = {
    "gelu": {
        "(1+τ)/2": lambda z, a, g, tr, k: (1 + _tau(z)) / 2,
        "z/2·(1-τ²)·√(2/π)": lambda z, a, g, tr, k: z / 2 * (1 - _tau(z) ** 2) * GELU_SCALE,
        "z/2·(1-τ²)·√(2/π)·3·0.044715z²": lambda z, a, g, tr, k: z**3 / 2 * (1 - _tau(z) ** 2) * GELU_SCALE * 3 * GELU_CUBIC,
        "z/2·τ′": lambda z, a, g, tr, k: z / 2 * (1 - _tau(z) ** 2) * GELU_SCALE * (1 + 3 * GELU_CUBIC * z * z),
    },
    "silu": {"σ(z)": lambda z, a, g, tr, k: sigmoid(z), "zσ(z)(1-σ(z))": lambda z, a, g, tr, k: z * sigmoid(z) * (1 - sigmoid(z))},
    "elu": {"α·e^z of z < 0": lambda z, a, g, tr, k: np.where(z < 0, _at(tr, k, z), 0), "(z > 0)": FORMULAS["(z > 0)"][1]},
}  # fmt: skip


def _tau(z: Array) -> Array:
    return np.tanh(GELU_SCALE * (z + GELU_CUBIC * z**3))


def derivatives(tr: Trace, k: int) -> dict[str, Rule]:
    """Variants of the derivative in layer k."""
    return _derivatives(tr.kind(k), k, tr.last)


@cache
def _derivatives(kind: str, k: int, layers: int) -> dict[str, Rule]:
    """The same for an activation in layer k of so many."""
    last = k == layers
    formulas = FORMULAS | (OF_ERROR if last else {}) | {n: (False, of) for n, of in TERMS.get(kind, {}).items()}
    formulas |= {f"φ′ of layer {j}": (True, _of_layer(j)) for j in range(1, layers + 1) if j != k}
    if kind == "leaky_relu":  # whose square is another slope, by whatever mistake
        del formulas["φ′ twice"]
    if kind == "softmax":  # whose entries are no elementwise masks
        formulas = {name: rule for name, rule in formulas.items() if not name.startswith("(g")}

    def rule(of: Derivative) -> Callable[[Trace, Array], Array]:
        return lambda tr, g: np.asarray(g * of(tr.z[k], tr.phi[k], g, tr, k))

    found = {
        name: Rule(_slug(kind, name, last=last), name, rule(of), common) for name, (common, of) in formulas.items()
    }
    if kind == "identity":
        return found

    def no_product(of: Callable[..., Array]) -> Callable[[Trace, Array], Array]:
        return lambda tr, g: of(g, tr.z[k], tr.phi[k], tr.through(k, np.ones_like(tr.phi[k])), tr.through(k, g))

    own = NO_PRODUCT | NO_PRODUCT_OF.get(kind, {})
    return found | {name: rule_._replace(of=no_product(rule_.of)) for name, rule_ in own.items()}


def _unmultiplied(formula: str, of: Callable[..., Array], slug: str = "derivative-not-multiplied") -> Rule:
    return Rule(slug, formula, of, common=False)


def _assigned(side: str) -> Rule:
    """φ′ itself where z is on one side of 0."""
    positive = side == "z > 0"
    formula = f"φ′ itself where {side}, for g·φ′"
    return _unmultiplied(
        formula, lambda g, z, a, d, p: np.asarray(np.where((z > 0) == positive, d, p)), "derivative-assigned"
    )


# What stands in the place of the product of g and φ′, of g, z, a, d = φ′ and p = g·φ′.
NO_PRODUCT: dict[str, Rule] = {
    "alone": Rule("bias-without-error", "φ′ alone, without the error", lambda g, z, a, d, p: np.broadcast_to(d, g.shape)),
    "added": _unmultiplied("g + φ′ for g·φ′", lambda g, z, a, d, p: g + d),
    "subtracted": _unmultiplied("g - φ′ for g·φ′", lambda g, z, a, d, p: g - d),
    "divided": _unmultiplied("g/φ′ for g·φ′", lambda g, z, a, d, p: g / d),
    "larger": _unmultiplied("max(g, 0)·φ′ for g·φ′", lambda g, z, a, d, p: np.maximum(p, 0)),
}  # fmt: skip
ABOVE = {
    "set z > 0": _assigned("z > 0"),
    "set 1": _unmultiplied("1 where z > 0, g elsewhere", lambda g, z, a, d, p: np.where(z > 0, 1.0, g), "derivative-assigned"),
}  # fmt: skip
BELOW = {"set z ≤ 0": _assigned("z ≤ 0")}
# Of some activations; brackets are those of g·(…), left out.
NO_PRODUCT_OF: dict[str, dict[str, Rule]] = {
    "sigmoid": {
        "bracket 0": _unmultiplied("g·a·1 - a, for g·a·(1-a)", lambda g, z, a, d, p: g * a - a),
        "bracket 1": _unmultiplied("g·a - a², for g·(a-a²)", lambda g, z, a, d, p: g * a - a * a),
        "bracket 2": _unmultiplied("g·1 - a, for g·(1-a)", lambda g, z, a, d, p: g - a),
    },
    "tanh": {
        "bracket 0": _unmultiplied("g·1 - a², for g·(1-a²)", lambda g, z, a, d, p: g - a * a),
        "bracket 1": _unmultiplied("g - (g·a)², for g·(1-a²)", lambda g, z, a, d, p: g - g * g * a * a),
        "bracket 2": _unmultiplied("(g - g·a)², for g·(1-a²)", lambda g, z, a, d, p: (g - g * a) ** 2),
    },
    "silu": {
        "bracket 0": _unmultiplied("g·σ + zσ(1-σ), for g·(…)", lambda g, z, a, d, p: g * sigmoid(z) + d - sigmoid(z)),
        "bracket 1": _unmultiplied("g·a + σ(1-a), for g·(…)", lambda g, z, a, d, p: g * a + d - a),
    },
    "gelu": {"bracket 0": _unmultiplied("g·(1+τ)/2 + z/2·τ′, for g·(…)", lambda g, z, a, d, p: (g - 1) * (1 + _tau(z)) / 2 + d)},
    "relu": ABOVE,
    "leaky_relu": BELOW | ABOVE,
    "elu": BELOW | ABOVE,
}  # fmt: skip


def mixture(tr: Trace, k: int, share: str, other: str) -> Rule:
    """The right derivative with a share of another one beside it: φ′ + 0.01·(z < 0), φ′ + 0.1.

    Raises:
        ValueError: a term that the activation's derivative does not have.
    """
    if other not in (own := derivatives(tr, k)):
        raise ValueError(f"no {other} in layer {k}")
    of, amount = own[other].of, float(share)
    if other in TERMS.get(tr.kind(k), {}):
        uses = f"φ′ with {1 + amount:.6g} times its term {other}" if abs(1 + amount) > 1e-9 else f"φ′ without {other}"
        return Rule("derivative-term-other", uses, lambda tr, g: tr.through(k, g) + amount * of(tr, g))
    formula, slug = f"φ′ + {amount:.6g}·{other}".removesuffix("·1"), "derivative-shifted"
    if other == "(z < 0)" and tr.kind(k) == "leaky_relu":
        described_slope = tr.case.network.layers[k - 1].activation.alpha or 0.0
        formula, slug = f"{described_slope + amount:.6g} where z < 0", "leaky-slope"
    elif other == "(z < 0)":
        slug = "relu-leaky"
    return Rule(slug, formula, lambda tr, g: tr.through(k, g) + amount * of(tr, g))
