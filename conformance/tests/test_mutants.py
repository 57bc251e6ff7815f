"""Mutants made of explain's own variants are caught and named."""

import mutants
import pytest

from nn_conformance import judge_run
from nn_conformance.cases.text import network
from nn_conformance.explain import Budget

FEW, MANY, SEVERAL = 4, 120, 60


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    """The calls bound an explanation, and not the clock of a busy machine."""
    monkeypatch.setattr(judge_run, "BUDGET", Budget(150, 600.0))


def misses(cells):
    """Those that escape, and those of which no mistake is named."""
    return [(str(c.mutant.mistakes), c.verdict, c.said) for c in cells if c.verdict in ("escaped", "caught")]


@pytest.mark.parametrize("number", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
def test_drawn_mutants_are_caught_and_named(number):
    """At most 3 of 100 drawn mutants that change a number have no name and no other rule that makes every number."""
    cells = [mutants.cell(mutant) for mutant in mutants.drawn(number, seed=7)]
    assert not [cell for cell in cells if cell.verdict == "escaped"]
    assert len(misses(cells)) <= 0.03 * number


@pytest.mark.slow
def test_several_mistakes_together_are_named():
    """Every drawn pair and triple is caught, and of 100 mistakes in them 85 are named, as far as so many can tell."""
    cells = [mutants.cell(mutant) for count in (2, 3) for mutant in mutants.drawn(SEVERAL, count, seed=7)]
    wrong = [cell for cell in cells if cell.verdict not in ("equivalent", "impossible")]
    assert not [cell for cell in wrong if cell.verdict == "escaped"]
    mistakes = sum(len(cell.mutant.mistakes) for cell in wrong)
    chance = 2 * (0.85 * 0.15 / mistakes) ** 0.5  # two standard deviations of a share of 0.85
    assert sum(cell.named for cell in wrong) >= (0.85 - chance) * mistakes, misses(cells)


def test_a_mutant_that_changes_nothing_is_listed_as_equivalent():
    """A derivative that is the right one by another formula changes no number."""
    same = mutants.Mutant(network("3-4 tanh-2, squared-error"), (mutants.Mistake("derivative", 1, "", "1-a²"),))
    assert mutants.cell(same).verdict == "equivalent"
