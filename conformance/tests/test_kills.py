"""The kill matrix: every mistake is caught on every network, and named; the committed one is what a run gives."""

import pytest

from nn_conformance.cases.store import Store
from nn_maintain import kills
from nn_maintain.mistakes import CATALOGUE

STORE = Store()
# A row that --slow runs anew; `python -m nn_maintain kills --check` runs them all.
AGAIN = "iris-sigmoid/documented"


def test_committed_matrix_has_every_network_and_mistake():
    """A row for each network with probes of its own, and together every mistake of the catalogue but those of pruning."""
    matrix = kills.committed()

    assert list(matrix) == list(kills.networks(STORE))
    explained = {mistake.slug for mistake in CATALOGUE if mistake.kind in kills.EXPLAINED}
    assert {slug for row in matrix.values() for slug in row} == explained


def test_every_mistake_is_caught_and_named():
    """Every cell is caught by some probe, and at least 97 of 100 are named by their mistake."""
    counts = kills.summary(kills.committed())

    assert counts["caught"] == counts["cells"] > 900
    assert counts["named"] >= 0.97 * counts["cells"]


@pytest.mark.slow
def test_committed_row_is_what_a_run_gives():
    """Each mistake is caught on as many probes, and its name is among those that it gets."""
    cases, stored = kills.networks(STORE)[AGAIN], kills.committed()[AGAIN]
    cells = {mistake.slug: kills.cell(cases, mistake) for mistake in kills.possible(cases)}
    assert {slug: cell.caught for slug, cell in cells.items()} == {s: c.caught for s, c in stored.items()}
    assert [slug for slug, cell in cells.items() if slug not in cell.named] == []
