"""The catalogue: what each mistake says of itself, that two can be made at once, and the matrix of what catches them."""

import mutants
import numpy as np
import pytest

from nn_conformance import judge_run
from nn_conformance.cases.store import Store
from nn_conformance.cases.text import network
from nn_conformance.explain import Budget
from nn_conformance.explain.texts import texts
from nn_conformance.judge.ladder import judge
from nn_conformance.oracles import reference
from nn_maintain import kills
from nn_maintain.mistakes import CATALOGUE, applicable
from nn_maintain.mistakes.mistaken import Mistaken

STORE = Store()
BY_SLUG = {mistake.slug: mistake for mistake in CATALOGUE}
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


@pytest.mark.parametrize(
    ("one", "other", "factor"), [("sum-for-mean", "mean-twice", 1), ("sign", "sign", 1), ("sum-for-mean", "sign", -7)]
)
def test_two_mistakes_are_made_together(one, other, factor):
    """Factors multiply: sum for mean and mean twice is the right network again."""
    loaded = STORE.case("mnist-relu/probe-rectangular")
    args = loaded.case.network, loaded.params, loaded.x, loaded.t
    both, plain = Mistaken(BY_SLUG[one], BY_SLUG[other]).evaluate(*args), reference.evaluate(*args)

    for name, g in ((name, plain.gradients[name]) for name in loaded.params):
        assert np.allclose(both.gradients[name], factor * g, rtol=1e-14, atol=0)  # two roundings


def test_adam_written_out_once_more_is_adam():
    """Without its alteration the second formula of Adam moves as the reference does, in either dialect."""
    from nn_conformance.cases.families import build_optimizer
    from nn_maintain.mistakes.wrong_updates import other_adam

    for case_id in ("iris-relu-adam/probe-rectangular", "mnist-dense-keras/probe-rectangular"):
        rule = build_optimizer(STORE.case(case_id).case.optimizer)
        moved = []
        for one in (rule, other_adam()(rule)):
            params = {"W1": np.array([1.0, -2.0, 3.0])}
            state = one.init(params)
            for k in range(3):
                one.step(params, {"W1": np.array([0.5, 1e-3, -0.25]) * (k + 1)}, state)
            moved.append(params["W1"])
        # A few roundings of the parameters.
        assert np.allclose(*moved, rtol=4 * 2**-53, atol=0)


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


# Mutants made of explain's own variants.

FEW, MANY, SEVERAL = 4, 120, 60


@pytest.fixture
def unhurried(monkeypatch):
    """The calls bound an explanation, and not the clock of a busy machine."""
    monkeypatch.setattr(judge_run, "BUDGET", Budget(150, 600.0))


def misses(cells):
    """Those that escape, and those of which no mistake is named."""
    return [(str(c.mutant.mistakes), c.verdict, c.said) for c in cells if c.verdict in ("escaped", "caught")]


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize("number", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
def test_drawn_mutants_are_caught_and_named(number):
    """At most 3 of 100 drawn mutants that change a number have no name and no other rule that makes every number."""
    cells = [mutants.cell(mutant) for mutant in mutants.drawn(number, seed=7)]
    assert not [cell for cell in cells if cell.verdict == "escaped"]
    assert len(misses(cells)) <= 0.03 * number


@pytest.mark.usefixtures("unhurried")
@pytest.mark.slow
def test_several_mistakes_together_are_named():
    """Every drawn pair and triple is caught, and of 100 mistakes in them 85 are named, as far as so many can tell."""
    cells = [mutants.cell(mutant) for count in (2, 3) for mutant in mutants.drawn(SEVERAL, count, seed=7)]
    wrong = [cell for cell in cells if cell.verdict not in ("equivalent", "impossible")]
    assert not [cell for cell in wrong if cell.verdict == "escaped"]
    mistakes = sum(len(cell.mutant.mistakes) for cell in wrong)
    chance = 2 * (0.85 * 0.15 / mistakes) ** 0.5  # two standard deviations of a share of 0.85
    assert sum(cell.named for cell in wrong) >= (0.85 - chance) * mistakes, misses(cells)


@pytest.mark.usefixtures("unhurried")
def test_a_mutant_that_changes_nothing_is_listed_as_equivalent():
    """A derivative that is the right one by another formula changes no number."""
    same = mutants.Mutant(network("3-4 tanh-2, squared-error"), (mutants.Mistake("derivative", 1, "", "1-a²"),))
    assert mutants.cell(same).verdict == "equivalent"
