"""Derivatives and errors as an engine makes them, in which the backward rule of one operation is wrong.

Functions are built of operations in the ways in which people write them, and differentiated by a tape that has one rule
changed. Softmax and cross-entropy are one, from z on.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from nn_conformance.explain.forward_rules import Rule
from nn_conformance.explain.trace import Trace
from nn_reference.arithmetic import Array
from nn_reference.losses import count

PREFIX = "engine: "
Changed = tuple[str, int, str]  # operation, operand and rule
RIGHT: Changed = ("", 0, "")
Local = Callable[[Any, Any, Any, Any], Any]  # (g, a, b, value) -> what comes to an operand


class Operation(NamedTuple):
    """What an operation computes, and what comes to each operand: by name, and the right one first."""

    what: str
    value: Callable[[Any, Any], Any]
    rules: tuple[dict[str, Local], ...]


OPERATIONS: dict[str, Operation] = {
    "+": Operation("a + b", lambda a, b: a + b, ({"g": lambda g, a, b, v: g},) * 2),
    "-": Operation("a - b", lambda a, b: a - b, ({"g": lambda g, a, b, v: g}, {"-g": lambda g, a, b, v: -g, "g": lambda g, a, b, v: g})),
    "neg": Operation("-a", lambda a, b: -a, ({"-g": lambda g, a, b, v: -g, "g": lambda g, a, b, v: g},)),
    "*": Operation("a·b", lambda a, b: a * b, (
        {"g·b": lambda g, a, b, v: g * b, "g·a": lambda g, a, b, v: g * a, "g": lambda g, a, b, v: g, "b": lambda g, a, b, v: b, "0": lambda g, a, b, v: 0 * g},
        {"g·a": lambda g, a, b, v: g * a, "g·b": lambda g, a, b, v: g * b, "g": lambda g, a, b, v: g, "a": lambda g, a, b, v: a, "0": lambda g, a, b, v: 0 * g},
    )),
    "/": Operation("a/b", lambda a, b: a / b, (
        {"g/b": lambda g, a, b, v: g / b, "g": lambda g, a, b, v: g, "g·b": lambda g, a, b, v: g * b, "0": lambda g, a, b, v: 0 * g},
        {"-g·a/b²": lambda g, a, b, v: -g * a / b**2, "-g·a/b": lambda g, a, b, v: -g * a / b, "g·a/b²": lambda g, a, b, v: g * a / b**2, "-g/b²": lambda g, a, b, v: -g / b**2, "-g·a": lambda g, a, b, v: -g * a, "g/b": lambda g, a, b, v: g / b, "0": lambda g, a, b, v: 0 * g},
    )),
    "**": Operation("a**k", lambda a, k: a**k, (
        {"g·k·a^(k-1)": lambda g, a, k, v: g * k * a ** (k - 1), "g·a^(k-1)": lambda g, a, k, v: g * a ** (k - 1), "g·k·a^k": lambda g, a, k, v: g * k * a**k, "g·k·a": lambda g, a, k, v: g * k * a, "-g·k·a^(k-1)": lambda g, a, k, v: -g * k * a ** (k - 1), "k·a^(k-1)": lambda g, a, k, v: k * a ** (k - 1), "g·(k-1)·a^(k-1)": lambda g, a, k, v: g * (k - 1) * a ** (k - 1), "g·k·a^(k+1)": lambda g, a, k, v: g * k * a ** (k + 1)},
        {"0": lambda g, a, k, v: 0 * g},
    )),
    "exp": Operation("exp(a)", lambda a, b: np.exp(a), ({"g·e^a": lambda g, a, b, v: g * v, "g": lambda g, a, b, v: g, "g·a": lambda g, a, b, v: g * a, "e^a": lambda g, a, b, v: v, "g·e^(e^a)": lambda g, a, b, v: g * np.exp(v)},)),
    "log": Operation("log(a)", lambda a, b: np.log(a), ({"g/a": lambda g, a, b, v: g / a, "g": lambda g, a, b, v: g, "g·a": lambda g, a, b, v: g * a, "-g/a": lambda g, a, b, v: -g / a, "1/a": lambda g, a, b, v: 1 / a, "g/log a": lambda g, a, b, v: g / v},)),
    "@": Operation("a @ b", lambda a, b: a @ b, ({"g @ bᵀ": lambda g, a, b, v: g @ b.T}, {"aᵀ @ g": lambda g, a, b, v: a.T @ g})),
    "sum": Operation("sum(a, axis=1)", lambda a, b: a.sum(axis=1, keepdims=True), ({"g": lambda g, a, b, v: g + 0 * a, "g/n": lambda g, a, b, v: g / a.shape[1] + 0 * a, "0": lambda g, a, b, v: 0 * a},)),
}  # fmt: skip


class Node:
    """A value on a tape; each parent has the rule by which it gets its share of a gradient."""

    def __init__(self, tape: "Tape", value: Any, parents: "Sequence[tuple[Node, Callable[[Any], Array]]]" = ()) -> None:
        self.tape, self.value, self.parents = tape, value, parents
        self.grad: Any = np.float64(0.0)
        tape.nodes.append(self)


class Tape:
    """Operations in the order in which they are computed; `changed` is the wrong rule."""

    def __init__(self, changed: Changed = RIGHT) -> None:
        self.changed, self.nodes, self.used = changed, list[Node](), set[str]()

    def __call__(self, name: str, a: Any, b: Any = None) -> Node:
        """The value of an operation on nodes or numbers."""
        operation = OPERATIONS[name]
        left, right = (n.value if isinstance(n, Node) else n for n in (a, b))
        value = operation.value(left, right)
        self.used.add(name)

        def share(k: int, shape: tuple[int, ...]) -> Callable[[Any], Array]:
            rules = operation.rules[k]
            first = next(iter(rules))

            def passed(g: Any) -> Array:
                rule = rules[self.changed[2] if self.changed[:2] == (name, k) else first]
                return _fitted(np.asarray(rule(g, left, right, value)), shape)

            return passed

        parents = [(n, share(k, np.shape(n.value))) for k, n in enumerate((a, b)) if isinstance(n, Node)]
        return Node(self, value, parents)

    def backward(self, end: Node, order: Iterable[Node]) -> None:
        """Each node passes its gradient on once, in this order."""
        end.grad = np.ones_like(end.value)
        for node in order:
            for parent, share in node.parents:
                parent.grad = parent.grad + share(node.grad)

    def cleared(self) -> None:
        """Makes every gradient 0, as before the first way back."""
        for node in self.nodes:
            node.grad = np.float64(0.0)


def _fitted(g: Array, shape: tuple[int, ...]) -> Array:
    """A share in the shape of what was broadcast."""
    if g.shape == shape:
        return g
    if len(shape) < g.ndim:
        g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    elif shape[1:] == (1,) != g.shape[1:]:
        g = g.sum(axis=1, keepdims=True)
    return g + np.zeros(shape)


Built = Callable[[Tape, Any], Node]


def _of_exp(make: Callable[..., Node], sign: str = "") -> Built:
    """What is made of e^z, e^2z or both e^z and e^-z, each a node that is used more than once."""

    def built(o: Tape, z: Any) -> Node:
        if sign == "both":
            return make(o, o("exp", z), o("exp", o("neg", z)))
        return make(o, o("exp", o("*", z, 2.0) if sign == "twice" else z))

    return built


def _times(of: Built) -> Built:
    return lambda o, z: o("*", z, of(o, z))


SIGMOIDS: dict[str, Built] = {
    "1/(1+e^-z)": lambda o, z: o("/", 1.0, o("+", 1.0, o("exp", o("neg", z)))),
    "(1+e^-z)**-1": lambda o, z: o("**", o("+", o("exp", o("neg", z)), 1.0), -1.0),
    "e^z/(1+e^z)": _of_exp(lambda o, e: o("/", e, o("+", e, 1.0))),
}
ACTIVATIONS: dict[str, dict[str, Built]] = {
    "sigmoid": SIGMOIDS,
    "tanh": {
        "(e-1)/(e+1), e = e^2z": _of_exp(lambda o, e: o("/", o("-", e, 1.0), o("+", e, 1.0)), "twice"),
        "(e-1)·(e+1)**-1, e = e^2z": _of_exp(lambda o, e: o("*", o("-", e, 1.0), o("**", o("+", e, 1.0), -1.0)), "twice"),
        "(p-q)/(p+q), p = e^z, q = e^-z": _of_exp(lambda o, p, q: o("/", o("-", p, q), o("+", p, q)), "both"),
    },
    "softplus": {"log(1+e^z)": _of_exp(lambda o, e: o("log", o("+", e, 1.0)))},
    "silu": {f"z·σ, σ = {name}": _times(of) for name, of in SIGMOIDS.items()},
}  # fmt: skip
SOFTMAXES: dict[str, Built] = {
    "e/Σe": _of_exp(lambda o, e: o("/", e, o("sum", e))),
    "e·(Σe)**-1": _of_exp(lambda o, e: o("*", e, o("**", o("sum", e), -1.0))),
}


def losses(tr: Trace) -> Iterator[tuple[str, Array, Built, bool]]:
    """The ways to build a loss: what it starts from, how it goes on to (N, C) or (N, 1), whether it starts from z."""
    t, y, kind = tr.t, tr.y, tr.case.network.loss.kind
    if kind == "squared_error":
        yield "(y-t)**2", y, lambda o, y: o("**", o("-", y, t), 2.0), False
        yield "d·d, d = y-t", y, lambda o, y: square(o, o("-", y, t)), False
    elif kind == "binary_cross_entropy" and not getattr(tr.net.loss, "from_logits", False):
        yield "t·log p", y, lambda o, p: binary(o, p, lambda t, log: o("*", t, log), t), False
        yield "log p·t", y, lambda o, p: binary(o, p, lambda t, log: o("*", log, t), t), False
    elif tr.net.loss_takes_logits_of_softmax:
        z = tr.z[-1]
        for name, start in (("z - max", z - z.max(axis=1, keepdims=True)), ("z", z)):
            for how, soft in SOFTMAXES.items():
                yield f"log p·t, p = {how} of {name}", start, _crossed(soft, t), True
            yield f"(z - log Σe^z)·t of {name}", start, lambda o, z: o("neg", o("*", o("-", z, o("log", o("sum", o("exp", z)))), t)), True  # fmt: skip


def square(o: Tape, d: Node) -> Node:
    """d·d, which uses d twice."""
    return o("*", d, d)


def _crossed(soft: Built, t: Array) -> Built:
    return lambda o, z: o("neg", o("*", o("log", soft(o, z)), t))


def binary(o: Tape, p: Any, times: Callable[[Any, Any], Node], t: Array) -> Node:
    """Binary cross-entropy, which uses p twice, with its products by `times`."""
    return o("neg", o("+", times(t, o("log", p)), times(1 - t, o("log", o("-", 1.0, p)))))


def _changes() -> Iterator[tuple[str, int, str, str]]:
    """Every wrong rule, and the right one."""
    for name, operation in OPERATIONS.items():
        for k, rules in enumerate(operation.rules):
            right, *others = rules
            yield from ((name, k, other, right) for other in others)


def slope(built: Built, value: Array, changed: Changed = RIGHT) -> Array:
    """The derivative of what is built of a value, where one rule is changed."""
    tape = Tape(changed)
    start = Node(tape, value)
    tape.backward(built(tape, start), reversed(tape.nodes))
    return np.asarray(start.grad)


def _ways(tr: Trace, slot: str, layer: int) -> Iterable[tuple[str, Array, Built, bool]]:
    """The ways to build an activation, or a loss, as `losses` has them."""
    if slot == "error":
        return losses(tr)
    kinds = ACTIVATIONS.get(tr.kind(layer), {}) if slot == "derivative" else {}
    return ((how, tr.z[layer], of, False) for how, of in kinds.items())


def rules(tr: Trace, slot: str, layer: int) -> dict[str, Rule]:
    """Variants of a derivative, or of the outputs' error, by name."""
    used = {}
    for how, value, of, final in _ways(tr, slot, layer):
        tape = Tape()
        of(tape, Node(tape, value))
        used[how] = tape.used, final
    return {
        f"{PREFIX}{op} {operand} {wrong} in {how}": Rule(
            "engine-rule",
            f"in {OPERATIONS[op].what}, {'ab'[operand]} gets {wrong}, not {right}",
            partial(_changed, slot, layer, how, (op, operand, wrong)),
            common=False,
            final=final,
        )
        for op, operand, wrong, right in _changes()
        for how, (operations, final) in used.items()
        if op in operations
    }


def _changed(slot: str, layer: int, how: str, changed: Changed, tr: Trace, g: Array | float = 1.0) -> Array:
    """The outputs' error, or g back through an activation, with a wrong rule of an operation."""

    def made() -> Array:  # once, as every way through the layer asks for the same
        value, of = next((value, of) for name, value, of, _ in _ways(tr, slot, layer) if name == how)
        return slope(of, value, changed) / (count(tr.case.net.loss, tr.t) if slot == "error" else 1)  # type: ignore[arg-type]

    return np.asarray(g * tr.once((slot, layer, how, changed), made))
