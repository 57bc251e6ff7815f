"""The kill matrix: every mistake, on every network that it can be made in, is caught by the ladder and named by `explain`.

It shows that the mechanism works, and not that it names what people do: the blind set measures that.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeAlias

from nn_conformance.cases.store import LoadedCase, Store
from nn_conformance.explain import Budget, explain
from nn_conformance.judge.climb import Climb
from nn_conformance.judge.ladder import judge_climb
from nn_maintain.mistakes import CATALOGUE, Mistake, applicable
from nn_maintain.mistakes.mistaken import Mistaken
from nn_maintain.mistakes.subjects import subject

# What shows a mistake without many calls; `own-loss` and `metamorphic` have tests of their own.
QUICK = ("contract", "layer", "loss", "accuracy", "gradient", "second-call", "step", "pruning", "trajectory")
UPDATES = 5  # of a free run
# The calls bound an explanation; the time only what would take for ever on a busy machine.
BUDGET = Budget(exchanges=150, seconds=60.0)
# Pruning is no rule of backpropagation or of an optimiser: it is caught, and not explained.
EXPLAINED = ("evaluation", "loss", "forward", "memory", "arguments", "update")
Cell: TypeAlias = dict[str, Any]  # on how many probes a mistake is caught, of how many, and the names that it gets
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


def kill_matrix(
    store: Store, systems: Iterable[str] | None = None, done: Callable[[str], None] = lambda _: None
) -> Matrix:
    """A row for each network (of `systems` only, if given), a cell for each mistake that it can have; on all cores."""
    rows = [system for system in networks(store) if systems is None or system in systems]
    matrix: Matrix = {}
    with ProcessPoolExecutor() as pool:
        for system, row in zip(rows, pool.map(_row, [store.root] * len(rows), rows), strict=True):
            matrix[system] = row
            done(system)
    return matrix


def _row(root: Path, system: str) -> dict[str, Cell]:
    cases = networks(Store(root))[system]
    return {mistake.slug: cell(cases, mistake) for mistake in possible(cases)}


def cell(cases: Sequence[LoadedCase], mistake: Mistake) -> Cell:
    """On how many probes a mistake is caught, and what it is called."""
    climbs = [Climb(loaded, _made(loaded, mistake), "float64", UPDATES, trusted=True) for loaded in cases]
    caught = sum(any(verdict.failed for verdict in judge_climb(climb, QUICK)) for climb in climbs)
    return {"caught": caught, "of": len(climbs), "named": sorted(named(cases, mistake))}


def named(cases: Sequence[LoadedCase], mistake: Mistake) -> set[str]:
    """The names that `explain` gives it, from calls of its own choice alone."""
    case = next(loaded.case for loaded in cases if mistake in applicable(loaded.case))
    optimizer = case.optimizer if mistake.kind == "update" or mistake.training else None
    explanation = explain(Mistaken(mistake), case.network, optimizer, budget=BUDGET, fresh=lambda: Mistaken(mistake))
    return explanation.slugs


def _made(loaded: LoadedCase, mistake: Mistake) -> Mistaken:
    """The reference with the mistake, where the case can have it."""
    return Mistaken(*([mistake] if mistake.applies(subject(loaded.case)) else []))


def summary(matrix: Matrix) -> dict[str, int]:
    """Cells, those that are caught, and those whose names have the mistake's."""
    cells = [(slug, cell) for row in matrix.values() for slug, cell in row.items()]
    return {
        "cells": len(cells),
        "caught": sum(cell["caught"] > 0 for _, cell in cells),
        "named": sum(slug in cell["named"] for slug, cell in cells),
    }


def committed() -> Matrix:
    """The matrix as it was measured last."""
    matrix: Matrix = json.loads(files("nn_maintain").joinpath("kills.json").read_text("utf-8"))
    return matrix


def write(matrix: Matrix, path: Path) -> None:
    """One line for each cell."""
    rows = []
    for system, row in matrix.items():
        cells = ",\n".join(f"  {json.dumps(slug)}: {json.dumps(cell)}" for slug, cell in row.items())
        rows.append(f"{json.dumps(system)}: {{\n{cells}\n}}")
    path.write_text("{\n" + ",\n".join(rows) + "\n}\n", "utf-8")
