"""The catalogue: what each mistake says of itself, that two can be made at once, and the matrix of what catches them."""

import numpy as np
import pytest

from nn_conformance.cases.store import Store
from nn_conformance.explain.texts import texts
from nn_conformance.judge.ladder import judge
from nn_conformance.oracles import reference
from nn_maintain import kills
from nn_maintain.mistakes import CATALOGUE, applicable
from nn_maintain.mistakes.mistaken import Mistaken

STORE = Store()
# A row that --slow runs anew; `python -m nn_maintain kills --check` runs them all.
AGAIN = "iris-sigmoid/documented"


def test_every_mistake_has_its_words():
    """Each mistake of the catalogue has a text, and no field of any text is empty."""
    planted = [mistake.slug for mistake in CATALOGUE]
    assert set(planted) <= set(texts())
    for text in texts().values():
        assert all([text.what, text.formula, text.cause, text.mend])
        assert "\n" not in text.what


def test_without_a_mistake_the_target_is_the_reference():
    """No mistakes at all give the reference's loss, gradients, layers, updates and pruning, to the bit."""
    for case_id in ("mnist-relu/probe-square", "homework/probe-rectangular", "fashion-pruning/probe-pruned"):
        loaded = STORE.case(case_id)
        network, params = loaded.case.network, loaded.params
        mine, other = (one.evaluate(network, params, loaded.x, loaded.t) for one in (Mistaken(), reference))

        assert mine.loss == other.loss
        assert all(np.array_equal(g, other.gradients[name]) for name, g in mine.gradients.items())
        assert all(np.array_equal(a.a, b.a) for a, b in zip(mine.layers, other.layers, strict=True))
        assert not [v for v in judge(loaded, Mistaken(), "float64", updates=3) if v.status == "failed"]


def test_applicable_asks_network_and_optimiser():
    """A tanh network trained by SGD can have no mistake of ReLU, of Adam or of pruning."""
    slugs = {mistake.slug for mistake in applicable(STORE.case("mnist-tanh/probe-one").case)}

    assert "tanh-first-power" in slugs
    assert not slugs & {"relu-leaky", "betas-swapped", "ties-pruned", "pairs-broadcast", "softmax-twice"}


def test_explain_prints_one_lists_all_and_suggests(command):
    """One mistake in four lines; without a name all in their groups, with a word those that have it; else the nearest, code 2."""
    one, everything, wrong = command("explain", "sum-for-mean"), command("explain"), command("explain", "sum-for-maen")
    names = [line.split()[0] for line in everything.out.splitlines() if line.startswith(" ")]
    word = [line.split()[0] for line in command("explain", "tanh").out.splitlines() if line.startswith(" ")]

    assert one.code == everything.code == 0
    assert len(one.out.splitlines()) == 4
    assert texts()["sum-for-mean"].mend in one.out
    assert names == list(texts())
    assert "pruning:" in everything.out.splitlines()
    assert word == [name for name, text in texts().items() if "tanh" in f"{name} {text.what}".lower()]
    assert "did you mean 'sum-for-mean'" in wrong.complaint
    assert command("explain", "sign", "--json").json["sign"]["formula"] == "g = -r"


def test_committed_matrix_has_every_network_and_mistake():
    """A row for each network with probes of its own, and together every mistake of the catalogue but those of pruning."""
    matrix = kills.committed()

    assert list(matrix) == list(kills.networks(STORE))
    explained = {mistake.slug for mistake in CATALOGUE if mistake.kind in kills.EXPLAINED}
    assert {slug for row in matrix.values() for slug in row} == explained


@pytest.mark.slow
def test_committed_row_is_what_a_run_gives():
    """Each mistake is caught on as many probes, and its name is among those that it gets."""
    cases, stored = kills.networks(STORE)[AGAIN], kills.committed()[AGAIN]
    cells = {mistake.slug: kills.cell(cases, mistake) for mistake in kills.possible(cases)}
    assert {slug: cell.caught for slug, cell in cells.items()} == {s: c.caught for s, c in stored.items()}
    assert [slug for slug, cell in cells.items() if slug not in cell.named] == []
