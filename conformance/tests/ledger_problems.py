"""Ledgers made up for the tests of what is read from them: runs whose figures lie as a test wants them."""

import re

import numpy as np

from nn_conformance.cases.encoding import number
from nn_conformance.replay.ledger import Ledger, Run, read
from nn_conformance.replay.task import whole_epochs
from nn_maintain.truth.evidence import Evidence
from nn_maintain.truth.placement import SEEDS
from nn_maintain.truth.rulings import VERDICTS, Judge
from nn_reference.fixture_files import fixtures_root
from nn_reference.systems import get

# What no verdict may say.
VAGUE = re.compile(r"approximat|approx\.|\babout\b|roughly|\bcirca\b|\bnearly\b|\balmost\b|[≈~]", re.IGNORECASE)


def read_all(folder=None):
    """Every ledger by its file's name; those that ship, or those in `folder`."""
    folder = folder or fixtures_root() / "replays"
    # Three names before the suffix, or four: neither a schema nor another record.
    return {path.name: read(path) for path in sorted(folder.glob("*.*.*.json"))}


def run_like(system, seed, change=lambda value, _: value, *, first=4.0, **fields):
    """A run whose figures are the printed ones, each changed by `change(value, quantity and epoch)`."""
    epochs = sorted({f.epoch for f in system.figures if f.epoch is not None}) or [1]
    columns, final = {}, {}
    for figure in system.figures:
        text = figure.printed.replace(",", "")
        quantity = figure.quantity.removesuffix("_percent").replace("stated_accuracy", "test_accuracy")
        if (
            not re.fullmatch(r"-?[\d.]+", text)
            or quantity.startswith(("stated", "hint", "inputs"))
            or "image" in quantity
        ):
            continue
        value = float(text) / (100 if figure.quantity.endswith("_percent") else 1)
        if figure.epoch is None or quantity.endswith(("_pruned", "_fine_tuned")):
            final[quantity] = number(change(value, (quantity, figure.epoch)))
        else:
            columns.setdefault(quantity, {}).setdefault(figure.epoch, value)
    steps = next((f.printed for f in system.figures if f.quantity == "steps of an epoch"), 1)
    rows = {q: [number(change(c.get(e, 0.5), (q, e))) for e in epochs] for q, c in columns.items()}
    return Run(
        **{
            "seed": seed, "start": "made up", "order": "file order", "versions": {"python": "3", "numpy": "2"},
            "epochs": whole_epochs(system), "steps": whole_epochs(system) * int(steps), "seconds": 1.0, "first_losses": [first, 2.0],
            "rows": {"epoch": epochs, **rows} if rows else {}, "final": final, "weights": "0" * 64,
            "predictions": [0] * 50, **fields,
        }
    )  # fmt: skip


def noise(rng, scale=0.01):
    return lambda value, _: value * (1 + scale * rng.standard_normal())


def evidence(*runs):
    """Evidence of (system, framework, its runs)."""
    return Evidence(
        {(s.id, framework): Ledger(1, s.id, framework, s.precision, list(found)) for s, framework, found in runs}
    )


def seeds(system, change, count=SEEDS, **fields):
    return [run_like(system, seed, change, **fields) for seed in range(count)]


def scattered(system, seed, scale=0.01, count=SEEDS):
    """Runs from so many seeds, whose figures scatter around the printed ones."""
    return seeds(system, noise(np.random.default_rng(seed), scale), count)


def rulings(found, name, quantity=""):
    """By figure, of those of a network whose quantity begins so."""
    judge, system = Judge(found), get(name)
    return {figure: judge.ruling(system, figure) for figure in system.figures if figure.quantity.startswith(quantity)}


def check_each(rows):
    """Each row has one verdict of the closed set, a reason that is not vague, and a command that checks it."""
    for row in rows:
        verdict, reason, check = row.ruling
        assert verdict in VERDICTS
        assert reason
        assert not VAGUE.search(reason)
        assert check.startswith(("nn-conformance ", "python -m nn_maintain ")) == (verdict != "not judged")
