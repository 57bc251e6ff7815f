"""Whole networks as graphs of operations, through which gradients go back in a wrong way.

A node that is used twice has two shares of its gradient. An engine that passes on what has come so far, each time that
something comes, or that keeps the last share only, is right wherever each node is used once.
"""

# ruff: noqa: B023, PLC3002 - a name inside of a formula is given by a call

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from nn_conformance.explain.backward_rules import error
from nn_conformance.explain.engine_rules import ACTIVATIONS, SIGMOIDS, Built, Node, Tape, binary, losses, square
from nn_conformance.explain.points import Point, wrong_arrays
from nn_conformance.explain.record import Finding, of_slug
from nn_conformance.explain.trace import Trace
from nn_reference.arithmetic import Array
from nn_reference.losses import count

# Losses of one number, each of which uses an output, or its error, twice.
OF_NUMBERS: dict[str, tuple[str, Callable[[Tape, Node, Any], Node]]] = {
    "binary_cross_entropy": ("t·log p + (1-t)·log(1-p)", lambda o, p, t: binary(o, p, partial(o, "*"), t)),
    "squared_error": ("d·d, d = y-t", lambda o, y, t: square(o, o("-", y, t))),
}
MOST = 20_000  # visits of nodes, of a recursion
Graph = tuple[Mapping[str, Any], Node]  # the parameters, as a node or as an array of nodes, and the end
MULTIPLIED: dict[str, Built] = {
    "σ·z": lambda o, z: o("*", _sigmoid(o, z), z),
    "z·σ": lambda o, z: o("*", z, _sigmoid(o, z)),
}
MULTIPLIED |= {f"σ·z, σ = {name}": (lambda of: lambda o, z: o("*", of(o, z), z))(of) for name, of in SIGMOIDS.items()}
WAYS: dict[str, dict[str, Built]] = ACTIVATIONS | {"silu": MULTIPLIED | ACTIVATIONS["silu"]}


def _sigmoid(tape: Tape, z: Node) -> Node:
    s = 1 / (1 + np.exp(-z.value))
    return Node(tape, s, [(z, lambda g: g * s * (1 - s))])


def built(tr: Trace, ways: Mapping[str, str], loss: str) -> Graph:
    """The parameters and the end of a network whose activations are built in these ways."""
    tape = Tape()
    params: dict[str, Node] = {}
    a = Node(tape, tr.a[0])
    for k in range(1, tr.last + 1):
        params[f"W{k}"] = Node(tape, tr.W[k])
        z, below = tape("@", a, params[f"W{k}"]), a
        if tr.b[k] is not None:
            params[f"b{k}"] = Node(tape, tr.b[k])
            z = tape("+", z, params[f"b{k}"])
        way = WAYS.get(tr.kind(k), {}).get(ways.get(tr.kind(k), ""))
        a = way(tape, z) if way else Node(tape, tr.phi[k], [(z, partial(tr.through, k))])
        a = tape("+", a, below) if tr.skips(k) else a
    for name, value, of, final in losses(tr):
        if name == loss:
            end = of(tape, Node(tape, value, [(z if final else a, lambda g: g)]))
            return params, tape("*", end, 1 / count(tr.case.net.loss, tr.t))  # type: ignore[arg-type]
    slope, final = error(tr)
    return params, Node(tape, np.zeros_like(tr.y), [(z if final else a, lambda g: g * slope)])


def _scalars(tr: Trace, ways: Mapping[str, str], *, bias_first: bool) -> Graph:
    """The parameters, as arrays of nodes, and the end of a network in which each number is a node."""
    tape = Tape()
    slope, final = error(tr)
    params = {f"W{k}": _nodes(tape, tr.W[k]) for k in range(1, tr.last + 1)}
    params |= {f"b{k}": _nodes(tape, b) for k in range(1, tr.last + 1) if (b := tr.b[k]) is not None}
    of_loss = OF_NUMBERS[tr.case.network.loss.kind][1] if ways.get("loss") else None
    final = final and of_loss is None
    activated = [k for k in range(1, tr.last + (not final)) if tr.kind(k) != "identity"]
    factors = {k: tr.through(k, np.ones_like(tr.phi[k])) for k in activated}
    ends: list[tuple[Node, Callable[[Array], Array]]] = []
    for i in range(len(tr.t)):
        a = _nodes(tape, tr.a[0][i])
        for k in range(1, tr.last + 1):
            a = np.array([_unit(tape, a, params, k, j, bias_first=bias_first) for j in range(tr.W[k].shape[1])])
            if k in factors and (way := WAYS.get(tr.kind(k), {}).get(ways.get(tr.kind(k), ""))):
                a = np.array([way(tape, z) for z in a])
            elif k in factors:
                a = np.array([Node(tape, v, [(z, partial(np.multiply, s))]) for z, v, s in zip(a, tr.phi[k][i], factors[k][i], strict=True)])  # fmt: skip
        for j, node in enumerate(a):
            share = 1 / count(tr.case.net.loss, tr.t) if of_loss else slope[i, j]  # type: ignore[arg-type]
            ends.append((of_loss(tape, node, tr.t[i, j]) if of_loss else node, partial(np.multiply, share)))
    return params, Node(tape, np.float64(0.0), ends)


def _nodes(tape: Tape, values: Array) -> Array:
    """A node for each number."""
    return np.array([Node(tape, v) for v in np.ravel(values)], dtype=object).reshape(np.shape(values))


def _unit(tape: Tape, a: Array, params: dict[str, Array], k: int, j: int, *, bias_first: bool) -> Node:
    """z of a unit, one term after the other."""
    terms = [tape("*", below, w) for below, w in zip(a, params[f"W{k}"][:, j], strict=True)]
    bias = [params[f"b{k}"][j]] if f"b{k}" in params else []
    first, *others = [*bias, *terms] if bias_first else [*terms, *bias]
    for term in others:
        first = tape("+", first, term)
    return first


def _sent_again(end: Node, *, first_all: bool = False) -> None:
    """Each share that comes to a node makes it pass on all that has come so far; `first_all` gives each parent its share before one goes on."""
    waiting, visits = [(end, np.ones_like(end.value))], 0
    while waiting and visits < MOST:
        node, g = waiting.pop()
        node.grad, visits = node.grad + g, visits + 1
        shares = [(parent, share(node.grad)) for parent, share in node.parents]
        for parent, share in shares if first_all else ():
            parent.grad = parent.grad + share
        # One after the other: the first parent and all below it are done before the second.
        waiting += [(parent, share * (not first_all)) for parent, share in reversed(shares)]
    if waiting:
        raise ValueError("too many visits")


def _once(end: Node, *, deep: bool) -> None:
    """Each node passes on when it is first met on the way from the end, before or after those beside it."""
    order, waiting = list[Node](), [end]
    while waiting:
        node = waiting.pop(-1 if deep else 0)
        if node not in order:
            order.append(node)
            waiting += [parent for parent, _ in node.parents][:: -1 if deep else 1]
    end.tape.backward(end, order)


def _assigned(end: Node) -> None:
    """The last share that comes to a node is all that it keeps."""
    end.grad = np.ones_like(end.value)
    for node in reversed(end.tape.nodes):
        for parent, share in node.parents:
            parent.grad = share(node.grad)


TRAVERSALS: dict[str, tuple[str, Callable[[Node], None]]] = {
    "a node passes on all that has come to it, each time that more comes": ("visited-again", _sent_again),
    "a node gives its parents all that has come to it, each time that one of them is visited": ("visited-again", partial(_sent_again, first_all=True)),
    "each node passes on once, depth first, before all has come to it": ("grad-overwritten", partial(_once, deep=True)),
    "each node passes on once, breadth first, before all has come to it": ("grad-overwritten", partial(_once, deep=False)),
    "a node keeps the last share of its gradient only": ("grad-overwritten", _assigned),
}  # fmt: skip


def _graphs(tr: Trace) -> Iterator[tuple[str, Callable[[Trace], Graph]]]:
    """Every way to build the network, in words: of arrays, or of numbers, where units are sums of one term after the other."""
    kinds = sorted({tr.kind(k) for k in range(1, tr.last + 1)} & set(WAYS))
    chosen = [dict(zip(kinds, names, strict=True)) for names in product(*(["", *WAYS[kind]] for kind in kinds))]
    for ways, loss in product(chosen, ("", *(name for name, *_ in losses(tr)))):
        how = [f"{kind} as {way}" for kind, way in (ways | {"the loss": loss}).items() if way]
        yield f"{'; ' * bool(how)}{', '.join(how)}", partial(built, ways=ways, loss=loss)
    if any(tr.skips(k) or not tr.net.layers[k - 1].activation.elementwise for k in range(1, tr.last)):
        return
    kind = tr.case.network.loss.kind
    if kind == "squared_error" or (kind == "binary_cross_entropy" and tr.kind(tr.last) == "sigmoid"):
        chosen += [ways | {"loss": OF_NUMBERS[kind][0]} for ways in chosen]
    for ways, bias_first in product(chosen, (True, False)):
        how = [f"; {kind} as {way}" for kind, way in ways.items() if way]
        yield f"; each number is a node{''.join(how)}", partial(_scalars, ways=ways, bias_first=bias_first)


def passed_wrongly(points: Sequence[Point]) -> Finding | None:
    """The way in which an engine takes gradients back, where it makes every wrong gradient."""
    points = sorted(points, key=lambda p: p.trace.samples)
    first, *others = points
    for how, graph in _graphs(first.trace):
        own = graph(first.trace)
        for text, (slug, traverse) in TRAVERSALS.items():
            if _makes(first, *own, traverse) and all(_makes(p, *graph(p.trace), traverse) for p in others):
                place = "engine, the way back through the graph"
                return of_slug(slug, f"{text}{how}", wrong_arrays(points), place=place)
    return None


def _makes(p: Point, params: Mapping[str, Any], end: Node, traverse: Callable[[Node], None]) -> bool:
    """Whether a traversal of a graph makes every gradient of a case."""
    end.tape.cleared()
    try:
        traverse(end)
    except ValueError:
        return False
    made = {
        name: of.grad if isinstance(of, Node) else np.vectorize(_grad, otypes=[float])(of)
        for name, of in params.items()
    }
    return p.makes(made)


def _grad(node: Node) -> float:
    return float(node.grad)
