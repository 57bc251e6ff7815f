"""All arrays together: of the ways in which each comes about, those that agree and change the fewest rules."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from nn_conformance.explain.factors import ONE, Factor
from nn_conformance.explain.fitting import Explained
from nn_conformance.explain.search import Step, steps
from nn_conformance.explain.trace import Trace

TIE = 0.05  # costs that differ by less are the same
MOST = 20_000  # combinations that are looked at
PRICES = {"sum": 0.06, "derivative": 0.03, "back": 0.03}  # of two that explain as much, the one in fewer places


@dataclass(frozen=True)
class Group:
    """One changed rule, in one or several places.

    Attributes:
        kind: a slot, or `factor`, `zero`, `extra`.
        name: the variant; of a factor its text, of an extra term what is added.
        places: (layer, use) of a slot.
        arrays: what a factor or an extra term is in.
        scope: `everywhere`, `hidden`, `layer`, `use`; of a factor `all`, `W`, `b`, `below`, `layer`, or `array`.
        layer: the layer, or 0.
        factor: of `factor` and `extra`.
        cost: what it costs.
    """

    kind: str
    name: str
    places: tuple[tuple[int, str], ...] = ()
    arrays: tuple[str, ...] = ()
    scope: str = ""
    layer: int = 0
    factor: Factor = ONE
    cost: float = 1.0


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
    found.sort(key=lambda one: one.cost)
    kept: dict[tuple[object, ...], Assignment] = {}
    for one in found:
        if one.cost <= found[0].cost + TIE:
            same = tuple(sorted((g.kind, g.name, g.scope, g.layer, g.places, g.arrays) for g in one.groups))
            kept.setdefault(same, one)
    return list(kept.values())[:4]


def _agreeing(
    tr: Trace,
    arrays: Sequence[str],
    ways: Mapping[str, Sequence[Explained]],
    chosen: dict[str, Explained],
    names: Mapping[Step, str | None],
) -> Iterator[dict[str, Explained]]:
    """Choices in which no step has two rules."""
    if not arrays:
        yield dict(chosen)
        return
    array, rest = arrays[0], arrays[1:]
    for way in ways[array]:
        own = dict(names)
        edits = dict(way.edits)
        silent = way.factor.value == 0.0 or way.blind  # an array of zeros says nothing of the rules before it
        if silent or not any(own.setdefault(step, edits.get(step)) != edits.get(step) for step in steps(tr, array)):
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
        yield from _of_slot(slot, name, used, seen[slot])
    yield from _of_factors({array: way.factor for array, way in chosen.items()})
    extras: dict[tuple[str, Factor], list[str]] = defaultdict(list)
    for array, way in chosen.items():
        if way.extra and not _scaled_with_all(tr, array, way):
            extras[way.extra].append(array)
    for (name, factor), arrays in extras.items():
        yield Group("extra", name, (), tuple(arrays), factor=factor)


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


def _of_slot(slot: str, name: str, used: set[tuple[int, str]], seen: set[tuple[int, str]]) -> Iterator[Group]:
    """A variant where it is used, of all places where it could be."""
    price = 1.0 + PRICES.get(slot, 0.0) + (0.5 if name.startswith("right+") else 0.0)
    layers = sorted({layer for layer, _ in seen})
    hidden = {place for place in seen if slot == "derivative" and place[0] != max(layers)}
    letters = {use for _, use in used}
    of_letter = {place for place in seen if slot == "sum" and place[1] in letters and len(letters) == 1}
    places = tuple(sorted(used))
    if len(layers) > 1 and used in (seen, of_letter):
        yield Group(slot, name, places, scope="everywhere", cost=price)
    elif used == hidden and len({layer for layer, _ in hidden}) > 1:
        yield Group(slot, name, places, scope="hidden", cost=price)
    else:
        for layer in sorted({layer for layer, _ in used}):
            own = {place for place in used if place[0] == layer}
            scope = "layer" if own == {place for place in seen if place[0] == layer} else "use"
            # Samples that count in one array only are a rule of that array's sum.
            more = 0.2 * (scope == "use" and (len(own) > 1 or slot == "samples"))
            yield Group(slot, name, tuple(sorted(own)), scope=scope, layer=layer, cost=price + more)


def _over(one: Factor, other: Factor) -> Factor:
    powers: dict[str, int] = defaultdict(int)
    for symbol, power in (*one.powers, *((s, -p) for s, p in other.powers)):
        powers[symbol] += power
    value = one.value / other.value
    return Factor(1.0 if abs(value - 1) < 1e-9 else value, tuple((s, p) for s, p in powers.items() if p))


def _of_factors(factors: Mapping[str, Factor]) -> Iterator[Group]:
    """The fewest factors: one of everything, and those of some arrays beside it."""
    yield from _cover([a for a, f in factors.items() if f.value == 0.0], list(factors), ONE, "zero")
    rest = {array: f for array, f in factors.items() if f.value != 0.0}
    options = []
    for base in [ONE, *{f for f in rest.values() if not f.is_one}] if rest else ():
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
    if options:
        yield from min(options, key=lambda option: option[:3])[3]


def _price(factor: Factor) -> float:
    return 1.0 if factor.nice else 1.25


def _cover(arrays: Sequence[str], every: Sequence[str], factor: Factor, kind: str) -> Iterator[Group]:
    """A factor of some arrays as one group, where they are all that something has in common."""
    own, last, layers = set(arrays), max((int(a[1:]) for a in every), default=0), {int(a[1:]) for a in arrays}
    common = [("all", 0, set(every))]
    common += [(letter, 0, {a for a in every if a[0] == letter}) for letter in "Wb"]
    common += [("below", m, {a for a in every if int(a[1:]) <= m}) for m in range(1, last)]
    common += [("layer", k, {a for a in every if int(a[1:]) == k}) for k in layers]
    # A single array is no layer and no letter; below the last layers it is all that there is.
    fits = ((s, k) for s, k, of in common if own == of and (len(own) > 1 or s == "below"))
    price = _price(factor) + (0.03 if kind == "zero" else 0.0)  # what is summed may cancel as well
    if own and (fitting := next(fits, None)):
        yield Group(kind, factor.text(), (), tuple(arrays), *fitting, factor, price)
    else:
        yield from (Group(kind, factor.text(), (), (a,), "array", int(a[1:]), factor, price) for a in arrays)
