"""Diagnosis: a mistake is named by its numbers on every case, or not at all."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from nn_conformance.adapt.converted import Converted
from nn_conformance.adapt.recovered import Recovered
from nn_conformance.cases.store import Store
from nn_conformance.diagnosis.diagnose import Diagnosis, diagnose
from nn_conformance.diagnosis.kinds import kind
from nn_conformance.judge.climb import Climb
from nn_conformance.judge.ladder import cases_of, judge_climb
from nn_conformance.judge.target import Unsupported
from nn_conformance.judge.verdict import CheckId, Verdict
from nn_conformance.mistakes import CATALOGUE
from nn_conformance.mistakes import changes as ch
from nn_conformance.mistakes.catalogue import Mistake
from nn_conformance.mistakes.mistaken import Mistaken
from nn_conformance.mistakes.subjects import always
from nn_conformance.oracles import complex_step, reference

pytestmark = pytest.mark.numeric

STORE = Store()
BY_SLUG = {mistake.slug: mistake for mistake in CATALOGUE}
SYSTEM = "mnist-tanh/documented"


@cache
def cases(system=SYSTEM, dtype="float64", *, own=False):
    """Probes in one precision; `own` keeps the one that is asked many things about."""
    return [
        (loaded, precision)
        for loaded, precision in cases_of(STORE, system)
        if precision == dtype and "probe-" in loaded.case.id and (own or "rectangular" not in loaded.case.id)
    ]


def diagnosed(target, given=None):
    """The diagnosis of a target on probes."""
    given = cases() if given is None else given
    climbs = [Climb(loaded, target, dtype, updates=5, trusted=True) for loaded, dtype in given]
    return diagnose(climbs, [v for climb in climbs for v in judge_climb(climb)])


class Changed:
    """The reference, with another answer or other updates."""

    name = "changed"

    def __init__(self, change=lambda answer, params, x: answer, train=reference.train):
        self.change, self.train = change, train

    def evaluate(self, network, params, x, t, *, gradients=True):
        answer = reference.evaluate(network, params, x, t, gradients=gradients)
        return self.change(replace(answer, layers=None), params, x)


def gradients(change):
    """A target whose gradients are change(name, g, x, p)."""
    return Changed(
        lambda answer, params, x: replace(
            answer, gradients={name: change(name, g, x, params[name]) for name, g in answer.gradients.items()}
        )
    )


@pytest.mark.parametrize("target", [reference, complex_step, Mistaken()], ids=lambda target: target.name or "none")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nothing_is_diagnosed_in_honest_code(target, dtype):
    """Where no check fails there is no diagnosis, in either precision."""
    assert diagnosed(target, cases("xor-tanh/documented", dtype)) is None


def test_even_with_a_verdict_that_fails_honest_numbers_have_no_name():
    """A failure elsewhere does not make a mistake of right numbers."""
    failed = Verdict(CheckId(cases()[0][0].case.id, "loss", "loss", "float64"), "failed", 2.0, 1.0, "made up")
    found = diagnose([Climb(loaded, reference, dtype) for loaded, dtype in cases()], [failed])

    assert found.names == ()
    assert found.relations == ("every number that has one right value is right",)


@pytest.mark.parametrize("slug", ["sum-for-mean", "tanh-at-a", "bias-left-out", "gradients-accumulate", "uphill"])
def test_a_mistake_is_named_with_its_extent(slug):
    """The name comes first; on how many cases, to how many units, and on how many it shows; at most three lines and a command."""
    system = "homework/documented" if slug == "sum-for-mean" else SYSTEM
    found = diagnosed(Mistaken(BY_SLUG[slug]), cases(system))

    assert found.names[0] == (slug,)
    assert found.of == len(cases(system)) >= found.cases >= found.shown > 0
    # One that accumulates meets arrays of other shapes, and raises there.
    assert (found.cases == found.of) is (slug != "gradients-accumulate")
    assert found.ratio <= 1
    *said, command = found.lines()
    assert len(said) <= 3
    assert command == f"nn-conformance explain {slug}"


def test_a_match_that_fails_on_one_case_is_none():
    """Twice the mean on every case but the batch of one, where it is three times: no mistake is named."""
    target = gradients(lambda name, g, x, p: g * len(x) if len(x) > 1 else 3 * g)

    assert diagnosed(target, cases("iris-sigmoid/documented")).names == ()


def test_a_class_is_given_as_such():
    """With ReLU alone an inclusive mask is no mask: both names, and that they make the same numbers."""
    found = diagnosed(Mistaken(BY_SLUG["relu-mask-inclusive"]), cases("mnist-relu/documented"))

    assert found.names == (("derivative-missing",), ("relu-mask-inclusive",))
    assert "the same numbers" in " ".join(found.lines())


def test_two_mistakes_together_are_named():
    """One in the backward pass and one in the update, or both in the backward pass."""
    update = diagnosed(Mistaken(BY_SLUG["sign"], BY_SLUG["rate-tenfold"]))
    backward = diagnosed(Mistaken(BY_SLUG["tanh-first-power"], BY_SLUG["bias-zero"]))

    assert update.names[0] == ("sign", "rate-tenfold")
    assert set(backward.names[0]) == {"tanh-first-power", "bias-zero"}


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (gradients(lambda name, g, x, p: 3.7 * g), "3.7 times the right one, on all 7 cases"),
        (gradients(lambda name, g, x, p: len(x) * g if name == "W1" else g), "dW1: N times the right one"),
        (gradients(lambda name, g, x, p: g[::-1].copy() if name == "W2" else g), "dW2: rows of the right one in another order"),
        (gradients(lambda name, g, x, p: np.abs(g)), "the right magnitudes with other signs"),
        (gradients(lambda name, g, x, p: g * 0 if name == "W2" else g), "dW2: zero, on all 7 cases"),
        (gradients(lambda name, g, x, p: g + 0.003 * p), "0.003 times the parameter is added"),
        (gradients(lambda name, g, x, p: g.T if name == "W1" else g), "dW1: the transpose of the right one"),
        (gradients(lambda name, g, x, p: 2 * g if len(x) == 1 else g), "2 times the right one, on the 1 of 7 cases"),
        (Changed(lambda answer, params, x: replace(answer, loss=1.5 * answer.loss)), "loss: 1.5 times the right one"),
    ],
)  # fmt: skip
def test_relations_are_said_where_no_mistake_matches(target, said):
    """A constant, N, an order, signs, a zero block, a penalty, a transpose: on all cases, or on those where it is wrong."""
    found = diagnosed(target, cases("iris-sigmoid/documented"))

    assert found.names == ()
    assert said in "; ".join(found.relations)


def test_a_zero_row_is_located():
    """The last row of dW1 is zero on every case; it is said where."""

    def change(name, g, *_):
        return np.where(np.arange(len(g))[:, None] == len(g) - 1, 0, g) if name == "W1" else g

    found = diagnosed(gradients(change), cases("iris-sigmoid/documented"))

    assert "dW1: zero, and should not be, in [" in "; ".join(found.relations)


@pytest.mark.parametrize(
    ("layer", "formula", "said"),
    [
        (1, lambda z, a, da: da * (1 - a) ** 2, "the derivative of layer 1 is (1-a)² where 1-a² is right"),
        (2, lambda z, a, da: da * (1 - z * z), "the derivative of layer 2 is 1-z² where 1-a² is right"),
        (1, lambda z, a, da: da * np.cos(z), "layer 1 was multiplied by"),
    ],
)
def test_the_derivative_that_was_used_is_recovered(layer, formula, said):
    """By its formula, which then makes every number; or by what it was at one z."""
    mistake = Mistake("derivative", "evaluation", always, ch.hidden_rule(formula, layer=layer))
    assert said in diagnosed(Mistaken(mistake)).relations[0]


def test_nan_on_one_case_is_no_relation_of_the_others():
    """A gradient that is NaN on one case is said to be so there; on the others a constant is still a constant."""
    asked = cases("iris-sigmoid/documented")
    where = next(loaded.case.id for loaded, _ in asked if loaded.case.id.endswith("probe-one"))
    target = gradients(lambda name, g, x, p: g * np.nan if len(x) == 1 else 3.7 * g)
    found = "; ".join(diagnosed(target, asked).relations)

    assert f"NaN or infinite on {where}" in found
    assert "3.7 times the right one, on the 6 others" in found
    assert "wrong all over" not in found


def test_weights_that_are_updated_too_early_are_named_for_code_that_only_updates():
    """What a gradient that is recovered from updates has of the learning rate is in the mistake's too, and matches."""

    class Updates:
        name = "updates"
        does = ("train",)
        train = staticmethod(Mistaken(BY_SLUG["weights-updated-early"]).train)

    target = Converted(Recovered(Updates()))
    found = diagnosed(target, cases("xor-sigmoid/documented"))
    assert found.names[0] == ("weights-updated-early",)
    assert found.ratio <= 1
    assert found.cases == len(cases("xor-sigmoid/documented"))


def test_a_gradient_that_is_missing_is_the_diagnosis():
    """Where one gradient is not there, that is said, and not that every number is right."""
    target = Changed(lambda answer, params, x: replace(answer, gradients={"W1": answer.gradients["W1"]}))
    found = diagnosed(target, cases("iris-sigmoid/documented"))

    assert "gradients: expected W1, W2, got W1" in "; ".join(found.relations)
    assert "every number" not in " ".join(found.lines())


def test_noise_has_no_name():
    """Of numbers that are wrong without a rule nothing is said but where."""
    found = diagnosed(gradients(lambda name, g, x, p: g + np.sin(1000 * g)), cases("iris-sigmoid/documented"))

    assert found.names == ()
    assert all("wrong" in line for line in found.relations)


def test_an_update_only_target_is_named_by_its_updates():
    """Who shows parameters after a step and nothing else is named too."""

    class Updates:
        name = "updates"
        train = Mistaken(BY_SLUG["tanh-at-a"]).train

        def evaluate(self, *_, **__):
            raise Unsupported("it only updates")

    given = cases("mnist-tanh/documented", own=True)
    failed = Verdict(CheckId(given[0][0].case.id, "step", "1-W1", "float64"), "failed", 2.0, 1.0, "made up")
    climbs = [Climb(loaded, Updates(), dtype) for loaded, dtype in given]

    assert ("tanh-at-a",) in diagnose(climbs, [failed]).names


KINDS = {
    "labels-shifted": "consistent but wrong loss",
    "derivative-missing": "right forward, wrong backward",
    "gradients-accumulate": "wrong on the second call",
    "softmax-unshifted": "wrong only at large logits",
    "rate-tenfold": "only the update is wrong",
    "inputs-overwritten": "it changes what it is given",
    "softmax-axis": "wrong from the forward pass on",
}


@pytest.mark.parametrize(("slug", "said"), KINDS.items())
def test_kinds_are_told_apart(slug, said):
    """Each kind of failure by its verdicts."""
    mistake, given = BY_SLUG[slug], cases("mnist-relu/documented", own=True)
    rungs = None if slug in ("labels-shifted", "derivative-missing") else (
        "contract", "layer", "loss", "gradient", "second-call", "step"
    )  # fmt: skip
    climbs = [Climb(loaded, Mistaken(mistake), dtype, updates=5) for loaded, dtype in given]
    verdicts = [v for climb in climbs for v in judge_climb(climb, rungs)]

    assert said in kind(verdicts, [loaded.case for loaded, _ in given])


def test_wrong_only_for_a_batch_of_one():
    """A target that squeezes a batch of one is said to be wrong there alone."""
    found = diagnosed(gradients(lambda name, g, x, p: 2 * g if len(x) == 1 else g), cases("iris-sigmoid/documented"))

    assert "wrong only for a batch of one" in found.kind


def test_nothing_known_is_said_so():
    """A diagnosis without a name and a relation says that there is none."""
    assert "No mistake of the catalogue" in Diagnosis("wrong loss").lines()[1]
