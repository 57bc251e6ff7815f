"""Relations between calls: they hold for honest code on every probe, and break for the mistakes that they are made for."""

from dataclasses import replace
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from nn_conformance.cases import network
from nn_conformance.cases.families import build_network
from nn_conformance.cases.store import Store
from nn_conformance.judge.ladder import judge
from nn_conformance.judge.metamorphic import (
    relations,
    softmax_at_the_end,
)
from nn_conformance.judge.target import Answer
from nn_conformance.oracles import reference
from nn_maintain.mistakes import CATALOGUE
from nn_maintain.mistakes.mistaken import Mistaken
from nn_reference.network import backpropagate

pytestmark = pytest.mark.numeric

STORE = Store()
GENERAL = {"permuted-batch", "doubled-batch", "sum-over-samples", "permuted-units", "padded-inputs"}
PROBES = [case_id for case_id in STORE.ids if case_id.endswith(("probe-rectangular", "probe-unbalanced"))]


# What such a network has no room for.
OWN = {
    "3-4 relu-2 softmax, cross-entropy, l2 0.5": set(),
    "4-4 silu skip-4 relu skip-2, squared-error": {"permuted-units", "padded-inputs"},
    "3-4 tanh-4 gelu skip-2, squared-error samples": set(),
    "3-4 sigmoid-2, linear": set(),
    "3-2, linear elements, l2 0.5/N": {"permuted-units"},
}


@pytest.mark.parametrize("line", OWN)
def test_a_network_has_the_relations_that_it_has_room_for(line):
    """A loss has one of its own; a skip connection, and a single layer, leave some out."""
    described = network(line)

    by_loss = {"squared_error": {"scaled-loss"}, "linear": {"doubled-targets"}}.get(described.loss.kind, set())
    assert {relation.name for relation in relations(described)} == (GENERAL | by_loss) - OWN[line]


def test_samples_that_a_softmax_couples_are_not_taken_apart():
    """A softmax over the batch has neither relation that would do so."""
    coupled = {relation.name for relation in relations(STORE.case("mnist-relu-torch/probe-rectangular").case.network)}
    assert GENERAL - coupled == {"doubled-batch", "sum-over-samples"}


def failed(target, case_id="mnist-relu/probe-rectangular", dtype="float64"):
    """The relations that fail on the ladder."""
    verdicts = judge(STORE.case(case_id), target, dtype, rungs=("metamorphic",))
    return {v.id.split("::")[2] for v in verdicts if v.status == "failed"}


@pytest.mark.parametrize(
    ("slug", "relation"),
    [
        ("sum-for-mean", "doubled-batch"),
        ("mean-twice", "doubled-batch"),
        ("bias-of-one-sample", "permuted-batch"),
        ("sample-dropped", "permuted-batch"),
        ("bias-averaged", "sum-over-samples"),
        ("gradients-accumulate", "permuted-batch"),
        ("stale-cache", "permuted-units"),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_mistakes_break_the_relation_made_for_them(slug, relation, dtype):
    """Without any expected value the relation fails."""
    mistake = next(mistake for mistake in CATALOGUE if mistake.slug == slug)
    assert relation in failed(Mistaken(mistake), dtype=dtype)


SOFTMAX = [i for i in PROBES if i.endswith("rectangular") and softmax_at_the_end(STORE.case(i).case.network)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case_id", SOFTMAX)
def test_a_softmax_that_subtracts_the_largest_of_all_samples_is_caught(case_id, dtype):
    """Its e^z of a sample far below another's are all 0; the reference passes, and so does its code for a batch of one."""

    class Whole:
        name = "whole"

        def evaluate(self, described, params, x, t, **_):
            *below, last = (made := build_network(described)).layers
            last = replace(last, activation=replace(last.activation, forward=self.softmax))
            with np.errstate(invalid="ignore"):
                loss, gradients = backpropagate(replace(made, layers=(*below, last)), params, x, t)
            return Answer(loss, gradients)

        def softmax(self, z):
            e = np.exp(z - z.max())
            return e / e.sum(axis=1, keepdims=True)

    assert failed(reference, case_id, dtype) == set()
    assert failed(Whole(), case_id, dtype) == {"extreme-logits"}


def half_ignored(network, *given, **more):
    """Code that ignores the ½ of a squared error."""
    plain = msgspec.structs.replace(network.loss, half=False)
    return reference.evaluate(msgspec.structs.replace(network, loss=plain), *given, **more)


def a_little_more(*given, **more):
    """Code in which nothing has a gradient of exactly 0."""
    answer = reference.evaluate(*given, **more)
    return replace(answer, gradients={k: g + 1e-30 for k, g in answer.gradients.items()})


@pytest.mark.parametrize(("evaluate", "relation"), [(half_ignored, "scaled-loss"), (a_little_more, "padded-inputs")])
def test_what_a_check_of_its_own_gradient_would_pass_is_caught(evaluate, relation):
    """A factor that does not follow, and a gradient of what is multiplied by 0, break one relation alone."""
    assert failed(SimpleNamespace(name="wrong", evaluate=evaluate), "xor-tanh/probe-rectangular") == {relation}
