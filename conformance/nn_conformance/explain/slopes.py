"""Wrong derivatives as sums of two terms, each a product of what the formula is made of: σ + z(1-σ), α·e^z + 1, 1 for α.

A derivative that is slipped in has the right letters in other places: z for a, σ for 1-σ, a bracket in another place, a term
or a factor left out. So terms are drawn from the products of these letters, and their coefficients are fitted.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cache
from itertools import product
from math import isclose

import numpy as np

from nn_conformance.explain import loss_terms
from nn_conformance.explain.derivative_rules import derivatives
from nn_conformance.explain.factors import short
from nn_conformance.explain.forward_rules import Rule, probability
from nn_conformance.explain.trace import Trace
from nn_reference.activations import GELU_CUBIC, GELU_SCALE, sigmoid
from nn_reference.arithmetic import Array

PREFIX = "terms: "
RIGHT = "φ′"
SIMPLE = (1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0, -3.0)
ABOVE, BELOW = "[z > 0]", "[z < 0]"
Letter = Callable[[Array, Array], Array]
TAU: Letter = lambda z, a: np.tanh(GELU_SCALE * (z + GELU_CUBIC * z**3))  # noqa: E731
LETTERS: dict[str, Letter] = {
    "z": lambda z, a: z,
    "a": lambda z, a: a,
    "(1-a)": lambda z, a: 1 - a,
    "(1+a)": lambda z, a: 1 + a,
    "(1-z)": lambda z, a: 1 - z,
    "(1+z)": lambda z, a: 1 + z,
    "σ": lambda z, a: sigmoid(z),
    "(1-σ)": lambda z, a: 1 - sigmoid(z),
    "σ(a)": lambda z, a: sigmoid(a),
    "(1-σ(a))": lambda z, a: 1 - sigmoid(a),
    "(1+τ)/2": lambda z, a: (1 + TAU(z, a)) / 2,
    "(1-τ²)": lambda z, a: 1 - TAU(z, a) ** 2,
    "(1-τ)": lambda z, a: 1 - TAU(z, a),
    "u′": lambda z, a: GELU_SCALE * (1 + 3 * GELU_CUBIC * z * z),
    "e^z": lambda z, a: np.exp(z),
    "e^-z": lambda z, a: np.exp(-z),
    "e^a": lambda z, a: np.exp(a),
    ABOVE: lambda z, a: z > 0,
    BELOW: lambda z, a: z < 0,
}
SIDES = {ABOVE: (0, 1), BELOW: (0, 1)}
# How often each letter may be in a term, by activation, and how many letters a term has at most.
POWERS: dict[str, tuple[dict[str, Sequence[int]], int]] = {
    "sigmoid": ({"z": (0, 1, 2), "a": (0, 1, 2, 3), "(1-a)": (0, 1, 2), "(1+a)": (0, 1)}, 4),
    "tanh": ({"z": (0, 1, 2), "a": (0, 1, 2, 3), "(1-a)": (0, 1, 2), "(1+a)": (0, 1)}, 3),
    "softplus": ({"z": (0, 1), "a": (0, 1, 2), "σ": (0, 1, 2), "(1-σ)": (0, 1, 2), "σ(a)": (0, 1), "e^z": (0, 1)}, 3),
    "silu": ({"z": (0, 1, 2), "σ": (0, 1, 2), "(1-σ)": (0, 1, 2), "(1-a)": (0, 1), "(1-z)": (0, 1), "(1+z)": (0, 1), "σ(a)": (0, 1), "(1-σ(a))": (0, 1)}, 4),
    "gelu": ({"z": (0, 1, 2, 3), "(1+τ)/2": (0, 1), "(1-τ²)": (0, 1), "(1-τ)": (0, 1), "u′": (0, 1)}, 5),
    "elu": (SIDES | {"z": (0, 1, 2), "a": (0, 1, 2), "(1+a)": (0, 1), "e^z": (0, 1), "e^-z": (0, 1), "e^a": (0, 1)}, 3),
    "leaky_relu": (SIDES | {"z": (0, 1, 2)}, 3),
    "relu": (SIDES | {"z": (0, 1, 2), "σ": (0, 1)}, 3),
}  # fmt: skip


# Derivatives of which a share may be beside the right one, by the term that is it, or that it is a multiple of.
FLAT = {BELOW: "(z < 0)", "1": "1"}
SHARES: dict[str, dict[str, str]] = dict.fromkeys(("relu", "leaky_relu", "sigmoid", "tanh"), FLAT) | {
    "gelu": {
        "(1+τ)/2": "(1+τ)/2",
        "z·(1-τ²)": "z/2·(1-τ²)·√(2/π)",
        "z³·(1-τ²)": "z/2·(1-τ²)·√(2/π)·3·0.044715z²",
        "z·(1-τ²)·u′": "z/2·τ′",
    },
    "silu": {"σ": "σ(z)", "z·σ·(1-σ)": "zσ(z)(1-σ(z))"},
    "elu": {f"{BELOW}·e^z": "α·e^z of z < 0", ABOVE: "(z > 0)"},
}


# Of the outputs' error, by y and t, or by the probabilities p and t.
OF_ERRORS = {n: loss_terms.OF_ERRORS[n] for n in ("y", "t", "y·t", "y²", "t²", "|y-t|", "(y-t)²", "(y-t)³", "1")}
OF_PROBABILITIES: dict[str, Letter] = {
    "p": lambda p, t: p,
    "t": lambda p, t: t,
    "p·t": lambda p, t: p * t,
    "p²": lambda p, t: p * p,
    "p²·t": lambda p, t: p * p * t,
    "1": lambda p, t: np.ones_like(p),
    "t/p": lambda p, t: t / p,
    "(1-t)/(1-p)": lambda p, t: (1 - t) / (1 - p),
    "t/(1-p)": lambda p, t: t / (1 - p),
    "(1-t)/p": lambda p, t: (1 - t) / p,
    "log p": lambda p, t: np.log(p),
    "t·log p": lambda p, t: t * np.log(p),
}


@cache
def terms(kind: str) -> Mapping[str, Sequence[tuple[str, int]]]:
    """The terms of an activation's derivative, by name: letters with their powers; those of few letters come first."""
    powers, most = POWERS.get(kind, ({}, 0))
    found: dict[str, Sequence[tuple[str, int]]] = {}
    for chosen in sorted(product(*powers.values()), key=sum):
        letters = [(name, n) for name, n in zip(powers, chosen, strict=True) if n]
        names = {name for name, _ in letters}
        if sum(chosen) > most or names >= {ABOVE, BELOW} or len(names & set(LETTERS) - set(SIDES)) > 3:
            continue
        found["·".join(f"{name}{'' if n == 1 else '²³⁴'[n - 2]}" for name, n in letters) or "1"] = letters
    if SHARES.get(kind) is FLAT and BELOW not in powers:
        found[BELOW] = [(BELOW, 1)]
    # Last: a formula of its own says more than a share beside the right one.
    return found | ({RIGHT: ()} if powers else {})


def term(tr: Trace, k: int, name: str) -> Array:
    """A term of the derivative in layer k, (N, units).

    Raises:
        ValueError: the activation's derivative is not made of such terms.
    """
    if name == RIGHT:
        return tr.through(k, np.ones_like(tr.phi[k]))
    if name not in (known := terms(tr.kind(k))):
        raise ValueError(f"no {name} in layer {k}")
    value = np.ones_like(tr.phi[k])
    for letter, n in known[name]:
        value = value * LETTERS[letter](tr.z[k], tr.phi[k]) ** n
    return value


def _of_error(tr: Trace) -> dict[str, Letter]:
    return OF_ERRORS if tr.case.network.loss.kind == "squared_error" else OF_PROBABILITIES


def different(tr: Trace, slot: str, k: int) -> Sequence[str]:
    """Terms of the error, or of the derivative of layer k, that differ from each other, the simplest of equals."""

    def made() -> Sequence[str]:
        found: dict[bytes, str] = {}
        for name in _of_error(tr) if slot == "error" else terms(tr.kind(k)):
            own = _of_error(tr)[name](probability(tr.net, tr.y), tr.t) if slot == "error" else term(tr, k, name)
            if np.isfinite(own).all():
                found.setdefault((np.round(own, 9) + 0.0).tobytes(), name)
        return list(found.values())

    return tr.once((PREFIX, slot, k), made)


def joined(terms_: Sequence[tuple[float, str]]) -> str:
    """A sum of terms as the name of a rule."""
    return PREFIX + ";".join(f"{c!r};{name}" for c, name in terms_)


def name_of(tr: Trace, slot: str, k: int, found: Sequence[tuple[float, str]]) -> str:
    """A sum of terms as the name of a rule, which is that of a mixture for a share beside the right derivative."""
    if slot == "derivative" and (shared := _shared(tr, k, found)):
        share, other, _ = shared
        fraction = float(Fraction(share).limit_denominator(12))
        return f"right+{fraction if isclose(fraction, share, rel_tol=1e-6) else short(share, 1e-6)!r}·{other}"
    scaled = _scaled([c for c, _ in found], sides=found[0][1] == ABOVE)
    return joined([(short(c, 1e-7), name) for c, (_, name) in zip(scaled, found, strict=True)])


def _shared(tr: Trace, k: int, found: Sequence[tuple[float, str]]) -> tuple[float, str, float] | None:
    """Of a sum of two terms the share of another derivative beside the right one, which that is, and the right one's coefficient."""
    shares, ones = SHARES.get(tr.kind(k), {}), np.ones_like(tr.phi[k])
    for (c, first), (right, last) in (found, found[::-1]) if len(found) > 1 else ():
        if first in shares and np.allclose(term(tr, k, last), tr.through(k, ones), rtol=1e-9, atol=1e-9):
            own, beside = term(tr, k, first), derivatives(tr, k)[shares[first]].of(tr, ones)
            return c / right * float(np.vdot(own, beside) / np.vdot(beside, beside)), shares[first], right
    return None


def rule(tr: Trace, slot: str, k: int, name: str) -> Rule:
    """The rule of such a name, which is made once.

    Raises:
        ValueError: the activation's derivative is not made of such terms.
    """
    return tr.once((PREFIX, slot, k, name), lambda: _rule(tr, slot, k, name))


def _rule(tr: Trace, slot: str, k: int, name: str) -> Rule:
    parts = name.removeprefix(PREFIX).split(";")
    chosen = [(float(c), own) for c, own in zip(parts[::2], parts[1::2], strict=True)]
    text = "".join(f" {'-' if c < 0 else '+'} {_times(abs(c), own)}" for c, own in chosen)
    text = text[3:] if text.startswith(" + ") else text[1:]
    if slot == "error":
        p, over = probability(tr.net, tr.y), len(tr.t)
        made = np.asarray(sum(c * _of_error(tr)[own](p, tr.t) for c, own in chosen)) / over
        final = tr.net.loss_takes_logits_of_softmax
        return Rule("error-other", f"{text}, over N", lambda _: made, common=False, final=final)
    value = sum(c * term(tr, k, own) for c, own in chosen)
    sloped = {own for _, own in chosen} == {ABOVE, BELOW} and (1.0, ABOVE) in chosen
    slug = {"relu": "relu-leaky", "leaky_relu": "leaky-slope"}.get(tr.kind(k), "") if sloped else ""
    return Rule(slug or "derivative-other", text, lambda tr, g: g * value, common=False)


def _times(c: float, name: str) -> str:
    return name if c == 1 else f"{c:g}" if name == "1" else f"{c:.6g}·{name}"


def sums(
    tr: Trace, slot: str, k: int, of_terms: Array, g: Array, near: float, known: Sequence[str]
) -> Iterator[list[tuple[float, str]]]:
    """One row or two, of these terms in layer k, with the coefficients by which they are g, but for an error of this norm; the simplest come first."""
    size = np.linalg.norm(of_terms, axis=1)
    rows = np.flatnonzero(np.isfinite(size) & (size > 0))
    p = of_terms[rows] / size[rows, None]
    dot, gram, own = p @ g, p @ p.T, float(g @ g)
    with np.errstate(all="ignore"):
        det = 1 - gram**2
        first = (dot[:, None] - gram * dot[None]) / det
        made = first * dot[:, None] + first.T * dot[None]
    pairs = np.argwhere(np.triu(own - made <= 1e-6 * own, 1) & (det > 1e-9))
    found = []
    for chosen in (*np.flatnonzero(own - dot**2 <= 1e-6 * own)[:, None], *pairs):
        columns = p[chosen].T
        c = np.linalg.lstsq(columns, g, rcond=None)[0]
        if np.linalg.norm(g - columns @ c) <= near and np.abs(c).min() > 1e-9 * np.abs(c).max():
            found.append([(float(x / size[rows[n]]), known[rows[n]]) for x, n in zip(c, chosen, strict=True)])
    alpha = tr.case.network.layers[k - 1].activation.alpha

    def oddness(pair: list[tuple[float, str]]) -> tuple[bool, bool, bool, bool, bool, bool, int]:
        ratio, share = pair[-1][0] / pair[0][0], _shared(tr, k, pair) if slot == "derivative" else None
        shared, whole = share is not None, share is not None and isclose(share[2], 1.0, rel_tol=1e-6)
        simple = _simple(ratio) is not None or (alpha is not None and abs(ratio - alpha) <= 1e-6 * alpha)
        scaled_too = all(_simple(c) is None for c, _ in pair)
        places = sum(known.index(own) for _, own in pair)
        return pair[-1][1] == RIGHT and not shared, scaled_too, not shared, not whole, not simple, ratio < 0, places

    return iter(sorted(found, key=oddness))


def _simple(ratio: float) -> float | None:
    return next((s for s in SIMPLE if abs(ratio - s) <= 1e-6 * abs(s)), None)


def _scaled(coefficients: Sequence[float], *, sides: bool) -> list[float]:
    """Coefficients as they are, where one of them is simple; else, or where they are of either side of 0, the first is 1."""
    simple = [_simple(c) for c in coefficients]
    if not sides and any(s is not None for s in simple):
        return [c if s is None else s for c, s in zip(coefficients, simple, strict=True)]
    ratios = [c / coefficients[0] for c in coefficients]
    return [r if (s := _simple(r)) is None else s for r in ratios]
