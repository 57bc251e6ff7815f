"""The table of truth: every printed figure has one row and one verdict, and the statistic behind it keeps its level."""

import re
from dataclasses import replace

import numpy as np
import pytest
from ledger_problems import VAGUE, evidence, noise, run_like, seeds, verdicts

from nn_conformance.replay import copies
from nn_conformance.replay.chaos import Chaos, Ensemble, Exact, Plain, Spread
from nn_conformance.replay.evidence import Evidence, load
from nn_conformance.replay.ledger import Agreement
from nn_conformance.replay.placement import SEEDS
from nn_conformance.replay.reconstruction import Reconstruction, Reconstructions, Solution
from nn_conformance.replay.rulings import VERDICTS, Judge
from nn_conformance.replay.run import own_seed
from nn_conformance.replay.sides import side
from nn_conformance.replay.truth import counts, table
from nn_reference.systems import NAMES, get
from nn_reference.systems.base import curve

COMMITTED = load()


# The rows.


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_has_one_row_and_a_verdict(name):
    """With the committed ledgers and without any: one row for each figure, in order, with a verdict of the closed set."""
    system = get(name)
    for found in (COMMITTED, evidence()):
        rows = table(system, found)
        assert [row.figure for row in rows] == list(system.figures)
        for row in rows:
            assert row.ruling.verdict in VERDICTS
            assert row.ruling.reason
            assert not VAGUE.search(row.ruling.reason)
        assert sum(counts(rows).values()) == len(rows)


@pytest.mark.parametrize("name", NAMES)
def test_what_was_not_run_is_no_pass(name):
    """Without ledgers no figure has a number of ours; each is `not run`, a time, or follows from other printed ones."""
    for row in table(get(name), evidence()):
        derived = row.figure.quantity.startswith("stated_mean")
        expected = "exact" if derived else "not judged" if row.figure.quantity.endswith("seconds") else "open"
        assert row.ruling.verdict == expected
        assert (row.ours, row.place, row.spread) == ({}, "", "")


@pytest.mark.parametrize("name", ["iris-sigmoid", "fashion-pruning", "mnist-sigmoid-numpy", "mnist-tanh", "mnist-relu"])
def test_too_few_seeds_judge_nothing(name):
    """One seed less than twenty leaves every figure of the training `not run`, and says how many there are."""
    system = get(name)
    runs = seeds(system, noise(np.random.default_rng(0)), SEEDS - 2)
    runs.append(run_like(system, own_seed(system) or SEEDS, noise(np.random.default_rng(1))))
    if own_seed(system) == 0:
        runs = runs[: SEEDS - 1]
    for row in table(system, evidence((system, "numpy", runs))):
        if row.ruling.verdict not in {"not judged", "exact"}:
            assert row.ruling[:2] == ("open", f"{SEEDS - 1} of {SEEDS} seeds so far")


@pytest.mark.parametrize("name", ["mnist-dense-keras", "mnist-tanh", "mnist-relu", "mnist-sigmoid-torch", "xor-tanh"])
def test_a_curve_among_its_seeds_is_inside(name):
    """Seeds that scatter around the printed figures hold them: every figure of the run is inside, with its level."""
    system = get(name)
    judge = Judge(system, evidence((system, "numpy", seeds(system, noise(np.random.default_rng(6))))))
    assert judge.curve.verdict == "inside"
    assert re.search(rf"among {SEEDS} seeds: level 0\.\d{{3}}|level 1\.000", judge.curve.reason)


@pytest.mark.parametrize("name", ["mnist-dense-keras", "mnist-tanh", "mnist-relu", "xor-sigmoid"])
def test_a_single_figure_far_off_puts_the_whole_run_outside(name):
    """One epoch of one quantity off by a hundred deviations: all figures of the run are outside, and the place is told."""
    system = get(name)
    off = Judge(system, evidence()).of_the_run[3]

    def change(value, place, rng=np.random.default_rng(7)):  # noqa: B008 - one generator for all runs
        return value * (1 + 0.01 * rng.standard_normal()) + (place == (off.quantity, off.epoch)) * value

    rows = table(system, evidence((system, "numpy", seeds(system, change))))
    of_the_run = [row for row in rows if row.figure in Judge(system, evidence()).of_the_run]
    assert {row.ruling.verdict for row in of_the_run} == {"outside"}
    assert f"{off.quantity.replace('_', ' ')}, epoch {off.epoch}" in of_the_run[0].ruling.reason
    assert f"level {1 / (SEEDS + 1):.3f}" in of_the_run[0].ruling.reason


@pytest.mark.parametrize(("scale", "verb"), [(1.0, "hold it"), (2.0, "do not hold it either")])
def test_what_is_outside_is_looked_for_in_the_corrected_version(scale, verb):
    """A run outside the documented version's seeds is placed among the corrected version's, and that is told."""
    system, mended = get("mnist-dense-keras"), get("mnist-dense-keras", "corrected")
    rng = np.random.default_rng(8)
    found = evidence(
        (system, "numpy", seeds(system, lambda value, _: 3 * value * (1 + 0.01 * rng.standard_normal()))),
        (mended, "numpy", seeds(mended, lambda value, _: scale * value * (1 + 0.01 * rng.standard_normal()))),
    )
    ruling = Judge(system, found).curve
    assert ruling.verdict == "outside"
    assert f"corrected version {verb}, level" in ruling.reason


def test_the_documents_own_seed_is_exact_only_with_all_its_figures():
    """From a seed that the document set, all printed digits make the run exact; three of four do not."""
    system = get("fashion-pruning")
    runs = seeds(system, noise(np.random.default_rng(9)))
    right = run_like(system, own_seed(system))
    wrong = run_like(system, own_seed(system), lambda v, at: v + 0.001 * (at[0] == "accuracy_difference_fine_tuned"))
    assert set(verdicts(system, evidence((system, "numpy", [*runs, right]))).values()) == {"exact"}
    assert "exact" not in verdicts(system, evidence((system, "numpy", [*runs, wrong]))).values()


def test_our_run_from_the_documents_seed_is_no_independent_one():
    """It is not counted among the seeds that the document's run is compared with."""
    system = get("iris-sigmoid")
    runs = [
        run_like(system, seed, noise(np.random.default_rng(seed), 0.2)) for seed in (*range(SEEDS), own_seed(system))
    ]
    assert f"among {SEEDS} seeds" in Judge(system, evidence((system, "numpy", runs))).curve.reason


def test_proven_chaos_is_not_reproducible_even_where_the_digits_come_out():
    """With the exact run recorded, a printed figure of chaos is no system's property; without it, the seeds judge."""
    system = get("iris-sigmoid")
    runs = [*seeds(system, noise(np.random.default_rng(13), 0.2)), run_like(system, own_seed(system))]
    ledgers = evidence((system, "numpy", runs)).ledgers
    exact = Exact(100, [9.0, 7.0], [0.3, 0.9], [-100.0, -80.0])
    spread = Spread([0.0, 0.0], [0.5, 0.5], [1.0, 1.0])
    record = Chaos(
        1, system.id, {}, 30, [0, 20], exact, Plain(100, 10, 3.7, 370),
        {"float64": Ensemble(spread, spread, [61, 58, 60], [9, 29, 9])},
    )  # fmt: skip
    ruling = Judge(system, Evidence(ledgers, record)).curve
    assert ruling.verdict == "not reproducible"
    assert "the run ends at 0.9000; 3 runs in float64" in ruling.reason
    assert "after 58 to 61 epochs and end at 2 accuracies from 0.3000 to 0.9667" in ruling.reason
    assert Judge(system, Evidence(ledgers)).curve.verdict == "exact"
    other = get("mnist-tanh")
    book = evidence((other, "numpy", seeds(other, noise(np.random.default_rng(14))))).ledgers
    assert Judge(other, Evidence(book, record)).curve.verdict == "inside"


def test_a_reconstructed_start_must_print_every_figure():
    """Weights whose run prints all figures make the curve reconstructed; weights that miss a digit do not."""
    start = np.random.default_rng(15).uniform(-0.5, 0.5, 13).tolist()
    system = get("xor-tanh")
    found, _ = copies.run(system, copies.shaped(system, np.array(start)), 32)
    printed = " ".join(f"{error:.6f}" for error in found)
    system = replace(system, figures=curve("training_loss", printed))
    runs = seeds(system, noise(np.random.default_rng(16)))
    for weights, verdict in ((start, "reconstructed"), ([start[0] + 1e-3, *start[1:]], "inside")):
        solution = Solution(weights, 0.25, 0.1, [0.0, 1.0, 1.0, 0.0])
        record = Reconstruction("x", 32, 0, 10, 6, 1, [1.0], 9, 7, {}, [solution])
        records = Reconstructions(1, {}, {system.id: record})
        ledgers = evidence((system, "numpy", runs)).ledgers
        ruling = Judge(system, Evidence(ledgers, reconstructed=records)).curve
        assert ruling.verdict == verdict
        assert ("one of 7 that were found" in ruling.reason) == (verdict == "reconstructed")
        assert ("they determine 9 of 13 directions" in ruling.reason) == (verdict == "reconstructed")


def test_five_stated_runs_are_judged_together():
    """Five accuracies of five runs have one level; the mean that is printed of them is arithmetic."""
    system = get("mnist-tanh")
    book = evidence((system, "numpy", seeds(system, noise(np.random.default_rng(10), 0.02))))
    found = table(system, book)
    stated = [row.ruling for row in found if row.figure.quantity == "stated_accuracy_percent"]
    mean = next(row for row in found if row.figure.quantity == "stated_mean_accuracy_percent")
    assert len(stated) == 5
    assert len(set(stated)) == 1
    assert stated[0].verdict == "inside"
    assert stated[0].reason.startswith("the 5 figures among")
    assert Judge(system, book).curve.reason.startswith("the curve of 34 figures among")
    assert mean.ruling[:2] == ("exact", "arithmetic: the mean of the printed ones is 92.088")


def test_nan_absorbs_what_the_text_tells():
    """Where every seed ends in NaN, 9.80 is exact and inside 5-10, and no run can reach 0, 22 or 94.5."""
    system = get("mnist-sigmoid-numpy")
    runs = [run_like(system, seed, nan_from=seed + 4) for seed in range(SEEDS)]
    found = {f.printed: verdict for f, verdict in verdicts(system, evidence((system, "numpy", runs))).items()}
    assert (found["9.80"], found["5-10"]) == ("exact", "inside")
    assert {found[text] for text in ("0", "22", "94.5")} == {"not reproducible"}
    assert "after 4 to 23 updates" in Judge(system, evidence((system, "numpy", runs))).absorbed


def test_predictions_are_placed_like_any_figure():
    """Classes that all seeds predict are exact; else they have a level: outside is only what no chance explains."""
    system = get("mnist-dense-keras")
    printed = {f.quantity: f.printed.split() for f in system.figures if f.quantity.startswith("predictions")}
    right = [0] * 15 + [
        int(k) for k in (*printed["predictions of test images 15-19"], *printed["predictions of test images 20-49"])
    ]
    wrong = [*right[:-1], 0]
    own = [[*right[:20], *((k + (place == seed)) % 10 for place, k in enumerate(right[20:]))] for seed in range(SEEDS)]
    for predicted, expected in (
        ([right] * SEEDS, "exact"),
        ([wrong] + [right] * (SEEDS - 1), "inside"),
        ([wrong] * SEEDS, "outside"),
        (own, "inside"),  # each seed errs in a place of its own, and the document's run in none
    ):
        runs = [
            run_like(system, seed, noise(np.random.default_rng(seed)), predictions=classes)
            for seed, classes in enumerate(predicted)
        ]
        found = verdicts(system, evidence((system, "numpy", runs)))
        assert {v for f, v in found.items() if f.quantity == "predictions of test images 20-49"} == {expected}
        assert {v for f, v in found.items() if f.quantity == "predictions of test images 15-19"} == {"exact"}


def test_homework_is_exact_but_for_two_misrounded_hints():
    """Every printed digit of the evaluation comes out of the committed ledger; two hints are misrounded, and so outside."""
    rows = table(get("homework"), COMMITTED)
    outside = {row.figure.quantity for row in rows if row.ruling.verdict == "outside"}
    assert outside == {"hint gradient b1[0]", "hint gradient b1[1]"}
    assert {row.ruling.verdict for row in rows} == {"exact", "outside"}


def test_place_and_spread_are_counted_in_printed_digits():
    """Seeds below, at and above the printed figure as rounded to its digits, and their lowest, median and highest."""
    system = get("mnist-tanh")
    ends = [0.91, 0.92, 0.92991, 0.92994, 0.93, 0.94, 0.95]
    runs = [
        run_like(system, seed, lambda v, at, end=end: end if at[0] == "test_accuracy" else v)
        for seed, end in enumerate(ends)
    ]
    rows = {row.figure.quantity: row for row in table(system, evidence((system, "numpy", runs)))}
    assert rows["test_accuracy"].figure.printed == "0.9299"
    assert (rows["test_accuracy"].place, rows["test_accuracy"].spread) == ("2 · 2 · 3", "0.9100 … 0.9299 … 0.9500")
    assert rows["test_accuracy"].ours == {"numpy": "0.9100"}
    assert (rows["training_loss"].place, rows["training_loss"].spread) == ("0 · 7 · 0", "0.051688")


def test_parameters_and_labels_need_no_training():
    """Counts come from the declaration and labels from the dataset: exact, and a wrong one would be outside."""
    system = get("mnist-dense-keras")
    found = verdicts(system, evidence((system, "numpy", [run_like(system, 0)])))
    settled = {f: v for f, v in found.items() if f.quantity.startswith(("parameters", "labels", "steps"))}
    assert len(settled) == 9
    assert set(settled.values()) == {"exact"}
    judge = Judge(get("mnist-dense-keras", "corrected"), evidence((system, "numpy", [run_like(system, 0)])))
    wrong = judge.untrained(run_like(system, 0), type(system.figures[0])("parameters total", "109,387"), "counted")
    assert wrong.verdict == "outside"


# The frameworks.


def test_a_frameworks_run_is_placed_among_numpys_other_seeds():
    """Its whole curve has one level among the seeds but its own; first losses are compared with the run of the same seed."""
    system = get("mnist-tanh")
    runs = seeds(system, noise(np.random.default_rng(11)))
    agreement = Agreement("mnist-tanh/documented", 50, 0.01)
    near = run_like(system, 0, noise(np.random.default_rng(13)), first=4.0 * (1 + 1e-9), agreement=agreement)
    far = run_like(system, 0, lambda value, _: 2 * value)
    found = side(system, evidence((system, "numpy", runs), (system, "torch", [near])), "torch")
    assert found.first == (pytest.approx(1e-9), 2)
    assert (found.seeds, found.placement.seeds, found.agreement) == (SEEDS - 1, SEEDS - 1, agreement)
    assert not found.placement.outside
    assert side(system, evidence((system, "numpy", runs), (system, "keras", [far])), "keras").placement.outside
    assert side(system, evidence((system, "numpy", runs)), "keras") is None
    assert side(system, evidence((system, "numpy", runs[:-1]), (system, "torch", [near])), "torch").placement is None


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        ([4.0, "nan", "nan"], (0.0, 1)),
        ([4.0, "nan"], (0.0, 1)),
        ([4.0], (0.0, 1)),
        ([5.0, "nan", "nan"], (0.25, 1)),
        ([4.0, 2.0, "nan"], (np.inf, 2)),
        (["nan", "nan", "nan"], (np.inf, 1)),
    ],
)
def test_losses_that_nan_has_ended_are_compared_as_far_as_both_go(theirs, expected):
    """NaN beside NaN is no agreement, NaN beside a number no small difference, and fewer losses are no missing ones."""
    system = get("mnist-tanh")
    ours, other = (run_like(system, 0, first_losses=losses) for losses in ([4.0, "nan", "nan"], theirs))
    found = side(system, evidence((system, "numpy", [ours]), (system, "keras", [other])), "keras")
    assert found.first == expected


def test_epochs_count_as_long_as_every_figure_stays_together():
    """One quantity that differs by more than a thousandth of itself, or of 1, ends the count; less than that does not."""
    system = get("mnist-tanh")
    ours = run_like(system, 0)

    def beside(change):
        other = run_like(system, 0, change)
        return side(system, evidence((system, "numpy", [ours]), (system, "keras", [other])), "keras").together

    count = len(ours.rows["epoch"])
    assert beside(lambda value, _: value + 0.9e-3) == (count, count)
    assert beside(lambda value, at: value + 1.1e-3 * (at == ("training_loss", 7))) == (6, count)
    assert beside(lambda value, at: float("nan") if at == ("training_loss", 7) else value) == (6, count)
