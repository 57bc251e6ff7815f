"""Are the limits worth anything? How far honest implementations stay below each, and by how much mistakes exceed it.

A rung is audited with the mistakes that are its business: a wrong update shows in steps and free runs, a wrong backward
pass in the gradients. Each mistake counts on every system that can have it, by the probe on which it shows most.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import product
from math import nan
from operator import attrgetter
from typing import Any, TypeAlias

import msgspec

from nn_conformance.cases import format as fmt
from nn_conformance.cases.encoding import number
from nn_conformance.cases.store import LoadedCase, Store
from nn_conformance.judge.known import shipped
from nn_conformance.judge.ladder import in_precisions, judge
from nn_conformance.judge.target import Target
from nn_conformance.judge.verdict import Verdict
from nn_conformance.oracles import affordable_updates
from nn_maintain import kills, measured
from nn_maintain.mistakes import applicable
from nn_maintain.mistakes.mistaken import Mistaken

HONEST = 1 / 3  # of a limit, at most
NEAREST = 10.0  # times a limit, at least
# A mistake of the gradient need not show in the loss, nor one of memory in the first call.
MAY_HIDE = ("contract", "loss", "accuracy", "own-loss", "metamorphic")
# Updates of a free run of a mistaken rule: it is far off by then.
UPDATES = 40

Key: TypeAlias = tuple[str, str]  # rung and precision
Judged: TypeAlias = tuple[LoadedCase, fmt.Dtype]


class Extreme(fmt.Record, frozen=True):
    """A ratio of error to limit, who had it, and on which check."""

    ratio: float
    who: str
    check: str


by_ratio = attrgetter("ratio")  # what extremes are ordered by


class Row(fmt.Record, frozen=True):
    """One rung in one precision: the worst of the honest, and the nearest of the mistaken."""

    rung: str
    dtype: str
    honest: Extreme
    mistaken: Extreme

    @property
    def sound(self) -> bool:
        """Whether the limit tells them apart with room on both sides; NaN does not."""
        return self.honest.ratio <= HONEST and self.mistaken.ratio >= NEAREST


def as_json(rows: Sequence[Row]) -> Any:
    """For `json.dumps`, three digits of each ratio."""
    records = msgspec.to_builtins(rows)
    for extreme in (record[side] for record in records for side in ("honest", "mistaken")):
        extreme["ratio"] = number(float(f"{extreme['ratio']:.3g}"))
    return records


def committed() -> list[Row]:
    """The table that ships, as `python -m nn_maintain audit --with torch,keras --json` measured it."""
    return measured.committed("audit", list[Row])


def audit(
    store: Store, systems: Sequence[str], targets: Sequence[Target], done: Callable[[str], None] = lambda _: None
) -> list[Row]:
    """One row for each rung and precision.

    Args:
        store: the fixtures.
        systems: ids of systems, such as ``homework/documented``.
        targets: honest implementations.
        done: called with each system's id when it has been measured.
    """
    honest: dict[Key, Extreme] = {}
    mistaken: dict[Key, Extreme] = {}
    seen: set[str] = set()
    # Systems that differ in no more than data or recipe share their probes, which need not be measured twice.
    distinct = kills.networks(store)
    for system in systems:
        cases = list(in_precisions(store.cases(system)))
        for (loaded, dtype), target in product((one for one in cases if one[0].case.id not in seen), targets):
            updates = affordable_updates(target, loaded.case)
            for verdict in judge(loaded, target, dtype, updates=updates, known=shipped(target.name), trusted=True):
                if _counts(verdict):
                    found = Extreme(verdict.ratio, target.name, verdict.id)
                    honest[verdict.rung, dtype] = max(honest.get((verdict.rung, dtype), found), found, key=by_ratio)
        for key, found in mistaken_extremes(cases if system in distinct else ()).items():
            mistaken[key] = min(mistaken.get(key, found), found, key=by_ratio)
        seen |= {loaded.case.id for loaded, _ in cases}
        done(system)
    none = Extreme(nan, "none", "")
    return [Row(*key, honest.get(key, none), mistaken.get(key, none)) for key in sorted(honest | mistaken)]


def mistaken_extremes(cases: Iterable[Judged], leave_out: Collection[str] = ()) -> dict[Key, Extreme]:
    """The nearest mistake of each rung and precision in one system's probes, each by the one on which it shows most.

    Args:
        cases: of one system.
        leave_out: names of rungs.
    """
    by_mistake: dict[tuple[str, Key], Extreme] = {}
    told: set[tuple[str, Key]] = set()  # what failed without an error that could be measured
    probes = [judged for judged in cases if not {"documented", "corrected"} & set(judged[0].case.flags)]
    for loaded, dtype in probes:
        for mistake in (one for one in applicable(loaded.case) if dtype in one.dtypes):
            for rung in (name for name in mistake.rungs if name not in leave_out):
                for verdict in judge(loaded, Mistaken(mistake), dtype, updates=UPDATES, rungs=(rung,)):
                    which = mistake.slug, (verdict.rung, dtype)
                    if verdict.failed and verdict.at_least:
                        told.add(which)
                    elif _counts(verdict):
                        extreme = Extreme(verdict.ratio, mistake.slug, verdict.id)
                        by_mistake[which] = max(by_mistake.get(which, extreme), extreme, key=by_ratio)
    nearest: dict[Key, Extreme] = {}
    for (slug, key), extreme in by_mistake.items():
        if extreme.ratio > 1 or not (key[0] in MAY_HIDE or (slug, key) in told):
            nearest[key] = min(nearest.get(key, extreme), extreme, key=by_ratio)
    return nearest


def _counts(verdict: Verdict) -> bool:
    """Whether the verdict has an error below a limit, or beyond it; no mistake of the catalogue is in ∂L/∂x alone."""
    known = verdict.status in ("passed", "failed") and not verdict.at_least
    return known and verdict.rung != "input-gradient"
