"""The kill matrix: every mistake, on every network that it can be made in, is caught by the ladder and named by `explain`.

It shows that the mechanism works, and not that it names what people do: the blind set measures that.
"""

from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

from nn_conformance.cases.format import Record
from nn_conformance.cases.store import LoadedCase, Store
from nn_conformance.explain import Budget, explain
from nn_conformance.judge.climb import Climb
from nn_conformance.judge.ladder import judge_climb
from nn_maintain import measured
from nn_maintain.mistakes import CATALOGUE, Mistake, applicable
from nn_maintain.mistakes.mistaken import Mistaken

# What shows a mistake without many calls; `own-loss` and `metamorphic` have tests of their own.
QUICK = ("contract", "layer", "loss", "accuracy", "gradient", "second-call", "step", "pruning", "trajectory")
UPDATES = 5  # of a free run
# The calls bound an explanation; the time only what would take for ever on a busy machine.
BUDGET = Budget(exchanges=150, seconds=60.0)
# Pruning is no rule of backpropagation or of an optimiser: it is caught, and not explained.
EXPLAINED = ("evaluation", "loss", "forward", "memory", "arguments", "update")


class Cell(Record, frozen=True):
    """On how many probes a mistake is caught, of how many, and the names that it gets."""

    caught: int
    of: int
    named: list[str]


Matrix: TypeAlias = dict[str, dict[str, Cell]]


def networks(store: Store) -> dict[str, list[LoadedCase]]:
    """Probes by the first system that has them: systems that share them all are one row."""
    rows: dict[tuple[str, ...], str] = {}
    for system in store.index.systems:
        rows.setdefault(tuple(sorted(i for i in store.of_system(system) if "probe-" in i)), system)
    return {system: [store.case(case_id) for case_id in ids] for ids, system in rows.items()}


def possible(cases: Sequence[LoadedCase]) -> list[Mistake]:
    """The mistakes that can be made in one of the cases, in float64."""
    kinds = {mistake.slug for loaded in cases for mistake in applicable(loaded.case)}
    return [m for m in CATALOGUE if m.slug in kinds and m.kind in EXPLAINED and "float64" in m.dtypes]


def kill_matrix(store: Store, systems: Collection[str] = ()) -> Matrix:
    """A row for each network (of `systems` only, if given), a cell for each mistake that it can have."""
    rows = [system for system in networks(store) if system in systems or not systems]
    return dict(zip(rows, measured.side_by_side("killing", partial(_row, store.root), rows), strict=True))


def _row(root: Path, system: str) -> dict[str, Cell]:
    cases = networks(Store(root))[system]
    return {mistake.slug: cell(cases, mistake) for mistake in possible(cases)}


def cell(cases: Sequence[LoadedCase], mistake: Mistake) -> Cell:
    """On how many probes a mistake is caught, and what it is called."""
    made = [Mistaken(*(m for m in applicable(loaded.case) if m is mistake)) for loaded in cases]
    climbs = [Climb(*pair, "float64", UPDATES, trusted=True) for pair in zip(cases, made, strict=True)]
    caught = sum(any(verdict.failed for verdict in judge_climb(climb, QUICK)) for climb in climbs)
    return Cell(caught, len(climbs), sorted(named(cases, mistake)))


def named(cases: Sequence[LoadedCase], mistake: Mistake) -> set[str]:
    """The names that `explain` gives it, from calls of its own choice alone."""
    case = next(loaded.case for loaded in cases if mistake in applicable(loaded.case))
    optimizer = case.optimizer if mistake.kind == "update" or mistake.training else None
    explanation = explain(Mistaken(mistake), case.network, optimizer, budget=BUDGET, fresh=lambda: Mistaken(mistake))
    return explanation.slugs


def summary(matrix: Matrix) -> dict[str, int]:
    """Cells, those that are caught, and those whose names have the mistake's."""
    cells = [(slug, cell) for row in matrix.values() for slug, cell in row.items()]
    return {
        "cells": len(cells),
        "caught": sum(cell.caught > 0 for _, cell in cells),
        "named": sum(slug in cell.named for slug, cell in cells),
    }


def committed() -> Matrix:
    """The matrix as it was measured last."""
    return measured.committed("kills", Matrix)
