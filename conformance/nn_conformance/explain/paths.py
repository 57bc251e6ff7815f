"""What every combination of rules on the way to one array would make of it.

The way to dW_k or db_k is a list of steps: the output error, the output's derivative, the samples that count, then back
through W and the derivative of each layer down to k, then for dW the layer's input, and the sum over samples. A step has
a use: the same δ of a layer is used in its dW (W), in its db (b), and sent down, and a rule may be wrong in one use only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nn_conformance.explain import backwards as bw
from nn_conformance.explain.sums import BIASES, WEIGHTS
from nn_conformance.explain.trace import Trace, described, matrix
from nn_reference.arithmetic import Array


class Step(NamedTuple):
    """A slot of the backward pass in one layer, for one use of its result."""

    slot: str
    layer: int
    use: str


Edits = tuple[tuple[Step, str], ...]
FEW = 400  # entries; of larger arrays some rows and columns are compared in the search, and all in the confirmation
LOCAL = ("first", "last", "without last", "without first", "product of sums", "magnitude", "sign")


def steps(tr: Trace, array: str) -> list[Step]:
    """The way to an array, from the outputs on."""
    letter, k, last = array[0], int(array[1:]), tr.last
    use = letter if k == last else "down"
    way = [Step("error", last, use), Step("derivative", last, use), Step("samples", last, use)]
    for j in range(last, k, -1):
        way += [Step("back", j, ""), Step("derivative", j - 1, letter if j - 1 == k else "down")]
    return [*way, *([Step("input", k, "W")] if letter == "W" else []), Step("sum", k, letter)]


def rules(tr: Trace, step: Step) -> dict[str, bw.Rule]:
    """The variants of a step."""
    if step not in tr.rules:
        tr.rules[step] = _rules(tr, step)
    found: dict[str, bw.Rule] = tr.rules[step]
    return found


def _rules(tr: Trace, step: Step) -> dict[str, bw.Rule]:
    match step.slot:
        case "error":
            return bw.errors(tr)
        case "derivative":
            return bw.derivatives(tr, step.layer)
        case "samples":
            return bw.SAMPLES
        case "back":
            return bw.backs(step.layer)
        case "input":
            return bw.inputs(step.layer)
    return WEIGHTS if step.use == "W" else BIASES


def _leaky(tr: Trace, layer: int, share: float) -> str:
    """A derivative that has another slope where z < 0."""
    if tr.kind(layer) == "leaky_relu":
        described = tr.case.network.layers[layer - 1].activation.alpha or 0.0
        return f"{described + share:.6g} where z < 0"
    return f"φ′ + {share:.10g}·(z < 0)"


def rule_of(tr: Trace, step: Step, name: str) -> bw.Rule:
    """A variant by name; a mixture `right+0.01·(z < 0)` of the right derivative and another is one too."""
    if name.startswith("right+"):
        share, other = name[len("right+") :].split("·", 1)
        of = bw.derivatives(tr, step.layer)[other].of
        slug = "relu-leaky" if other == "(z < 0)" else "derivative-shifted"
        own = "leaky-slope" if slug == "relu-leaky" and tr.kind(step.layer) == "leaky_relu" else slug
        formula = (
            _leaky(tr, step.layer, float(share))
            if slug == "relu-leaky"
            else f"φ′ + {share}"
            if other == "1"
            else f"φ′ + {share}·{other}"
        )
        return bw.Rule(own, formula, lambda tr, g: tr.through(step.layer, g) + float(share) * of(tr, g))
    if name not in rules(tr, step):
        raise ValueError(f"{name}: no rule of {step}")
    return rules(tr, step)[name]


def right(tr: Trace, step: Step, g: Array, final: Array) -> Array:
    """A step of δ by its right rule; states that are dL/dz already have no derivative of the outputs to come."""
    if step.slot == "derivative":
        through = tr.through(step.layer, g)
        return np.where(final[:, None, None], g, through) if step.layer == tr.last else through
    if step.slot == "back":
        return g @ tr.W[step.layer].T
    return g


def _same(some: Sequence[Array], others: Sequence[Array], near: float) -> bool:
    return all(
        a.shape == b.shape and (np.linalg.norm(a - b) <= near or bool(np.array_equal(a, b, equal_nan=True)))
        for a, b in zip(some, others, strict=True)
    )


def _sum(values: Sequence[Array]) -> float:
    """Of the first traces: values whose sums differ are different."""
    return float(values[0].sum())


@dataclass
class Stack:
    """States of a search: which edits, how many, and δ of shape (states, N, units)."""

    edits: list[Edits]
    count: Array
    final: Array
    g: Array


class Search:
    """All combinations of at most so many variants on the way to an array, on traces of equal sizes.

    Args:
        traces: of equal sizes.
        array: W or b and the layer's number.
        most: at most so many variants together.
        common: only those that are frequent.
        learned: variants with a fitted constant, by step, that other arrays have shown.
        known: the variants of each step, from a search before.
        others: traces of other sizes, on which variants may differ that are the same on the first.
        base: rules that are taken for granted, as arrays of the layers above have shown them.
    """

    def __init__(
        self,
        traces: Sequence[Trace],
        array: str,
        most: int,
        *,
        common: bool = False,
        learned: Mapping[tuple[str, int], Sequence[str]] | None = None,
        known: Mapping[Step, list[str]] | None = None,
        others: Sequence[Trace] = (),
        base: Mapping[Step, str] | None = None,
    ) -> None:
        self.traces, self.others, self.array, self.most = traces, others, array, most
        self.way, self.base = steps(traces[0], array), base or {}
        self.chosen = dict(known or {step: self._distinct(step, common, learned or {}) for step in self.way})

    def _distinct(self, step: Step, common: bool, learned: Mapping[tuple[str, int], Sequence[str]]) -> list[str]:
        """Variants that can be had on these traces and whose values differ from each other and from the right one's."""
        names = [name for name, rule in rules(self.traces[0], step).items() if rule.common or not common]
        names = [*learned.get((step.slot, step.layer), ()), *names]
        kept, values, sums = [], [self._values(step, None)], []
        sums.append(_sum(values[0]))
        for name in names:
            try:
                value = self._values(step, name)
            except ValueError:
                continue
            own = np.concatenate(value)
            size, total = float(np.linalg.norm(own)), _sum(value)
            near = 1e-9 * size * max(1, len(own))
            if np.isfinite(size) and not any(
                abs(s - total) <= near and _same(v, value, 1e-9 * size) for v, s in zip(values, sums, strict=True)
            ):
                kept.append(name)
                values.append(value)
                sums.append(total)
        return kept

    def _values(self, step: Step, name: str | None) -> list[Array]:
        """What a variant makes of the right state: on the traces, and on the others, where it may have no value."""
        values = [np.concatenate([np.ravel(self._one(tr, step, name)) for tr in self.traces])]
        for tr in self.others:
            try:
                values.append(np.ravel(self._one(tr, step, name)))
            except ValueError:
                values.append(np.zeros(0))
        return values

    def _base(self, tr: Trace, step: Step) -> tuple[Array, Array]:
        """What comes to a step if everything before it is right."""
        g, final = bw.error(tr)
        flags = np.array([final])
        for before in self.way[: self.way.index(step)]:
            if before.slot not in ("error", "input"):
                g = right(tr, before, g[None], flags)[0]
        return g, flags

    def _one(self, tr: Trace, step: Step, name: str | None) -> Array:
        g, final = self._base(tr, step)
        rule = None if name is None else rule_of(tr, step, name)
        if step.slot == "input":
            return tr.a[step.layer - 1] if rule is None else np.asarray(rule.of(tr))
        if step.slot == "sum":
            return product(tr, step, name, tr.a[step.layer - 1], g[None])
        if step.slot == "error":
            # One that is dL/dz already differs from one with the same numbers that is not.
            return g if rule is None else np.append(np.ravel(rule.of(tr)), [] if rule.final == final[0] else 1.0)
        return right(tr, step, g[None], final) if rule is None else np.asarray(rule.of(tr, g[None]))

    def states(self, tr: Trace) -> tuple[list[Edits], Array]:
        """Every combination, and its prediction of the array: (states, entries)."""
        edits, g = self._errors(tr)
        stack = Stack(edits, np.array([len(e) for e in edits]), np.array([self._final(tr, e) for e in edits]), g)
        for step in self.way[1:]:
            if step.slot in ("input", "sum"):
                break
            stack = self._expand(tr, step, stack)
        return self._summed(tr, stack)

    def _final(self, tr: Trace, edits: Edits) -> bool:
        if not edits and self.way[0] in self.base:
            edits = ((self.way[0], self.base[self.way[0]]),)
        return rule_of(tr, *edits[0]).final if edits else bw.error(tr)[1]

    def _right(self, tr: Trace, step: Step, g: Array, final: Array) -> Array:
        if step not in self.base:
            return right(tr, step, g, final)
        return rule_of(tr, step, self.base[step]).of(tr, g) + np.zeros_like(right(tr, step, g, final))

    def _errors(self, tr: Trace) -> tuple[list[Edits], Array]:
        step = self.way[0]
        names = self.chosen[step] if self.most and step not in self.base else []
        first = rule_of(tr, step, self.base[step]).of(tr) if step in self.base else bw.error(tr)[0]
        values = [first, *(rule_of(tr, step, name).of(tr) for name in names)]
        return [(), *(((step, name),) for name in names)], np.stack(values)

    def _expand(self, tr: Trace, step: Step, stack: Stack) -> Stack:
        edits, g = list(stack.edits), [self._right(tr, step, stack.g, stack.final)]
        count, final = [stack.count], [stack.final]
        free = np.flatnonzero(stack.count < self.most)
        for name in self.chosen[step] if len(free) and step not in self.base else ():
            g.append(rule_of(tr, step, name).of(tr, stack.g[free]) + np.zeros_like(g[0][free]))
            edits += [(*stack.edits[i], (step, name)) for i in free]
            count.append(stack.count[free] + 1)
            final.append(stack.final[free])
        return Stack(edits, np.concatenate(count), np.concatenate(final), np.concatenate(g))

    def _summed(self, tr: Trace, stack: Stack) -> tuple[list[Edits], Array]:
        last = self.way[-1]
        k, of_weights = last.layer, last.use == "W"
        edits: list[Edits] = []
        parts: list[Array] = []
        for name_a in [None, *(self.chosen[self.way[-2]] if of_weights else [])]:
            a = tr.a[k - 1] if name_a is None else rule_of(tr, self.way[-2], name_a).of(tr)
            for name in [None, *self.chosen[last]]:
                extra = [(step, n) for step, n in ((self.way[-2], name_a), (last, name)) if n is not None]
                free = np.flatnonzero(stack.count + len(extra) <= self.most)
                if not len(free):
                    continue
                parts.append(product(tr, last, name, a, stack.g[free]).reshape(len(free), -1))
                edits += [(*stack.edits[i], *extra) for i in free] if extra else list(stack.edits)
        return edits, np.concatenate(parts)


def product(tr: Trace, step: Step, name: str | None, a: Array, d: Array) -> Array:
    """dW (states, inputs, units) or db (states, units) from the layer's input a and a stack of δ."""
    rule = None if name is None else rule_of(tr, step, name)
    if step.use == "b":
        return d.sum(axis=-2) if rule is None else rule.of(a, d)
    if (picked := entries(tr, step.layer)) is not None:
        if name is not None and name not in LOCAL:
            raise ValueError("of the whole array only")
        a, d = a[:, picked[0]], d[..., picked[1]]
    out = a.T @ d if rule is None else rule.of(a, d)
    if tr.reshaped and picked is None:
        array = f"W{step.layer}"
        out = np.stack([_reordered(tr, array, g) for g in out])
    return out


def _reordered(tr: Trace, array: str, g: Array) -> Array:
    network = tr.case.network
    own = described(network, array, g)
    return matrix(network, array, own.ravel().reshape(own.shape, order="F"))


def entries(tr: Trace, layer: int) -> tuple[Array, Array] | None:
    """Rows and columns that are compared in a search; None if all are."""
    shape = tr.W[layer].shape
    if shape[0] * shape[1] <= FEW:
        return None
    return tuple(np.unique(np.linspace(0, n - 1, min(n, 12)).astype(int)) for n in shape)  # type: ignore[return-value]


def predict(tr: Trace, array: str, edits: Mapping[Step, str]) -> Array:
    """One array by given rules, whole.

    Raises:
        ValueError: a rule that cannot be had at these sizes.
    """
    way = steps(tr, array)
    g, flag = bw.error(tr)
    if way[0] in edits:
        first = rule_of(tr, way[0], edits[way[0]])
        g, flag = first.of(tr), first.final
    final, g = np.array([flag]), np.asarray(g)[None]
    a = tr.a[int(array[1:]) - 1]
    for step in way[1:]:
        name = edits.get(step)
        if step.slot == "input":
            a = a if name is None else rule_of(tr, step, name).of(tr)
        elif step.slot == "sum":
            rule = None if name is None else rule_of(tr, step, name)
            given = (a, g, tr.answer.get(array)) if rule is not None and rule.answered else (a, g)
            out = (d_sum(g) if step.use == "b" else a.T @ g) if rule is None else rule.of(*given)
            out = out[0]
            return _reordered(tr, array, out) if tr.reshaped and step.use == "W" else out
        else:
            g = (
                right(tr, step, g, final)
                if name is None
                else rule_of(tr, step, name).of(tr, g) + np.zeros_like(right(tr, step, g, final))
            )
    raise AssertionError(array)


def carried(tr: Trace, array: str, edits: Edits) -> list[Edits]:
    """What the rules of an array above would be on the way to this one: as they are there, or the same in more layers.

    What is wrong in one function is wrong wherever it is called, so that a lower array has every wrong rule of those above.
    """
    letter, k, way = array[0], int(array[1:]), steps(tr, array)
    own: dict[Step, str] = {}
    derivatives = []
    for step, name in edits:
        if step.slot in ("input", "sum"):
            continue
        use = "" if step.slot == "back" else letter if step.layer == k else "down"
        own[Step(step.slot, step.layer, use)] = name
        derivatives += [name] if step.slot == "derivative" else []
    found = [own]
    for name in dict.fromkeys(derivatives):
        hidden = [step for step in way if step.slot == "derivative" and step.layer < tr.last]
        every = [step for step in way if step.slot == "derivative"]
        found += [{**own, **dict.fromkeys(chosen, name)} for chosen in (hidden[-1:], hidden, every)]
    kept = [tuple(sorted(one.items(), key=lambda e: way.index(e[0]))) for one in found if one and set(one) <= set(way)]
    return list(dict.fromkeys(kept))


def delta(tr: Trace, k: int) -> Array:
    """δ of layer k by right rules, (N, units)."""
    g, flag = bw.error(tr)
    for step in steps(tr, f"b{k}")[1:-1]:
        g = right(tr, step, g[None], np.array([flag]))[0]
    return np.asarray(g)


def d_sum(g: Array) -> Array:
    """Σ over samples."""
    return np.asarray(g.sum(axis=-2))
