"""All arrays together: of the ways in which each comes about, those that agree and change the fewest rules."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from nn_conformance.explain.factors import ONE, Factor
from nn_conformance.explain.fitting import Explained
from nn_conformance.explain.paths import Step, steps
from nn_conformance.explain.trace import Trace

TIE = 0.05  # costs that differ by less are the same
MOST = 20_000  # combinations that are looked at


@dataclass(frozen=True)
class Group:
    """One changed rule, in one or several places.

    Attributes:
        kind: a slot, or `factor`, `zero`, `extra`.
        name: the variant; of a factor its text.
        places: (layer, use) of a slot.
        arrays: what a factor or an extra term is in.
        scope: `everywhere`, `layer`, `use`, `all`, `W`, `b`, `below`, or `array`.
        layer: the layer, or 0.
        factor: of `factor` and `extra`.
        cost: what it costs.
    """

    kind: str
    name: str
    places: tuple[tuple[int, str], ...]
    arrays: tuple[str, ...]
    scope: str
    layer: int
    factor: Factor
    cost: float


@dataclass(frozen=True)
class Assignment:
    """A way for every array, and the changed rules behind them."""

    ways: Mapping[str, Explained]
    groups: tuple[Group, ...]

    @property
    def cost(self) -> float:
        """Of all groups."""
        return sum(group.cost for group in self.groups)


def best(tr: Trace, ways: Mapping[str, Sequence[Explained]]) -> list[Assignment]:
    """The assignments that change the fewest rules; several if they change equally few."""
    arrays = sorted(ways, key=lambda a: (-int(a[1:]), a))
    found = [
        Assignment(chosen, tuple(groups(tr, chosen))) for chosen in islice(_agreeing(tr, arrays, ways, {}, {}), MOST)
    ]
    if not found:
        return []
    least = min(one.cost for one in found)
    kept: dict[tuple[object, ...], Assignment] = {}
    for one in sorted(found, key=lambda a: a.cost):
        if one.cost <= least + TIE:
            kept.setdefault(
                tuple(sorted((g.kind, g.name, g.scope, g.layer, g.places, g.arrays) for g in one.groups)), one
            )
    return list(kept.values())[:4]


def _agreeing(
    tr: Trace,
    arrays: Sequence[str],
    ways: Mapping[str, Sequence[Explained]],
    chosen: dict[str, Explained],
    names: Mapping[Step, str | None],
) -> Iterator[dict[str, Explained]]:
    if not arrays:
        yield dict(chosen)
        return
    array, rest = arrays[0], arrays[1:]
    for way in ways[array]:
        own = dict(names)
        edits = dict(way.edits)
        silent = way.factor.value == 0.0 or way.blind  # an array of zeros says nothing of the rules before it
        if not silent and any(own.setdefault(step, edits.get(step)) != edits.get(step) for step in steps(tr, array)):
            continue
        yield from _agreeing(tr, rest, ways, {**chosen, array: way}, own)


def groups(tr: Trace, chosen: Mapping[str, Explained]) -> Iterator[Group]:
    """The changed rules of an assignment: one that is wrong in all layers, or all uses, counts once."""
    chosen = {array: way for array, way in chosen.items() if not way.blind}
    places: dict[tuple[str, str], set[tuple[int, str]]] = defaultdict(set)
    seen: dict[str, set[tuple[int, str]]] = defaultdict(set)
    for array, way in chosen.items():
        for step in steps(tr, array):
            seen[step.slot].add((step.layer, step.use))
        for step, name in way.edits:
            places[step.slot, name].add((step.layer, step.use))
    for (slot, name), used in places.items():
        yield from _slot_groups(slot, name, used, seen[slot])
    yield from _factor_groups({array: way.factor for array, way in chosen.items()})
    extras: dict[tuple[str, Factor], list[str]] = defaultdict(list)
    for array, way in chosen.items():
        if way.extra and not _scaled_with_all(tr, array, way):
            extras[way.extra].append(array)
    for (name, factor), arrays in extras.items():
        scope = "all" if len(arrays) == len(chosen) else "W" if all(a[0] == "W" for a in arrays) else "array"
        yield Group("extra", name, (), tuple(arrays), scope, 0, factor, 1.0)


def penalty_of(tr: Trace, array: str) -> Factor:
    """The factor of W that the described penalty adds to a gradient."""
    network, slope = tr.case.network, tr.case.slope(array)
    if network.penalty is None or not slope:
        return Factor(0.0)
    by_samples = "N" in network.penalty.scaling
    return Factor(slope * len(tr.case.x), (("N", -1),)) if by_samples else Factor(slope)


def _scaled_with_all(tr: Trace, array: str, way: Explained) -> bool:
    """Whether the penalty is as described, and multiplied by the factor of the whole array."""
    described = penalty_of(tr, array)
    if way.extra is None or way.extra[0] != "W" or not described.value:
        return False
    left = _over(_over(way.extra[1], described), way.factor)
    return abs(left.value - 1) < 1e-6 and not left.powers


def _slot_groups(slot: str, name: str, used: set[tuple[int, str]], seen: set[tuple[int, str]]) -> Iterator[Group]:
    price = (
        1.0
        + 0.06 * (slot == "sum")
        + 0.03 * (slot in ("derivative", "back"))
        + (0.5 if name.startswith("right+") else 0.0)
    )
    layers = sorted({layer for layer, _ in seen})
    hidden = [k for k in layers if slot == "derivative" and k != max(layers)]
    wrong = sorted({layer for layer, _ in used})
    if used == seen and len(layers) > 1:
        yield Group(slot, name, tuple(sorted(used)), (), "everywhere", 0, ONE, price)
        return
    if len(hidden) > 1 and used == {place for place in seen if place[0] in hidden}:
        yield Group(slot, name, tuple(sorted(used)), (), "hidden", 0, ONE, price)
        return
    letters = {use for _, use in used}
    if (
        slot == "sum"
        and len(layers) > 1
        and len(letters) == 1
        and used == {place for place in seen if place[1] in letters}
    ):
        yield Group(slot, name, tuple(sorted(used)), (), "everywhere", 0, ONE, price)
        return
    for layer in wrong:
        own = {use for k, use in used if k == layer}
        every = {use for k, use in seen if k == layer}
        scope = "layer" if own == every else "use"
        # Samples that count in one array only are a rule of that array's sum.
        partly = scope == "use" and (len(own) > 1 or slot == "samples")
        yield Group(slot, name, tuple(sorted((layer, use) for use in own)), (), scope, layer, ONE, price + 0.2 * partly)


def _over(one: Factor, other: Factor) -> Factor:
    powers: dict[str, int] = defaultdict(int)
    for symbol, power in one.powers:
        powers[symbol] += power
    for symbol, power in other.powers:
        powers[symbol] -= power
    left = tuple((s, p) for s, p in powers.items() if p)
    value = one.value / other.value
    return Factor(1.0 if abs(value - 1) < 1e-9 else value, left)


def _factor_groups(factors: Mapping[str, Factor]) -> Iterator[Group]:
    zero = [array for array, f in factors.items() if f.value == 0.0]
    yield from _cover(zero, list(factors), ONE, "zero")
    rest = {array: f for array, f in factors.items() if f.value != 0.0}
    if not rest:
        return
    options = []
    for base in [ONE, *{f for f in rest.values() if not f.is_one}]:
        found = [] if base.is_one else [Group("factor", base.text(), (), tuple(rest), "all", 0, base, _price(base))]
        classes: dict[tuple[float, tuple[tuple[str, int], ...]], list[str]] = defaultdict(list)
        for array, f in rest.items():
            left = _over(f, base)
            if not left.is_one:
                classes[left.value, tuple(sorted(left.powers))].append(array)
        for (value, powers), arrays in classes.items():
            # The letters that no case tells apart belong to the whole factor.
            others = next(factors[a].others for a in arrays) if base.is_one else ()
            found += list(_cover(arrays, list(rest), Factor(value, powers, others), "factor"))
        simple = sum(abs(power) for _, power in base.powers) + (0 if abs(base.value) == 1 else 1)
        # Of two that are equally cheap, a factor of everything and one beside it say more than two unrelated ones.
        options.append((sum(g.cost for g in found), base.is_one, simple, found))
    yield from min(options, key=lambda option: option[:3])[3]


def _price(factor: Factor) -> float:
    return 1.0 if factor.nice else 1.25


def _cover(arrays: Sequence[str], every: Sequence[str], factor: Factor, kind: str) -> Iterable[Group]:
    if not arrays:
        return []
    name, price = factor.text() if kind == "factor" else kind, _price(factor)
    own, last = set(arrays), max(int(a[1:]) for a in every)
    if own == set(every) and len(every) > 1:
        return [Group(kind, name, (), tuple(arrays), "all", 0, factor, price)]
    for letter in "Wb":
        if own == {a for a in every if a[0] == letter} and len(own) > 1:
            return [Group(kind, name, (), tuple(arrays), letter, 0, factor, price)]
    for m in range(1, last):
        if own == {a for a in every if int(a[1:]) <= m}:
            return [Group(kind, name, (), tuple(arrays), "below", m, factor, price)]
    layers = {int(a[1:]) for a in arrays}
    if len(layers) == 1 and own == {a for a in every if int(a[1:]) in layers} and len(own) > 1:
        return [Group(kind, name, (), tuple(arrays), "layer", layers.pop(), factor, price)]
    return [Group(kind, name, (), (a,), "array", int(a[1:]), factor, price) for a in arrays]
