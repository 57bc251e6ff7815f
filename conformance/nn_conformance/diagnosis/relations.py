"""How wrong arrays are related to right ones, where no mistake of the catalogue makes them: on every case, or not said."""

from collections.abc import Callable, Sequence
from math import isfinite
from typing import NamedTuple

import numpy as np

from nn_conformance.diagnosis.matching import Seen
from nn_conformance.diagnosis.observation import Fault, Quantity
from nn_conformance.gradcheck.cause import indices
from nn_conformance.judge.limits import norm
from nn_reference.arithmetic import Array

# A name for a factor, and what it is on a case.
FACTORS: dict[str, Callable[[Seen], float]] = {
    "-1": lambda one: -1.0,
    "2": lambda one: 2.0,
    "½": lambda one: 0.5,
    "N": lambda one: float(_samples(one)),
    "1/N": lambda one: 1 / _samples(one),
    "C": lambda one: float(_outputs(one)),
    "1/C": lambda one: 1 / _outputs(one),
    "N·C": lambda one: float(_samples(one) * _outputs(one)),
    "1/(N·C)": lambda one: 1 / (_samples(one) * _outputs(one)),
    "2/N": lambda one: 2 / _samples(one),
    "2·N": lambda one: 2.0 * _samples(one),
    "D": lambda one: float(one.bench.case.network.inputs),
    "1/D": lambda one: 1 / one.bench.case.network.inputs,
    "-N": lambda one: -float(_samples(one)),
    "-1/N": lambda one: -1 / _samples(one),
    "ln 2": lambda one: float(np.log(2)),
    "1/ln 2": lambda one: float(1 / np.log(2)),
}


class Related(NamedTuple):
    """A relation as text, with {} for the names of the tensors; and whether it explains, where others only say where."""

    text: str
    explains: bool

    def __str__(self) -> str:
        return self.text


def relations(seen: Sequence[Seen]) -> list[Related]:
    """One relation that holds on all cases for the tensors of one kind together; else where the error lies."""
    said: dict[Related, list[str]] = {}
    for quantity in dict.fromkeys(quantity for one in seen for quantity, _ in one.arrays):
        if quantity[0] not in ("layer", "loss", "gradient") and not quantity[0].startswith("step"):
            continue
        mine = [one for one in seen if quantity in dict(one.arrays)]
        wrong = [one for one in mine if _ratio(one, quantity, one.bench.right[quantity]) > 1]
        if endless := [
            one for one in wrong if _finite(one.bench.right[quantity]) and not _finite(one.values[quantity])
        ]:
            more = f" and {len(endless) - 1} more" if len(endless) > 1 else ""
            text = f"{{}}: NaN or infinite on {endless[0].bench.case.id}{more}"
            said.setdefault(Related(text, explains=True), []).append(_called(quantity))
            mine, wrong = ([one for one in some if one not in endless] for some in (mine, wrong))
        if wrong:
            every = f"on the {len(mine)} others" if endless else _on_all(len(mine))
            text = _relation(quantity, mine, every) or (
                _relation(quantity, wrong, f"on the {len(wrong)} of {len(mine)} cases where it is wrong")
            )
            related = Related(text, explains=True) if text else _place(quantity, wrong)
            said.setdefault(related, []).append(_called(quantity))
    return [Related(text.format(", ".join(dict.fromkeys(names))), explains) for (text, explains), names in said.items()]


def _finite(value: Array | Fault) -> bool:
    return not isinstance(value, Fault) and bool(np.all(np.isfinite(value)))


def _on_all(cases: int) -> str:
    return f"on all {cases} cases" if cases > 1 else "on the one case that has any"


def _relation(quantity: Quantity, seen: Sequence[Seen], n: str) -> str:
    """The first relation that holds on every case, or nothing; `n` says which cases these are."""
    move = "the move of " if quantity[0].startswith("step") else ""
    if quantity[0] == "gradient" and all(not np.any(one.values[quantity]) for one in seen):
        return f"{{}}: zero, {n}"
    for name, factor in FACTORS.items():
        if all(_ratio(one, quantity, _times(one, quantity, factor(one))) <= 1 for one in seen):
            return f"{move}{{}}: {name} times the right one, {n}"
    if constant := _constant(quantity, seen):
        return f"{move}{{}}: {constant:.6g} times the right one, {n}"
    for text, holds in (
        ("the transpose of the right one", _transposed),
        ("the right numbers reshaped where they should be transposed", _reshaped),
        ("the right magnitudes with other signs", _signs),
        ("rows of the right one in another order", _permuted),
        ("columns of the right one in another order", lambda a, b, near: b.ndim == 2 and _permuted(a.T, b.T, near)),
    ):
        if all(_holds(one, quantity, holds) for one in seen):
            return f"{{}}: {text}, {n}"
    if quantity[0] == "gradient" and (decay := _decay(quantity, seen)):
        return f"{{}}: {decay:.6g} times the parameter is added, {n}"
    return ""


def _ratio(one: Seen, quantity: Quantity, expected: Array | Fault) -> float:
    return one.bench.ratio(quantity, one.values[quantity], expected)


def _right(one: Seen, quantity: Quantity) -> Array:
    return np.asarray(one.bench.right[quantity], np.float64)


def _times(one: Seen, quantity: Quantity, factor: float) -> Array:
    """The right value times a factor; of an update, its move."""
    right = _right(one, quantity)
    if not quantity[0].startswith("step"):
        return np.asarray(factor * right)
    before = one.bench.before(quantity)
    return np.asarray(before + factor * (right - before))


def _constant(quantity: Quantity, seen: Sequence[Seen]) -> float:
    """The same factor on every case, 0 if there is none; it is measured where the limit is the smallest part."""
    best, factor = 0.0, 0.0
    for one in seen:
        right, found = _right(one, quantity), np.asarray(one.values[quantity], np.float64)
        if quantity[0].startswith("step"):
            right, found = right - one.bench.before(quantity), found - one.bench.before(quantity)
        size = norm(right)
        if found.shape == right.shape and np.isfinite(found).all() and size > best:
            best, factor = size, float(np.vdot(right, found)) / size**2
    usable = factor and isfinite(factor)
    return factor if usable and all(_ratio(one, quantity, _times(one, quantity, factor)) <= 1 for one in seen) else 0.0


def _decay(quantity: Quantity, seen: Sequence[Seen]) -> float:
    """λ, if λ times the parameter is added on every case."""
    one, name = seen[0], quantity[1]
    p, found = one.bench.loaded.params[name], np.asarray(one.values[quantity], np.float64)
    if found.shape != p.shape or not np.any(p) or not np.isfinite(found).all():
        return 0.0
    by = float(np.vdot(found - _right(one, quantity), p)) / norm(p) ** 2
    added = (_ratio(one, quantity, _right(one, quantity) + by * one.bench.loaded.params[name]) for one in seen)
    return by if all(ratio <= 1 for ratio in added) else 0.0


def _holds(
    one: Seen, quantity: Quantity, relation: Callable[[Array, Array, Callable[[Array, Array], bool]], bool]
) -> bool:
    right, found = _right(one, quantity), np.asarray(one.values[quantity], np.float64)
    limit = one.bench.limit(quantity, right, one.bench.dtype)
    return bool(relation(found, right, lambda a, b: a.shape == b.shape and norm(a - b) <= limit))


def _transposed(a: Array, b: Array, near: Callable[[Array, Array], bool]) -> bool:
    return b.ndim == 2 and near(a.T, b)


def _reshaped(a: Array, b: Array, near: Callable[[Array, Array], bool]) -> bool:
    return b.ndim == 2 and a.size == b.size and near(a.reshape(b.shape[::-1]).T, b)


def _signs(a: Array, b: Array, near: Callable[[Array, Array], bool]) -> bool:
    return near(np.abs(a), np.abs(b))


def _permuted(a: Array, b: Array, near: Callable[[Array, Array], bool]) -> bool:
    """Whether each row of one is a row of the other; the nearest counts."""
    if a.shape != b.shape or b.ndim == 0 or len(b) > 64:  # larger ones would take long, and have been seen small
        return False
    left, order = list(range(len(b))), []
    for row in a:
        order.append(min(left, key=lambda k: norm(row - b[k])))
        left.remove(order[-1])
    return near(a, b[order])


def _place(quantity: Quantity, seen: Sequence[Seen]) -> Related:
    """The entries that are wrong, on the first case where not all are, unless on most they are: each by the whole's limit."""
    places, whole = [], 0
    for one in seen:
        a, b, case = np.asarray(one.values[quantity], np.float64), _right(one, quantity), one.bench.case.id
        if a.shape != b.shape:
            return Related(f"{{}}: shape {a.shape} for {b.shape} on {case}", explains=True)
        wrong = np.argwhere(~(np.abs(a - b) <= one.bench.limit(quantity, b, one.bench.dtype)))
        if a.ndim and 0 < len(wrong) < a.size:
            where = zip(wrong.T.tolist(), a.shape, strict=True)
            text = ", ".join(indices(sorted(set(axis)), length) for axis, length in where)
            what = "wrong" if np.any(a[tuple(wrong.T)]) else "zero, and should not be,"
            places.append(Related(f"{{}}: {what} in [{text}] on {case}", explains=what != "wrong"))
        whole += 1 < len(wrong) == a.size
    return Related("{}: wrong all over", explains=False) if whole >= len(places) else places[0]


def _called(quantity: Quantity) -> str:
    part, name = quantity
    return {"loss": "loss", "layer": name, "gradient": f"d{name}"}.get(part, name)


def _samples(one: Seen) -> int:
    return len(one.bench.climb.expected.x)


def _outputs(one: Seen) -> int:
    return one.bench.case.network.layers[-1].units
