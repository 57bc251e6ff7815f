"""The kill matrix: every mistake on every network that it can be made in is caught, and named."""

import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from importlib.resources import files
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

import numpy as np

from nn_conformance.cases.store import LoadedCase, Store
from nn_conformance.diagnosis.matching import Match, Matcher, Seen, look, narrow
from nn_conformance.diagnosis.observation import Bench
from nn_conformance.judge.climb import Climb
from nn_conformance.judge.ladder import judge_climb
from nn_conformance.mistakes import CATALOGUE, Mistake, applicable
from nn_conformance.mistakes.mistaken import Mistaken
from nn_conformance.mistakes.subjects import subject

# What shows a mistake without many calls; `own-loss` and `metamorphic` have tests of their own.
QUICK = ("contract", "layer", "loss", "accuracy", "gradient", "second-call", "step", "pruning", "trajectory")
UPDATES = 5  # of a free run
# By network and mistake: on how many probes it is caught, and all names that its numbers have.
Cell: TypeAlias = dict[str, Any]
# A network and two mistakes.
Pair: TypeAlias = tuple[str, str, str]
Matrix: TypeAlias = dict[str, dict[str, Cell]]


def networks(store: Store) -> dict[str, list[LoadedCase]]:
    """Probes by the first system that has them: systems that share them all are one row."""
    rows: dict[tuple[str, ...], str] = {}
    for system in store.index.systems:
        rows.setdefault(tuple(sorted(i for i in store.of_system(system) if "probe-" in i)), system)
    return {system: [store.case(case_id) for case_id in ids] for ids, system in rows.items()}


def kill_matrix(
    store: Store, systems: Iterable[str] | None = None, done: Callable[[str], None] = lambda _: None
) -> Matrix:
    """A row for each network (of `systems` only, if given), a cell for each mistake that it can have; on all cores."""
    rows = [system for system in networks(store) if systems is None or system in systems]
    found: Matrix = {}
    with ProcessPoolExecutor() as pool:
        for system, row in zip(rows, pool.map(_row, [store.root] * len(rows), rows), strict=True):
            found[system] = row
            done(system)
    return found


def _row(root: Path, system: str) -> dict[str, Cell]:
    return kills(networks(Store(root))[system])


def kills(cases: Sequence[LoadedCase]) -> dict[str, Cell]:
    """One row: by mistake on how many probes it is caught, and what it is called."""
    benches = [Bench(loaded, "float64") for loaded in cases]
    with np.errstate(all="ignore"):
        return {mistake.slug: _cell(benches, mistake) for mistake in _possible(cases)}


def _cell(benches: Sequence[Bench], *mistakes: Mistake) -> Cell:
    climbs = [_climb(bench, mistakes) for bench in benches]
    caught = sum(any(verdict.failed for verdict in judge_climb(climb, QUICK)) for climb in climbs)
    with np.errstate(all="ignore"):
        matches = named(look((bench, bench.look(climb)) for bench, climb in zip(benches, climbs, strict=True)))
    return {
        "caught": caught,
        "of": len(benches),
        "named": ["+".join(m.slug for m in match.mistakes) for match in matches],
    }


def named(seen: Sequence[Seen]) -> list[Match]:
    """What it is called, by its numbers alone."""
    if not any(one.wrong for one in seen):
        return []
    single = narrow(seen)
    return [single] if single else Matcher(seen).find()


def _climb(bench: Bench, mistakes: Sequence[Mistake]) -> Climb:
    """The case with the mistakes that can be made in it."""
    about = subject(bench.case)
    target = Mistaken(*(mistake for mistake in mistakes if mistake.applies(about)))
    return Climb(bench.loaded, target, "float64", UPDATES, trusted=True)


def drawn_pairs(store: Store, count: int) -> tuple[list[Pair], int]:
    """So many of all pairs on all networks, the same ones each time, and how many there are of these."""
    every = [
        (system, one.slug, other.slug)
        for system, cases in networks(store).items()
        for one, other in combinations(_possible(cases), 2)
    ]
    return sorted(Random(0).sample(every, min(count, len(every)))), len(every)


def pair_cells(store: Store, pairs: Sequence[Pair], done: Callable[[str], None] = lambda _: None) -> dict[Pair, Cell]:
    """The cells of two mistakes made together; on all cores."""
    found: dict[Pair, Cell] = {}
    with ProcessPoolExecutor() as pool:
        for pair, cell in zip(pairs, pool.map(_pair, [store.root] * len(pairs), pairs), strict=True):
            found[pair] = cell
            done(pair[0])
    return found


def names_one(pair: Pair, cell: Cell) -> bool:
    """Whether the first name of a pair's numbers has one of the two."""
    return bool(cell["named"]) and bool({*pair[1:]} & {*cell["named"][0].split("+")})


def _pair(root: Path, pair: Pair) -> Cell:
    system, *slugs = pair
    mistakes = [next(mistake for mistake in CATALOGUE if mistake.slug == slug) for slug in slugs]
    with np.errstate(all="ignore"):
        return _cell(_benches(root, system), *mistakes)


@lru_cache(maxsize=1)  # pairs come by system
def _benches(root: Path, system: str) -> list[Bench]:
    return [Bench(loaded, "float64") for loaded in networks(Store(root))[system]]


def _possible(cases: Sequence[LoadedCase]) -> list[Mistake]:
    return [m for m in CATALOGUE if any(m in applicable(loaded.case) for loaded in cases)]


def summary(matrix: Matrix) -> dict[str, int]:
    """Cells, those that are caught, those that are named, and those that have a name of their own."""
    cells = [(slug, cell) for row in matrix.values() for slug, cell in row.items()]
    return {
        "cells": len(cells),
        "caught": sum(cell["caught"] > 0 for _, cell in cells),
        "named": sum(slug in cell["named"] for slug, cell in cells),
        "alone": sum(cell["named"] == [slug] for slug, cell in cells),
    }


def committed() -> Matrix:
    """The matrix that ships."""
    matrix: Matrix = json.loads(files("nn_conformance").joinpath("kills.json").read_text("utf-8"))
    return matrix


def write(matrix: Matrix, path: Path) -> None:
    """One line for each cell."""
    rows = []
    for system, row in matrix.items():
        cells = ",\n".join(f"  {json.dumps(slug)}: {json.dumps(cell)}" for slug, cell in row.items())
        rows.append(f"{json.dumps(system)}: {{\n{cells}\n}}")
    path.write_text("{\n" + ",\n".join(rows) + "\n}\n", "utf-8")
