"""The kill matrix: every mistake is caught on every network, and named; the committed one is what a run gives."""

import pytest

from nn_conformance.cases.store import Store
from nn_conformance.diagnosis import kills
from nn_conformance.mistakes import CATALOGUE

STORE = Store()
# Rows that a push runs anew; `nn-conformance kills --check` runs them all.
AGAIN = ("iris-sigmoid/documented",)


def test_committed_matrix_has_every_network_and_mistake():
    """A row for each network with probes of its own, and together every mistake of the catalogue."""
    matrix = kills.committed()

    assert list(matrix) == list(kills.networks(STORE))
    assert {slug for row in matrix.values() for slug in row} == {mistake.slug for mistake in CATALOGUE}


def test_every_mistake_is_caught_and_named():
    """Every cell is caught by some probe; the right name is among those of its numbers in at least 95 of 100."""
    found = kills.summary(kills.committed())

    assert found["caught"] == found["cells"] > 1000
    assert found["named"] >= 0.95 * found["cells"]
    # A class tells less than a name: they must stay the exception.
    assert found["alone"] >= 0.9 * found["cells"]


@pytest.mark.slow
def test_pairs_are_made_named_and_counted(command):
    """Of a few pairs, the same ones each time, each is caught and the first name has one of the two."""
    drawn, of = kills.drawn_pairs(STORE, 3)
    assert (drawn, of) == kills.drawn_pairs(STORE, 3)
    done = command("kills", "--pairs", "3")
    assert done.code == 0
    assert done.out.endswith(f"3 of {of} pairs: 3 caught; of 3 the first name has one of the two\n")


@pytest.mark.slow
@pytest.mark.parametrize("system", AGAIN)
def test_committed_row_is_what_a_run_gives(system):
    """Caught on as many probes, with the same names."""
    assert kills.kills(kills.networks(STORE)[system]) == kills.committed()[system]
