"""Relations between calls: they hold for honest code on every probe, and break for the mistakes that they are made for."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from nn_conformance.cases import network
from nn_conformance.cases.families import build_network
from nn_conformance.cases.store import Store
from nn_conformance.judge.ladder import judge
from nn_conformance.judge.metamorphic import (
    RELATIONS,
    Call,
    ratio_of,
    ratio_with_moved_logits,
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


def ask(c):
    return reference.evaluate(c.network, c.params, c.x, c.t)


def drawn(described, dtype):
    """A call of a network with drawn parameters and inputs, and with classes for targets."""
    rng = np.random.RandomState(3)
    params = {name: rng.standard_normal(shape) for name, shape in build_network(described).shapes.items()}
    x, t = rng.standard_normal((6, described.inputs)), np.eye(described.layers[-1].units)[[0, 1, 0, 0, 1, 0]]
    return Call(described, {name: p.astype(dtype) for name, p in params.items()}, x.astype(dtype), t.astype(dtype))


OWN = {
    "3-4 relu-2 softmax, cross-entropy, l2 0.5": set(),
    "3-4 tanh-2, squared-error sum half, l2 0.25/2N biases": set(),
    "4-4 silu skip-4 relu skip-2, squared-error": {"permuted-units", "padded-inputs"},
    "3-4 tanh-4 gelu skip-2, squared-error samples": set(),
    "3-4 sigmoid-2, linear": set(),
    "3-2, linear elements, l2 0.5/N": {"permuted-units"},
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("line", OWN)
def test_relations_hold_with_penalties_skips_and_given_slopes(line, dtype):
    """Every relation is derived for a penalty, a skip connection and Σ t·y too, but those that such a layer has no room for."""
    described = network(line)
    given = drawn(described, dtype)
    first = ask(given)
    ratios = {r.name: ratio_of(r, ask, given, first, dtype)[0] for r in relations(described)}

    by_loss = {"squared_error": {"scaled-loss"}, "linear": {"doubled-targets"}}.get(described.loss.kind, set())
    assert set(ratios) == (GENERAL | by_loss) - OWN[line]
    assert max(ratios.values()) <= 1 / 3


def test_a_penalty_divided_by_another_count_is_caught():
    """Code that divides a penalty by N, where the network does not, breaks the doubled batch."""

    def wrongly(c):
        wrong = msgspec.structs.replace(c.network.penalty, scaling="1/N")
        return reference.evaluate(msgspec.structs.replace(c.network, penalty=wrong), c.params, c.x, c.t)

    described = network("2-1, squared-error, l2 0.5")
    given = Call(described, {"W1": np.ones((2, 1)), "b1": np.zeros(1)}, np.ones((3, 2)), np.zeros((3, 1)))
    (relation,) = (r for r in RELATIONS if r.name == "doubled-batch")

    assert ratio_of(relation, wrongly, given, wrongly(given), "float64")[0] > 1e6


def test_every_relation_is_had_by_some_network():
    """All relations occur; a softmax over the batch has none of those that take samples apart."""
    had = {case_id: {relation.name for relation in relations(STORE.case(case_id).case.network)} for case_id in PROBES}
    had["linear"] = {relation.name for relation in relations(network("2-1, linear"))}

    assert set().union(*had.values()) == {relation.name for relation in RELATIONS}
    coupled = had["mnist-relu-torch/probe-rectangular"]
    assert coupled.isdisjoint({"doubled-batch", "sum-over-samples"})


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


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "line",
    ["4-3 softmax, cross-entropy", "3-5 relu-4, cross-entropy logits", "3-4 sigmoid-3 softmax, squared-error, out-in",
     "3-4 tanh-4 tanh skip-3 softmax, squared-error", "3-4 relu-2, cross-entropy logits sum, no-bias"],
)  # fmt: skip
def test_logits_that_move_alike_change_nothing(line, dtype):
    """With each sample's logits moved by thousands the reference stays within a third of the limits."""
    described = network(line)
    given = drawn(described, dtype)

    assert softmax_at_the_end(described)
    assert 0 < ratio_with_moved_logits(ask, given, ask(given), dtype)[0] <= 1 / 3


def test_scaled_loss_shows_a_factor_that_does_not_follow():
    """Code that ignores the ½ of a squared error fails, though a check of its own gradient would pass."""

    class Deaf:
        name = "deaf"

        def evaluate(self, network, params, x, t, **kw):
            plain = msgspec.structs.replace(network.loss, half=False)
            return reference.evaluate(msgspec.structs.replace(network, loss=plain), params, x, t, **kw)

    assert failed(Deaf(), "xor-tanh/probe-rectangular") == {"scaled-loss"}


def test_padding_that_gets_a_gradient_is_caught():
    """The weights of an input that is always 0 must get a gradient of exactly 0."""

    class Leaky:
        name = "leaky"

        def evaluate(self, *args, **kw):
            answer = reference.evaluate(*args, **kw)
            return replace(answer, gradients={k: g + 1e-30 for k, g in answer.gradients.items()})

    assert failed(Leaky(), "xor-tanh/probe-rectangular") == {"padded-inputs"}
