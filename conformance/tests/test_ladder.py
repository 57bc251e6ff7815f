"""The ladder: honest code passes every check, and each way of being wrong ends in the verdict meant for it."""

from dataclasses import replace
from math import expm1, log, sqrt

import msgspec
import numpy as np
import pytest
from ladder_problems import Wrapped, case, every_rung, gradients, only, statuses
from spread import everyday, spread

from nn_conformance.cases.format import DTYPES
from nn_conformance.cases.store import Store
from nn_conformance.judge.ladder import RUNGS, check_ids, in_precisions, judge
from nn_conformance.judge.limits import ADAM_FLOAT32, FACTOR, ROUNDOFF
from nn_conformance.judge.verdict import STATUSES, at_least, at_most, counts
from nn_conformance.oracles import reference
from nn_maintain.mistakes import CATALOGUE, applicable
from nn_maintain.mistakes.mistaken import Mistaken
from nn_reference.network import LayerOutput

pytestmark = pytest.mark.numeric

STORE = Store()
# Honest code must not come near a limit: see the audit.
HONEST = 1 / 3
# Gradients so far in saturation that honest rounding may be a tenth of them, or many times as large: there nothing can be
# shown but NaN, which the contract refuses, and so nothing is said to have passed.
BLIND = {
    *(
        f"iris-sigmoid/probe-extreme::{check}::float32"
        for check in ("gradient::W1", "gradient::W2", "input-gradient::x")
    ),
    *(f"mnist-tanh-deeper/documented-float32::gradient::{name}::float32" for name in ("W1", "b1")),
    *(
        f"mnist-sigmoid-numpy/{probe}::{check}::{dtype}"
        for probe in ("probe-extreme", "corrected-probe-extreme")
        for check in ("gradient::W1", "gradient::W2", "gradient::W3", "input-gradient::x")
        for dtype in DTYPES
    ),
}
# The one sample is classified so surely that the loss, rounded, moves in none of the directions.
UNSEEN = {"mnist-relu-torch/probe-one::own-loss::all::float64"}
# Where a formula reaches its bounds, every system each day.
EXTREME = ("clipped", "saturated", "extreme")
CASES = [each._replace(marks=()) if each.values[0].endswith(EXTREME) else each for each in spread(STORE.ids)]


@pytest.mark.parametrize("case_id", CASES)
def test_reference_passes_every_check_with_room(case_id):
    """The reference passes each check of the case, in each precision that it is judged in, within a third of the limit."""
    judged = [dtype for system in STORE.index.systems for loaded, dtype in PAIRS[system] if loaded == case_id]
    assert judged
    for dtype in sorted(set(judged)):
        verdicts = judge(STORE.case(case_id), reference, dtype)
        shown = [v for v in verdicts if v.id not in BLIND | UNSEEN]
        assert [(v.id, v.status) for v in shown if v.status != "passed"] == []
        assert [(v.id, v.ratio) for v in shown if not (v.at_least or v.ratio <= HONEST)] == []
        for v in verdicts:
            assert (v.id in BLIND) == (v.status == "unsupported" and v.reason.startswith("saturated"))
            assert (v.id in UNSEEN) == (v.status == "unsupported" and "too small to be seen" in v.reason)


PAIRS = {
    system: [(loaded.case.id, dtype) for loaded, dtype in in_precisions(STORE.cases(system))]
    for system in STORE.index.systems
}


@pytest.mark.parametrize("system", PAIRS)
def test_each_case_is_judged_in_each_precision_or_has_a_twin(system):
    """A system's cases are all judged, in both precisions; where one is not, its twin is, in the other."""
    ids = STORE.of_system(system)
    pairs = PAIRS[system]
    assert [case_id for case_id in ids if case_id not in {i for i, _ in pairs}] == []
    assert len(set(pairs)) == len(pairs)
    for case_id in ids:
        precisions = [dtype for i, dtype in pairs if i == case_id]
        if case_id.endswith("-float32"):
            assert precisions == ["float32"]
        elif f"{case_id}-float32" in ids:
            assert precisions == ["float64"]
        else:
            assert precisions == list(DTYPES)


@pytest.mark.parametrize(
    "target",
    [reference, gradients(lambda k, g: g * 2), gradients(lambda k, g: g.T[:0]), Wrapped(lambda answer, **_: None)],
    ids=["right", "wrong", "misshapen", "silent"],
)
def test_ids_are_known_before_anything_runs(target):
    """Whatever a target answers, there is one verdict for each id that the case has, in the same order."""
    for case_id in ("homework/documented", "iris-sigmoid/probe-twice", "fashion-pruning/probe-pruned"):
        for dtype in DTYPES:
            expected = check_ids(case(case_id), dtype)
            assert len(set(expected)) == len(expected) > 5
            assert [v.check for v in judge(case(case_id), target, dtype)] == expected


@pytest.mark.parametrize("mistake", CATALOGUE, ids=lambda mistake: mistake.slug)
def test_each_mistake_fails_on_a_rung_that_is_its_business(mistake):
    """On some probe of some system the first rung that fails is one of the mistake's own."""
    for case_id in STORE.ids:
        if "probe-" not in case_id or mistake not in applicable(case(case_id).case):
            continue
        failed = [v.rung for v in judge(case(case_id), Mistaken(mistake), "float64", updates=5) if v.status == "failed"]
        # NaN is refused by the contract already, whatever made it.
        if failed and failed[0] in (*mistake.rungs, "contract"):
            return
    pytest.fail(f"{mistake.slug} is not caught where it belongs, on {', '.join(mistake.rungs)}")


def test_what_comes_after_a_failure_is_blocked_and_names_it():
    """A wrong loss blocks gradients, steps and runs; layers, which come before, are judged."""
    target = Wrapped(lambda answer, **_: replace(answer, loss=answer.loss * 1.01))
    verdicts = judge(case("xor-tanh/probe-rectangular"), target, "float64")

    found = statuses(verdicts)
    assert found["contract"] == found["layer"] == {"passed"}
    assert found["loss"] == {"failed"}
    for rung in ("gradient", "step", "trajectory"):
        assert found[rung] == {"blocked"}
    wrong = only(verdicts, "loss", "loss").id
    assert {v.reason for v in verdicts if v.status == "blocked"} == {f"blocked by {wrong}"}


KINKED = "mnist-relu/probe-kink"


def at_kinks(slopes):
    """A target with these slopes at the kinks, one after the other."""
    kinks = [STORE.case(KINKED).arrays(k.change, "kinks") for k in case(KINKED).case.evaluation.kinks]

    def change(name, g):
        return g + sum(s * kink.get(name, np.zeros(())) for s, kink in zip(slopes, kinks, strict=True)).astype(g.dtype)

    return gradients(change)


@pytest.mark.parametrize(
    ("slopes", "status"),
    [((0, 0), "passed"), ((0.5, 0.5), "passed"), ((1, 0), "passed"), ((0, 1), "passed"),
     ((0.25, 0.75), "passed"), ((1.5, 0), "failed"), ((-0.5, 1), "failed"), ((1, 1.001), "failed")],
)  # fmt: skip
def test_any_slope_between_0_and_1_is_right_at_a_kink_unit_by_unit(slopes, status):
    """Each unit at zero may have its own slope in [0, 1]; one outside fails."""
    verdicts = judge(case(KINKED), at_kinks(slopes), "float64", rungs=("gradient",))

    assert (status == "passed") == all(v.status == "passed" for v in verdicts)


def test_an_uncertainty_widens_the_limit_by_itself_and_says_so():
    """A trusted oracle's own bound is added to the limit of its tensor, and to no other; nobody else is believed."""
    off = 1e-7
    right = only(judge(case("xor-tanh/probe-square"), reference, "float64"), "gradient", "W1")
    target = Wrapped(
        lambda answer, **_: replace(
            answer,
            gradients={**answer.gradients, "W1": answer.gradients["W1"] + off / 8},
            uncertainty={"W1": off},
        )
    )
    verdicts = judge(case("xor-tanh/probe-square"), target, "float64", trusted=True)
    distrusted = judge(case("xor-tanh/probe-square"), target, "float64")

    assert only(distrusted, "gradient", "W1").status == "failed"
    widened = only(verdicts, "gradient", "W1")
    assert widened.status == "passed"
    assert widened.limit == right.limit + off
    assert "difference quotient" in widened.reason
    assert "difference quotient" not in only(verdicts, "gradient", "W2").reason


def test_layers_are_judged_one_by_one():
    """A wrong hidden activation fails its own check, and the right pre-activation before it passes."""

    def blur(answer, **_):
        first, *rest = answer.layers
        return replace(answer, layers=[LayerOutput(first.z, first.a * 1.001), *rest])

    verdicts = judge(case("xor-tanh/probe-square"), Wrapped(blur), "float64")

    assert only(verdicts, "layer", "a1").status == "failed"
    assert only(verdicts, "layer", "z1").status == only(verdicts, "layer", "a2").status == "passed"


@pytest.mark.parametrize(
    "case_id", everyday(["xor-tanh/probe-rectangular", "mnist-relu/documented"], ["xor-tanh/probe-rectangular"])
)
def test_a_free_run_is_judged_up_to_the_horizon_or_as_far_as_asked(case_id):
    """One loss off by a hundredth fails the run, at the update that the reason names; what was not run is said."""

    def late(run):
        return (
            replace(run, losses=[*run.losses[:4], run.losses[4] * 1.01, *run.losses[5:]])
            if len(run.losses) > 4
            else run
        )

    wrong, short = (
        only(
            judge(case(case_id), Wrapped(train=late), "float64", rungs=("trajectory",), **more), "trajectory", "losses"
        )
        for more in ({}, {"updates": 4})
    )

    assert wrong.status == "failed"
    assert "update 5" in wrong.reason
    assert short.status == "passed"
    assert "the first 4 of" in short.reason


@pytest.mark.parametrize(("case_id", "off"), everyday([
    *((case_id, 0.01) for case_id in ("mnist-relu/documented", "mnist-tanh/documented", "fashion-pruning/documented")),
    ("mnist-relu/documented", 1e200),  # which passes by no infinite limit
], ["mnist-tanh/documented", ("mnist-relu/documented", 1e200)]))  # fmt: skip
def test_large_updates_are_judged_by_sums_projections_and_samples(case_id, off):
    """One weight of a hundred thousand that moved tenfold, or beyond all bounds, is seen in what the case keeps of them."""

    def change(run):
        w = run.params["W1"].copy()
        w[len(w) // 2, 3] += off
        return replace(run, params={**run.params, "W1": w})

    verdicts = judge(case(case_id), Wrapped(train=change), "float64", updates=1, rungs=("step",))

    assert {v.id.split("::")[2] for v in verdicts if v.status == "failed"} == {"1-W1", "2-W1", "3-W1"}


def test_counts_add_up():
    """Every status is counted, and `ran` is what measured something."""
    verdicts = judge(case("fashion-pruning/probe-pruned"), gradients(lambda k, g: -g), "float64")
    found = counts(verdicts)

    assert sum(found[status] for status in STATUSES) == len(verdicts)
    assert found["ran"] == found["passed"] + found["failed"]
    assert found["blocked"] > 0


def test_every_rung_is_climbed_somewhere():
    """No rung is without a case."""
    climbed = set().union(*(every_rung(case_id) for case_id in STORE.ids))

    assert climbed == {rung.name for rung in RUNGS}


def test_own_loss_tells_a_wrong_forward_pass_from_a_wrong_backward_pass():
    """Against its own loss a consistent mistake passes and a wrong backward pass fails, unless a right loss has told already."""
    found, alone = {}, {}
    for slug in ("labels-shifted", "derivative-missing"):
        mistake = next(m for m in CATALOGUE if m.slug == slug)
        verdicts = judge(case("mnist-relu/probe-rectangular"), Mistaken(mistake), "float64")
        found[slug] = statuses(verdicts)["own-loss"]
        own = judge(case("mnist-relu/probe-rectangular"), Mistaken(mistake), "float64", rungs=("own-loss",))
        alone[slug] = statuses(own)["own-loss"]
        assert "failed" in {v.status for v in verdicts}

    assert alone["labels-shifted"] == found["labels-shifted"] == {"passed"}
    assert "failed" in alone["derivative-missing"]
    assert found["derivative-missing"] == {"blocked"}


def test_the_gradient_of_no_loss_must_differ_from_every_loss():
    """Document 001's diagonal rule passes `own-loss` by disagreeing; the true gradient of the squared error fails there."""
    loaded = case("mnist-sigmoid-numpy/probe-rectangular")

    class Exact(Wrapped):
        def evaluate(self, network, params, x, t, *, gradients=True):
            last = msgspec.structs.replace(network.layers[-1].activation, backward="exact")
            layers = [*network.layers[:-1], msgspec.structs.replace(network.layers[-1], activation=last)]
            exact = msgspec.structs.replace(network, layers=layers)
            return reference.evaluate(exact, params, x, t, gradients=gradients)

    assert statuses(judge(loaded, reference, "float64", rungs=("own-loss",)))["own-loss"] == {"passed"}
    assert statuses(judge(loaded, Exact(), "float64", rungs=("own-loss",)))["own-loss"] == {"failed"}


def test_nan_is_right_only_in_the_entries_where_the_rest_is():
    """Where the document's formula overflows, ∂L/∂x may be NaN as that of W1, and one NaN excuses no other entry."""
    loaded = case("mnist-sigmoid-numpy/documented-float32")
    assert statuses(judge(loaded, reference, "float32", rungs=("contract",))) == {"contract": {"passed"}}
    wrong = gradients(lambda k, g: np.where(np.arange(g.size).reshape(g.shape) == 0, np.nan, 5).astype(g.dtype))

    verdicts = judge(loaded, wrong, "float32", rungs=("gradient",))

    assert only(verdicts, "gradient", "W1").status == "failed"


def test_a_limit_that_is_not_finite_passes_nothing():
    """An infinite limit is no limit."""
    assert at_most("a::b::c", 0.0, float("inf"), "").status == "failed"
    assert at_least("a::b::c", float("inf"), 1.0, "").status == "failed"


@pytest.mark.parametrize("power", ["multiplied", "raised"])
def test_powers_of_beta_in_float32_cost_no_more_than_their_allowance(power):
    """However a float32 optimiser forms √(1 - 0.999ᵗ), the limit has room for it, and not ten times too much."""
    worst, product, beta = 0.0, np.float32(1), np.float32(0.999)
    for t in range(1, 3001):
        product = np.float32(product * beta)
        found = np.float32(1) - (product if power == "multiplied" else np.float32(float(beta) ** t))
        worst = max(worst, abs(sqrt(float(found)) / sqrt(-expm1(t * log(0.999))) - 1) / ROUNDOFF["float32"])

    assert worst <= ADAM_FLOAT32 + FACTOR <= 10 * worst
