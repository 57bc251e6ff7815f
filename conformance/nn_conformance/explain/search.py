"""What every combination of rules on the way to one array would make of it.

The way to dW_k or db_k is a list of steps: the output error, the output's derivative, the samples that count, then back
through W and the derivative of each layer down to k, then for dW the layer's input, and the sum over samples. A step has
a use: the same δ of a layer is used in its dW (W), in its db (b), and sent down, and a rule may be wrong in one use only.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from nn_conformance.explain import backward_rules as br
from nn_conformance.explain import engine_rules, slopes
from nn_conformance.explain.derivative_rules import derivatives, mixture
from nn_conformance.explain.forward_rules import Rule
from nn_conformance.explain.sum_rules import BIASES, WEIGHTS
from nn_conformance.explain.trace import Trace, described, matrix
from nn_conformance.judge.limits import norm
from nn_reference.arithmetic import Array


class Step(NamedTuple):
    """A slot of the backward pass in one layer, for one use of its result."""

    slot: str
    layer: int
    use: str


Edits = tuple[tuple[Step, str], ...]
Options = Mapping[Step, Sequence[str | None]]  # the rules of a step that are tried; None is the right one
RIGHT = (None,)
NEAR = 4.0  # of the limit, in a search; a confirmation takes the limit itself
FEW = 400  # entries; of larger arrays some rows and columns are compared in the search, and all in the confirmation
LOCAL = ("first", "last", "without last", "without first", "product of sums", "magnitude", "sign")


def steps(tr: Trace, array: str) -> tuple[Step, ...]:
    """The way to an array, from the outputs on."""
    return tr.once(("way", array), lambda: tuple(_steps(tr, array)))


def _steps(tr: Trace, array: str) -> list[Step]:
    letter, k, last = array[0], int(array[1:]), tr.last
    use = letter if k == last else "down"
    way = [Step("error", last, use), Step("derivative", last, use), Step("samples", last, use)]
    for j in range(last, k, -1):
        way += [Step("back", j, ""), *([Step("skip", j, "")] if tr.skips(j) else [])]
        way += [Step("derivative", j - 1, letter if j - 1 == k else "down")]
    return [*way, *([Step("input", k, "W")] if letter == "W" else []), Step("sum", k, letter)]


def ordered(tr: Trace, array: str, edits: Mapping[Step, str]) -> Edits:
    """Edits in the order of the way to an array."""
    return tuple((step, edits[step]) for step in steps(tr, array) if step in edits)


def rules(tr: Trace, step: Step) -> Mapping[str, Rule]:
    """The variants of a step."""
    k = step.layer
    match step.slot:
        case "error":
            return tr.once(("errors",), lambda: br.errors(tr))
        case "derivative":
            return derivatives(tr, k)
        case "back":
            return br.backs(k, tr.last)
        case "input":
            return br.inputs(k, tr.last)
    return {"samples": br.SAMPLES, "skip": br.SKIPS, "sum": WEIGHTS if step.use == "W" else BIASES}[step.slot]


def rule_of(tr: Trace, step: Step, name: str) -> Rule:
    """A variant by name; a mixture `right+0.01·(z < 0)` of the right derivative and another one is a variant too.

    Raises:
        ValueError: there is no such variant.
    """
    if name in (known := rules(tr, step)):
        return known[name]
    if name.startswith("right+"):
        return mixture(tr, step.layer, *name.removeprefix("right+").split("·", 1))
    if name.startswith(engine_rules.PREFIX):
        if name not in (engines := of_engine(tr, step)):
            raise ValueError(f"{name}: no rule of {step}")
        return engines[name]
    if name.startswith(slopes.PREFIX):
        return slopes.rule(tr, step.slot, step.layer, name)
    raise ValueError(f"{name}: no rule of {step}")


def of_engine(tr: Trace, step: Step) -> dict[str, Rule]:
    """Variants of a step by an engine's wrong rule."""
    return tr.once((engine_rules.PREFIX, step.slot, step.layer), lambda: engine_rules.rules(tr, step.slot, step.layer))


class States(NamedTuple):
    """Combinations of rules.

    Attributes:
        codes: which option of each step on the way.
        changed: how many of them beside the first option of each step.
        final: whether δ is dL/dz.
        g: δ, (…, N, units).
        past: what goes past the weights of a layer with a skip connection.
    """

    codes: Array
    changed: Array
    final: Array
    g: Array
    past: Array

    def at(self, free: Array, column: int, n: int) -> "States":
        """Some of them, before option n, which is not the first, of another step."""
        codes = self.codes[free]
        codes[:, column] = n
        return States(codes, self.changed[free] + 1, self.final[free], self.g[free], self.past[free])


def _joined(parts: Sequence[States]) -> States:
    if len(parts) == 1:
        return parts[0]
    return States(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def applied(tr: Trace, step: Step, name: str | None, states: States) -> States:
    """States after a step by a rule, or by the right one; those that are dL/dz already have no derivative of the outputs to come."""
    rule, g, past = None if name is None else rule_of(tr, step, name), states.g, states.past
    if step.slot == "error":
        made, final = br.error(tr) if rule is None else (rule.of(tr), rule.final)
        return states._replace(g=np.asarray(made)[None], final=np.array([final]))
    if rule is not None:
        made = np.asarray(rule.of(tr, g, *([past] if step.slot == "skip" else [])))
    elif step.slot == "derivative":
        through = tr.through(step.layer, g)
        made = np.where(states.final[:, None, None], g, through) if step.layer == tr.last else through
    else:
        made = g + past if step.slot == "skip" else g @ tr.W[step.layer].T if step.slot == "back" else g
    # What comes to a layer with a skip connection goes past its weights too.
    return states._replace(g=made, past=g if step.slot == "derivative" and tr.skips(step.layer) else past)


def _before(tr: Trace, way: Sequence[Step], n: int) -> States:
    """What right rules make before step n of a way; its codes are those of that way."""

    def made() -> tuple[Array, Array, Array]:
        if n == 0:
            return np.zeros(1, bool), np.zeros((1, *tr.y.shape)), np.empty((1, 0))
        states = applied(tr, way[n - 1], None, _before(tr, way, n - 1))
        return states.final, states.g, states.past

    own = tr.once(("before", way[n].slot, way[n].layer), made)
    return States(np.zeros((1, len(way)), np.int16), np.zeros(1, int), *own)


def error_to(tr: Trace, array: str, options: Options, most: int = 0, upto: Step | None = None) -> States:
    """δ of every combination of rules before the sum over samples, or before the step `upto`.

    Args:
        tr: the forward pass.
        array: W or b and the layer's number.
        options: of each step; the first one costs nothing.
        most: combinations have at most so many others together.
        upto: the step before which it ends.
    """
    way = steps(tr, array)
    end = next(n for n, step in enumerate(way) if step == upto or step.slot in ("input", "sum"))
    others = (n for n in range(end) if tuple(options.get(way[n], RIGHT)) != RIGHT)
    start = next(others, end) if options else end
    states = _before(tr, way, start)
    for column, step in enumerate(way[start:end], start):
        units = len(tr.W[step.layer]) if step.slot == "back" else states.g.shape[-1]
        parts, shape = [], np.zeros((1, *states.g.shape[1:-1], units))  # what a rule makes may be smaller
        for n, name in enumerate(options.get(step, RIGHT)):
            free = np.flatnonzero(states.changed + 1 <= most) if n else None
            if free is None or len(free):
                own = applied(tr, step, name, states if free is None else states.at(free, column, n))
                parts.append(own._replace(g=own.g + shape))
        states = _joined(parts)
    return states


def combinations(tr: Trace, array: str, options: Options, most: int = 0) -> tuple[Callable[[int], Edits], Array]:
    """Every combination of rules on the way to an array, each told by its number, and what they make of it: (combinations, entries).

    Raises:
        ValueError: a rule that cannot be had at these sizes.
    """
    states, way = error_to(tr, array, options, most), steps(tr, array)
    parts: list[Array] = []
    codes: list[Array] = []
    inputs = options.get(way[-2], RIGHT) if array[0] == "W" else RIGHT
    # Those to which so many changes may still come, here and in the sum.
    free = [states.codes, *(states.codes[states.changed + more <= most] for more in (1, 2))]
    of_free = [states.g, *(states.g[states.changed + more <= most] for more in (1, 2))]
    for i, name_a in enumerate(inputs):
        a = tr.a[int(array[1:]) - 1] if name_a is None else rule_of(tr, way[-2], name_a).of(tr)
        for j, name in enumerate(options.get(way[-1], RIGHT)):
            more = min(i, 1) + min(j, 1)
            if len(free[more]):
                parts.append(product(tr, array, name, a, of_free[more], whole=False).reshape(len(free[more]), -1))
                codes.append(free[more].copy())
                codes[-1][:, -1] = j
                if array[0] == "W":
                    codes[-1][:, -2] = i
    every = np.concatenate(codes)

    def edits(i: int) -> Edits:
        names = ((step, options.get(step, RIGHT)[c]) for step, c in zip(way, every[i], strict=True))
        return tuple((step, name) for step, name in names if name is not None)

    return edits, np.concatenate(parts)


def product(tr: Trace, array: str, name: str | None, a: Array, d: Array, *, whole: bool) -> Array:
    """dW (states, inputs, units) or db (states, units) from the layer's input a and a stack of δ."""
    step = steps(tr, array)[-1]
    rule = None if name is None else rule_of(tr, step, name)
    if step.use == "b":
        return np.asarray(d.sum(axis=-2) if rule is None else rule.of(a, d))
    picked = None if whole else entries(tr, step.layer)
    if picked is not None:
        if name is not None and name not in LOCAL:
            raise ValueError("of the whole array only")
        a, d = a[:, picked[0]], d[..., picked[1]]
    if rule is not None and rule.answered:
        return np.asarray(rule.of(a, d, tr.answer.get(array)))[None]
    out = a.T @ d if rule is None else rule.of(a, d)
    if tr.reshaped and picked is None:
        network = tr.case.network
        own = (described(network, array, g) for g in out)
        out = np.stack([matrix(network, array, g.ravel().reshape(g.shape, order="F")) for g in own])
    return np.asarray(out)


def survivors(stacked: Array, g: Array, extra: Array | None, near: float) -> list[int]:
    """Rows that make g, times a factor and but for an error of this norm, with the regressor beside them."""
    p, rest = stacked, g
    if extra is not None:
        q = extra / norm(extra) if np.any(extra) else extra
        p, rest = stacked - np.outer(stacked @ q, q), g - (g @ q) * q
        if len(g) < 4 or norm(rest) <= 1e-9 * norm(g):
            return []
    size, own, dot = np.einsum("ij,ij->i", p, p), float(rest @ rest), p @ rest
    with np.errstate(all="ignore"):
        likely = np.flatnonzero(
            np.isfinite(size)
            & (size > 1e-20 * np.einsum("ij,ij->i", stacked, stacked))
            & (dot * dot > (1 - 1e-5) * size * own)
        )
    return [int(i) for i in likely if norm(rest - dot[i] / size[i] * p[i]) <= near][:40]


def predict(tr: Trace, array: str, edits: Mapping[Step, str]) -> Array:
    """One array by given rules, whole.

    Raises:
        ValueError: a rule that cannot be had at these sizes.
    """
    way, below = steps(tr, array), int(array[1:]) - 1
    d = error_to(tr, array, {step: (name,) for step, name in edits.items()}).g
    a = np.asarray(rule_of(tr, way[-2], edits[way[-2]]).of(tr)) if way[-2] in edits and array[0] == "W" else tr.a[below]
    shape = tr.W[below + 1].shape
    return product(tr, array, edits.get(way[-1]), a, d, whole=True)[0].reshape(shape if array[0] == "W" else shape[1:])


def delta(tr: Trace, k: int) -> Array:
    """δ of layer k by right rules, (N, units)."""
    return np.asarray(error_to(tr, f"b{k}", {}).g[0])


def entries(tr: Trace, layer: int) -> tuple[Array, Array] | None:
    """Rows and columns that are compared in a search; None if all are."""
    shape = tr.W[layer].shape
    if shape[0] * shape[1] <= FEW:
        return None
    return tuple(np.unique(np.linspace(0, n - 1, min(n, 12)).astype(int)) for n in shape)  # type: ignore[return-value]


def carried(tr: Trace, array: str, edits: Edits, settled: Collection[Step] = ()) -> list[Edits]:
    """What the rules of an array above would be on the way to this one: as they are there, or the same in more layers.

    What is wrong in one function is wrong wherever it is called, so that a lower array has every wrong rule of those above.
    """
    letter, k, way = array[0], int(array[1:]), steps(tr, array)
    own = {
        Step(s.slot, s.layer, "" if s.slot in ("back", "skip") else letter if s.layer == k else "down"): name
        for s, name in edits
        if s.slot not in ("input", "sum")
    }
    every = [step for step in way if step.slot == "derivative"]
    hidden = [step for step in every if step.layer < tr.last]
    backs = [step for step in way if step.slot == "back"]
    found = [
        own,
        *(own | dict.fromkeys(backs, name) for name in dict.fromkeys(n for s, n in edits if s.slot == "back")),
    ]
    for name in dict.fromkeys(name for step, name in edits if step.slot == "derivative"):
        found += [own | dict.fromkeys(chosen, name) for chosen in (hidden[-1:], hidden, every)]
    kept = [one for one in found if one and set(one) <= set(way) and not set(one) & set(settled)]
    return list(dict.fromkeys(ordered(tr, array, one) for one in kept))
