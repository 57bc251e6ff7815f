"""The table of truth: every printed figure has one row and one verdict, and none contradicts its own definition."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from ledger_problems import check_each, evidence, noise, rulings, run_like, scattered, seeds

from nn_conformance.replay.figures import DECLARED, TIMES, lines_that_warn
from nn_conformance.replay.ledger import Agreement, Ledger
from nn_conformance.replay.task import own_seed
from nn_maintain.studies import copies
from nn_maintain.studies.reconstruction import Control, Reconstruction, Reconstructions, Solution
from nn_maintain.truth.evidence import Evidence, judged_by, load
from nn_maintain.truth.placement import OUTSIDE, SEEDS, enough
from nn_maintain.truth.rows import table
from nn_maintain.truth.rulings import DOCUMENTED, Judge, of_the_run
from nn_maintain.truth.sides import side
from nn_reference.systems import NAMES, get
from nn_reference.systems.base import curve

WITHOUT = Judge(evidence())  # any ledger


def of_run(name, found):
    """The verdict on the run that a document shows, by the last of its curves."""
    system = get(name)
    return Judge(found).ruling(system, of_the_run(system)[-1])


# The rows.


@pytest.mark.parametrize("name", NAMES)
def test_what_was_not_run_is_no_pass(name):
    """Without ledgers a trained figure is open, without a number of ours; what is declared is exact, a wrong one outside."""
    rows = table(get(name), WITHOUT)
    assert [row.figure for row in rows] == list(get(name).figures)
    for row in rows:
        declared = row.figure.quantity.split(" ")[0] in DECLARED
        settled = declared or row.figure.quantity.startswith("stated_mean")
        expected = "exact" if settled else "not judged" if row.figure.quantity in TIMES else "open"
        assert row.ruling.verdict == expected
        assert (row.ours, row.place, row.spread) == ({}, "", "")
        wrong = replace(row.figure, printed=row.figure.printed[:-1] + "9")
        if declared and wrong != row.figure:
            assert WITHOUT.ruling(get(name), wrong).verdict == "outside"
    check_each(rows)


@pytest.mark.parametrize("name", ["iris-sigmoid", "fashion-pruning", "mnist-sigmoid-numpy", "mnist-tanh", "mnist-relu"])
def test_too_few_seeds_judge_nothing(name):
    """One seed less than twenty leaves every figure of the training open, and says how many there are."""
    system = get(name)
    runs = scattered(system, 0, count=SEEDS - 1)
    if system.seed is not None:
        runs.append(run_like(system, own_seed(system), noise(np.random.default_rng(1), 0.2)))
    judge = Judge(evidence((system, "numpy", runs)))
    for figure in of_the_run(system):
        assert judge.ruling(system, figure)[:2] == ("open", f"{SEEDS - 1} of {SEEDS} seeds so far")


def off_by_far(system, count, seed=7):
    """Evidence of `count` seeds whose fourth figure is twice the printed one."""
    off, rng = of_the_run(system)[3], np.random.default_rng(seed)

    def change(value, place):
        return value * (1 + 0.01 * rng.standard_normal()) + (place == (off.quantity, off.epoch)) * value

    return evidence((system, "numpy", seeds(system, change, count)))


@pytest.mark.parametrize("name", ["mnist-tanh", "xor-sigmoid"])
def test_a_curve_that_is_further_out_than_every_seed_is_outside_only_with_seeds_enough(name):
    """Twenty seeds can judge one curve and not sixteen; where Holm's correction needs more, the verdict is open."""
    system = get(name)
    off = of_the_run(system)[3]
    alone = of_run(name, off_by_far(system, SEEDS))
    assert alone.verdict == ("outside" if name != "mnist-tanh" else "open")  # whose five stated runs are a second curve
    assert f"{off.quantity.replace('_', ' ')}, epoch {off.epoch}" in alone.reason
    assert f"level {1 / (SEEDS + 1):.3f}" in alone.reason
    others = {
        (s.id, "numpy"): Ledger(1, s.id, "numpy", s.precision, scattered(s, 3))
        for s in map(judged_by, DOCUMENTED)
        if s.recipe.epochs and s.name != name
    }
    few = Evidence(others | off_by_far(system, SEEDS).ledgers)
    many = Judge(few).tested
    assert many >= 16
    assert (verdict := of_run(name, few)).verdict == "open"
    assert f"only {enough(many)} seeds could tell" in verdict.reason
    plenty = Evidence(others | off_by_far(system, enough(many)).ledgers)
    assert (verdict := of_run(name, plenty)).verdict == "outside"
    assert f"Holm's correction over {many} curves" in verdict.reason


def test_the_documents_own_seed_is_exact_only_with_all_its_figures():
    """From a seed that the document set, all printed digits make the run exact; three of four do not."""
    system = get("fashion-pruning")
    runs = scattered(system, 9)
    right = run_like(system, own_seed(system))
    wrong = run_like(system, own_seed(system), lambda v, at: v + 0.001 * (at[0] == "accuracy_difference_fine_tuned"))
    for own, exact in ((right, True), (wrong, False)):
        found = rulings(evidence((system, "numpy", [*runs, own])), system.name)
        assert {ruling.verdict == "exact" for ruling in found.values()} == {exact}


def test_a_reconstructed_start_must_print_every_figure():
    """Weights whose run prints all figures make the curve reconstructed, controls beside it; weights that miss a digit do not."""
    start = np.random.default_rng(15).uniform(-0.5, 0.5, 13).tolist()
    system = get("xor-tanh")
    errors, _ = copies.run(system, np.array(start), 32)
    system = replace(system, figures=curve("training_loss", " ".join(f"{error:.6f}" for error in errors)))
    for weights, holds in ((start, True), ([start[0] + 1e-3, *start[1:]], False)):
        solution = Solution(weights, 0.25, 0.1, [0.0, 1.0, 1.0, 0.0])
        record = Reconstruction("x", 32, 0, 10, 6, 1, [1.0], 9, 7, {}, [solution], [Control("wrong", 32, 16)])
        text = Evidence({}, reconstructed=Reconstructions(1, {}, {system.id: record})).reconstruction(system)
        assert bool(text) == holds
        assert (
            "in 9 of 13 directions; 0 of 1 wrong networks, solved for in the same way, print all 32" in text
        ) == holds


def test_four_warnings_come_as_the_document_prints_them():
    """The documented class warns in the printed source lines, in their order, before it is NaN; on scaled pixels it does not."""
    system = get("mnist-sigmoid-numpy")
    (printed,) = [figure.printed for figure in system.figures if figure.quantity == "warnings"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # none leaves the function
        assert {lines_that_warn(system, seed) for seed in range(3)} == {printed}
        data = system.load()
        few = replace(data, train_x=data.train_x[:100] / np.float32(255), train_t=data.train_t[:100])
        scaled = replace(system, load=lambda: few)
        assert lines_that_warn(scaled, 0) == ""


def test_predictions_are_counted_among_the_seeds():
    """Classes that all seeds predict are exact, those of some inside, and of none open."""
    system = judged_by(get("mnist-dense-keras"))
    printed = {f.quantity: f.printed.split() for f in system.figures if f.quantity.startswith("predictions")}
    right = [0] * 15 + [
        int(k) for k in (*printed["predictions of test images 15-19"], *printed["predictions of test images 20-49"])
    ]
    wrong = [*right[:-1], 0]
    for predicted, expected in (
        ([right] * SEEDS, "exact"),
        ([wrong] + [right] * (SEEDS - 1), "inside"),
        ([wrong] * SEEDS, "open"),
    ):
        runs = [run_like(system, seed, predictions=classes) for seed, classes in enumerate(predicted)]
        found = evidence((system, "numpy", runs))
        for images, verdict in (("20-49", expected), ("15-19", "exact")):
            (ruling,) = rulings(found, system.name, f"predictions of test images {images}").values()
            assert ruling.verdict == verdict


def test_homework_is_exact_and_its_hints_are_close():
    """Every printed digit of the evaluation comes out; the hints, which the text calls close, are within a unit."""
    evidence_there, system = load(), get("homework")
    for figure, ruling in rulings(evidence_there, "homework").items():
        assert ruling.verdict == ("close as stated" if figure.quantity.startswith("hint ") else "exact")
    off = replace(system.figures[-1], printed="-0.00068")
    assert Judge(evidence_there).ruling(system, off).verdict == "outside"


# The frameworks.


def test_a_frameworks_run_is_placed_among_numpys_other_seeds():
    """Its whole curve has one level among the seeds but its own; first losses are compared with the run of the same seed."""
    system = get("mnist-tanh")
    runs = scattered(system, 11)
    agreement = Agreement("mnist-tanh/documented", 50, 0.01)
    near = run_like(system, 0, noise(np.random.default_rng(13)), first=4.0 * (1 + 1e-9), agreement=agreement)
    far = run_like(system, 0, lambda value, _: 2 * value)
    found = side(system, evidence((system, "numpy", runs), (system, "torch", [near])), "torch")
    assert found.first == (pytest.approx(1e-9), 2)
    assert (found.placement.seeds, found.agreement) == (SEEDS - 1, agreement)
    assert found.placement.level > OUTSIDE
    assert side(system, evidence((system, "numpy", runs), (system, "keras", [far])), "keras").placement.level <= OUTSIDE
    assert side(system, evidence((system, "numpy", runs)), "keras") is None
    assert side(system, evidence((system, "numpy", runs[:-1]), (system, "torch", [near])), "torch").placement is None


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        ([4.0, "nan"], (0.0, 1)),
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
