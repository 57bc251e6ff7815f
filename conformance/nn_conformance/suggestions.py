"""Which convention is declared wrongly, where one is: the only single change of a declaration that lets a case pass."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast, get_args, get_type_hints

import msgspec

from nn_conformance.conventions import Conventions
from nn_conformance.converted import Converted
from nn_conformance.fixtures import format as fmt
from nn_conformance.fixtures.store import LoadedCase
from nn_conformance.ladder import judge
from nn_conformance.recovered import Recovered
from nn_conformance.targets import Target
from nn_conformance.verdicts import Verdict

DOORS = "nn_conformance.doors."
# Factors that a loss has by taste: with or without a ½.
FACTORS = (2.0, 0.5)
# What no loss and no gradient shows, or what has no few values; of a step alone, the gradients' own reduction says it.
SILENT = ("names", "update_reduction")
RUNGS = ("contract", "loss", "gradient")


def suggest(loaded: LoadedCase, target: Converted, dtype: fmt.Dtype) -> str | None:
    """The one change of the target's conventions with which its loss and gradients on a case are right, or None.

    The case must tell conventions apart: small, its sizes pairwise distinct, such as a network's `probe-rectangular`.

    Raises:
        DataError: a damaged case.
    """
    if _conforms(loaded, target, dtype):
        return None
    found = [
        (name, value)
        for name, value in _changes(target.conventions)
        if _conforms(loaded, _under(target, msgspec.structs.replace(target.conventions, **{name: value})), dtype)
    ]
    # Without a loss to see, its convention and that of the gradients are one. Who answers for several samples takes them:
    # that it would be right for each by itself is what a mistake in the mean looks like.
    verdicts = _verdicts(loaded, target, dtype)
    lossless = any(v.rung == "loss" and v.status == "unsupported" for v in verdicts)
    takes_many = all(v.status != "failed" for v in verdicts if v.rung == "contract")
    found = [change for change in found if change[0] != "batch" or not takes_many]
    found = [change for change in found if not (lossless and change[0].startswith("loss_"))] or found
    if len(found) != 1:
        return None
    name, value = found[0]
    return f"declared {name}={getattr(target.conventions, name)!r}: with {name}={value!r} loss and gradients are right"


def _changes(declared: Conventions) -> Iterator[tuple[str, Any]]:
    """Every other value of every convention that has a few."""
    hints = get_type_hints(Conventions)
    for name in declared.__struct_fields__:
        now = getattr(declared, name)
        if name.endswith("_factor"):
            yield from ((name, (now or 1.0) * factor) for factor in FACTORS)
        elif isinstance(now, bool):
            yield name, not now
        elif name not in SILENT:
            choices = [value for part in get_args(hints[name]) for value in (get_args(part) or (part,))]
            yield from ((name, value) for value in choices if isinstance(value, str) and value != now)


def _under(target: Converted, conventions: Conventions) -> Converted:
    """The target as if it had declared something else; doors of ours look at the declaration themselves."""
    inner = target.inner
    if isinstance(inner, Recovered):
        inner = Recovered(_door_under(inner.inner, conventions), conventions)
    return replace(target, inner=_door_under(inner, conventions), conventions=conventions)


def _door_under(door: Target, conventions: Conventions) -> Target:
    if type(door).__module__.startswith(DOORS) and hasattr(door, "conventions"):
        return cast("Target", replace(cast("Any", door), conventions=conventions))
    return door


def _conforms(loaded: LoadedCase, target: Converted, dtype: fmt.Dtype) -> bool:
    verdicts = _verdicts(loaded, target, dtype)
    shown = {verdict.status for verdict in verdicts if verdict.rung == "gradient"}
    return "passed" in shown and not any(verdict.status in ("failed", "blocked") for verdict in verdicts)


def _verdicts(loaded: LoadedCase, target: Converted, dtype: fmt.Dtype) -> list[Verdict]:
    return judge(loaded, target, dtype, rungs=RUNGS, trusted=True)
