"""The derivative that a target has actually used: by name if a formula makes its gradients, else its own numbers.

δ of a layer follows from its dW where there are no more samples than inputs: δ = (aᵀ)⁺·dW. What a hidden layer has
multiplied by is δ over what came down from the layer above.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from nn_conformance.diagnosis.matching import Match, Matcher, Seen
from nn_conformance.diagnosis.observation import Fault, Quantity
from nn_conformance.judge.limits import norm
from nn_conformance.mistakes import Mistake
from nn_conformance.mistakes import changes as ch
from nn_conformance.mistakes.subjects import always
from nn_reference.activations import sigmoid
from nn_reference.arithmetic import Array

FORMULAS: dict[str, Callable[[Array, Array], Array]] = {
    "1": lambda z, a: np.ones_like(z),
    "0": lambda z, a: np.zeros_like(z),
    "a": lambda z, a: a,
    "z": lambda z, a: z,
    "1-a": lambda z, a: 1 - a,
    "a²": lambda z, a: a * a,
    "a(1-a)": lambda z, a: a * (1 - a),
    "a(1+a)": lambda z, a: a * (1 + a),
    "a²(1-a)": lambda z, a: a * a * (1 - a),
    "a(1-a)²": lambda z, a: a * (1 - a) ** 2,
    "(a(1-a))²": lambda z, a: (a * (1 - a)) ** 2,
    "1-a²": lambda z, a: 1 - a * a,
    "1+a²": lambda z, a: 1 + a * a,
    "a²-1": lambda z, a: a * a - 1,
    "(1-a²)²": lambda z, a: (1 - a * a) ** 2,
    "(1-a)²": lambda z, a: (1 - a) ** 2,
    "1-2a": lambda z, a: 1 - 2 * a,
    "½(1-a²)": lambda z, a: (1 - a * a) / 2,
    "z(1-z)": lambda z, a: z * (1 - z),
    "1-z²": lambda z, a: 1 - z * z,
    "1-z": lambda z, a: 1 - z,
    "σ′(a)": lambda z, a: sigmoid(a) * (1 - sigmoid(a)),
    "1-tanh²(a)": lambda z, a: 1 - np.tanh(a) ** 2,
    "(z > 0)": lambda z, a: (z > 0) * np.ones_like(z),
    "(z < 0)": lambda z, a: (z < 0) * np.ones_like(z),
}
RIGHT = {"sigmoid": "a(1-a)", "tanh": "1-a²", "relu": "(z > 0)", "identity": "1", "softmax": "softmax's Jacobian"}
RIGHT |= {"leaky_relu": "1 where z > 0, else its slope", "elu": "1 where z > 0, else α·e^z", "softplus": "σ(z)"}
RIGHT |= {"silu": "σ(z)(1 + z(1-σ(z)))", "gelu": "the derivative of its tanh form"}


def used_derivative(matcher: Matcher) -> str:
    """One line on which layer's derivative is another formula that makes every number, or nothing."""
    widest = max((one.bench.case.network.layers for one in matcher.seen), key=len)
    for k, layer in enumerate(widest, 1):
        last = k == len(widest)
        for name, formula in FORMULAS.items():
            if found := matcher.match((_with(k, formula, last=last),)):
                return _said(k, name, RIGHT[layer.activation.kind], found)
    return ""


def _with(k: int, formula: Callable[[Array, Array], Array], *, last: bool) -> Mistake:
    def rule(z: Array, a: Array, da: Array) -> Array:
        return da * formula(z, a)

    change = ch.of_output(lambda one: replace(one, backward=rule)) if last else ch.hidden_rule(rule, layer=k)
    return Mistake(f"derivative-{k}", "evaluation", always, change)


def _said(k: int, name: str, right: str, found: Match) -> str:
    return (
        f"the derivative of layer {k} is {name} where {right} is right: that makes every number on {found.cases} of "
        f"{found.cases} cases, to {found.ratio:.2g} of the limit"
    )


def recovered(seen: Sequence[Seen]) -> list[str]:
    """One line on what a hidden layer was multiplied by, from a case of one sample; the uppermost that is wrong."""
    return list(islice(_recovered(seen), 1))


def _recovered(seen: Sequence[Seen]) -> Iterator[str]:
    for one in [one for one in seen if len(one.bench.climb.expected.x) == 1]:
        layers, expected = one.bench.case.network.layers, one.bench.climb.expected
        for k in range(len(layers) - 1, 0, -1):
            above, own = (_delta(one, j) for j in (k + 1, k))
            if above is None or own is None:
                continue
            weights = one.bench.loaded.params[f"W{k + 1}"]
            down = (
                above[:, None] * weights
                if weights.ndim == 1
                else above @ (weights if layers[k].layout == "out,in" else weights.T)
            )
            z, a = expected.layers[k - 1]
            right = _delta(one, k, right=True)
            if right is None or not np.all(down):
                continue
            used, should = own / down, right / _down_right(one, k)
            unit = int(np.argmax(np.abs(used - should)))
            if not np.allclose(used, should, rtol=1e-6, atol=1e-9):
                yield (
                    f"layer {k} was multiplied by {used.flat[unit]:.6g} at z = {z.flat[unit]:.6g}, a = {a.flat[unit]:.6g}, "
                    f"where its derivative is {should.flat[unit]:.6g} (unit {unit} of {one.bench.case.id})"
                )


def _down_right(one: Seen, k: int) -> Array:
    weights, above = one.bench.loaded.params[f"W{k + 1}"], _delta(one, k + 1, right=True)
    if above is None:
        return np.ones(1)
    layout = one.bench.case.network.layers[k].layout
    return above[:, None] * weights if weights.ndim == 1 else above @ (weights if layout == "out,in" else weights.T)


def _delta(one: Seen, k: int, *, right: bool = False) -> Array | None:
    """δ of a layer, (1, units) or (1,): what dW is the outer product of a with; None if it is no such product."""
    quantity: Quantity = ("gradient", f"W{k}")
    source = one.bench.right if right else one.values
    found = source.get(quantity)
    if found is None or isinstance(found, Fault):
        return None
    expected, layer = one.bench.climb.expected, one.bench.case.network.layers[k - 1]
    below = expected.x if k == 1 else expected.layers[k - 2].a
    matrix = np.asarray(found, np.float64)
    matrix = matrix.T if layer.layout == "out,in" and not layer.vector else matrix
    if matrix.shape[0] != below.shape[1] or not np.isfinite(matrix).all():
        return None
    delta = np.linalg.pinv(below.T) @ matrix
    limit = one.bench.limit(quantity, np.asarray(found, np.float64), one.bench.dtype)
    return np.asarray(delta) if norm(below.T @ delta - matrix) <= limit else None
