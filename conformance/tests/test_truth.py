"""The table of truth: every printed figure has one row and one verdict, and none contradicts its own definition."""

import re
import warnings
from dataclasses import replace
from functools import cache

import msgspec
import numpy as np
import pytest
from ledger_problems import check_each, evidence, noise, rulings, run_like, scattered, seeds

from nn_conformance.replay import ledger
from nn_conformance.replay.figures import DECLARED, TIMES, lines_that_warn
from nn_conformance.replay.ledger import Agreement, Ledger
from nn_conformance.replay.records import Chaos, Ensemble, Exact, Plain, Spread
from nn_conformance.replay.task import Task, own_seed, replay
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


@cache
def committed():
    """The judge of the committed ledgers, made by the first test that asks it."""
    return Judge(load())


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


@pytest.mark.parametrize("name", ["mnist-dense-keras", "mnist-tanh", "mnist-relu", "mnist-sigmoid-torch", "xor-tanh"])
def test_a_curve_among_its_seeds_is_inside(name):
    """Seeds that scatter around the printed figures hold them: inside, with its level and the column that decided."""
    system = judged_by(get(name))
    found = of_run(name, evidence((system, "numpy", scattered(system, 6))))
    assert found.verdict == "inside"
    assert re.search(
        rf"of {SEEDS} seeds lie as far out, level \d\.\d{{3}}, decided by [a-z ]+, epoch \d+", found.reason
    )


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


def test_a_nearly_constant_column_is_named_as_weak():
    """Where the column that decides has few values among the seeds, the level without such columns stands beside it."""
    system, rng = get("mnist-relu"), np.random.default_rng(2)

    def change(value, place):
        if place == ("training_accuracy", 17):
            return value + 1e-5 * (place[1] and rng.integers(2)) + 5e-5
        return value * (1 + 0.01 * rng.standard_normal())

    found = of_run("mnist-relu", evidence((system, "numpy", seeds(system, change))))
    assert "decided by training accuracy, epoch 17" in found.reason
    assert re.search(
        r"has [12] values among the seeds, so this is weak: without such columns the level is \d", found.reason
    )


def test_first_epochs_with_more_seeds_are_a_curve_of_their_own():
    """The printed epochs up to there are judged by those seeds, the later ones by the whole runs."""
    system = get("mnist-sigmoid-keras")
    book = Ledger(1, system.id, "numpy", "float32", scattered(system, 2, count=60))
    found = replace(evidence((system, "numpy", scattered(system, 1))), first={system.id: (2, book)})
    rows = {(row.figure.quantity, row.figure.epoch): row.ruling for row in table(system, Judge(found))}
    assert "epochs 1 to 2 (4 figures)" in rows["training_loss", 1].reason
    assert "of 60 seeds" in rows["training_loss", 1].reason
    assert rows["training_loss", 2].check.endswith("--seeds 60 --epochs 2")
    assert "the later epochs (12 figures)" in rows["training_loss", 3].reason
    assert f"of {SEEDS} seeds" in rows["training_accuracy", 8].reason


def test_the_documents_own_seed_is_exact_only_with_all_its_figures():
    """From a seed that the document set, all printed digits make the run exact; three of four do not."""
    system = get("fashion-pruning")
    runs = scattered(system, 9)
    right = run_like(system, own_seed(system))
    wrong = run_like(system, own_seed(system), lambda v, at: v + 0.001 * (at[0] == "accuracy_difference_fine_tuned"))
    for own, exact in ((right, True), (wrong, False)):
        found = rulings(evidence((system, "numpy", [*runs, own])), system.name)
        assert {ruling.verdict == "exact" for ruling in found.values()} == {exact}


def test_our_run_from_the_documents_seed_is_no_independent_one():
    """It is not counted among the seeds that the document's run is compared with."""
    system = get("fashion-pruning")
    runs = [run_like(system, seed, noise(np.random.default_rng(seed), 0.2)) for seed in (*range(SEEDS), 42)]
    found = of_run("fashion-pruning", evidence((system, "numpy", runs)))
    assert f"of {SEEDS} seeds" in found.reason
    assert found.check == f"nn-conformance replay fashion-pruning --seeds {SEEDS + 1}"


def test_what_rounding_decides_is_not_determined_even_where_the_digits_come_out():
    """With the exact run recorded, a figure that rounding decides is not determined; without it, the seeds judge."""
    system = get("iris-sigmoid")
    runs = [*scattered(system, 13, 0.2), run_like(system, own_seed(system))]
    ledgers = evidence((system, "numpy", runs)).ledgers
    exact = Exact(100, [9.0, 7.0], [0.3, 0.9], [-100.0, -80.0])
    spread = Spread([0.0, 0.0], [0.5, 0.5], [1.0, 1.0])
    record = Chaos(
        1, system.id, {}, 30, [0, 20], exact, Plain(100, 10, 3.7, 370),
        {"float64": Ensemble(spread, spread, [61, 58, 60], [9, 19, 9])},
    )  # fmt: skip
    found = of_run("iris-sigmoid", Evidence(ledgers, record))
    assert found.verdict == "not determined by what is shown"
    assert "the run ends at 0.9000; 3 runs in float64" in found.reason
    assert "end at 2 accuracies from 0.3000 to 0.6333, 1 of them at 0.63" in found.reason
    assert of_run("iris-sigmoid", Evidence(ledgers)).verdict == "exact"


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


def test_five_stated_runs_are_judged_together():
    """Five accuracies of five runs have one level; the mean that is printed of them is arithmetic."""
    system = get("mnist-tanh")
    *stated, mean = rulings(evidence((system, "numpy", scattered(system, 10, 0.02))), "mnist-tanh", "stated").values()
    assert len(stated) == 5
    assert len(set(stated)) == 1
    assert stated[0].verdict == "inside"
    assert stated[0].reason.startswith("5 stated runs: ")
    assert mean[:2] == ("exact", "arithmetic: the mean of the printed ones is 92.088")


def test_the_sentence_about_accuracies_is_judged_by_the_runs_that_might_be_meant():
    """A figure that an epoch of In[7] or In[3] has is inside, and which is said; what none has is not determined."""
    system, variant = get("mnist-sigmoid-numpy"), get("mnist-sigmoid-numpy", "in-3")
    runs = [run_like(system, seed, nan_from=seed + 4) for seed in range(SEEDS)]
    rows = {"epoch": [1, 2], "test_accuracy": [0.2245, 0.35]}
    other = msgspec.structs.replace(run_like(system, 7), rows=rows)
    found = evidence((system, "numpy", runs), (variant, "numpy", [other]))
    stated = {figure.printed: ruling for figure, ruling in rulings(found, system.name, "stated").items()}
    assert {text: r.verdict for text, r in stated.items()} == {
        "0": "not determined by what is shown", "5-10": "inside", "22": "inside", "94.5": "not determined by what is shown",
    }  # fmt: skip
    assert "in-3 from seed 7 22.45 % after epoch 1" in stated["22"].reason
    assert "9.80 to 35.00 %" in stated["94.5"].reason
    assert {ruling.verdict for ruling in rulings(found, system.name, "test_accuracy_percent").values()} == {"exact"}


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
    for figure, ruling in rulings(committed().evidence, "homework").items():
        assert ruling.verdict == ("close as stated" if figure.quantity.startswith("hint ") else "exact")
    off = replace(get("homework").figures[-1], printed="-0.00068")
    assert committed().ruling(get("homework"), off).verdict == "outside"


def test_place_and_spread_are_counted_in_printed_digits():
    """Seeds below, at and above the printed figure as rounded to its digits, and their lowest, median and highest."""
    system = get("mnist-tanh")
    ends = [0.91, 0.92, 0.92991, 0.92994, 0.93, 0.94, 0.95]
    runs = [
        run_like(system, seed, lambda v, at, end=end: end if at[0] == "test_accuracy" else v)
        for seed, end in enumerate(ends)
    ]
    rows = {row.figure.quantity: row for row in table(get("mnist-tanh"), Judge(evidence((system, "numpy", runs))))}
    assert rows["test_accuracy"].figure.printed == "0.9299"
    assert (rows["test_accuracy"].place, rows["test_accuracy"].spread) == ("2 · 2 · 3", "0.9100 … 0.9299 … 0.9500")
    assert rows["test_accuracy"].ours == {"numpy": "0.9100"}
    assert (rows["training_loss"].place, rows["training_loss"].spread) == ("0 · 7 · 0", "0.051688")


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("iris-relu-adam", SEEDS),
        ("xor-tanh", 1),  # whose start was solved for
        ("homework", 1),
        *(pytest.param(name, SEEDS, marks=pytest.mark.slow) for name in ("xor-sigmoid", "mnist-sigmoid-numpy")),
    ],
)
def test_quick_verdicts_are_recomputed(name, count, tmp_path):
    """Runs made here and now, with the records that ship, have the committed verdicts on every figure but hearsay."""
    system = get(name)
    runs = [replay(Task(system.id, seed=seed)) for seed in {own_seed(system), *range(count)}]
    ledger.add(tmp_path, system, "numpy", system.precision, runs)
    found = replace(load(tmp_path), reconstructed=committed().evidence.reconstructed)
    for here, there in zip(table(get(name), Judge(found)), table(system, committed()), strict=True):
        assert here.figure == there.figure
        if not here.figure.quantity.startswith("stated"):
            assert here.ruling.verdict == there.ruling.verdict


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
