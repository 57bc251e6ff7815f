"""Relations between calls: they hold for honest code on every probe, and break for the mistakes that they are made for."""

from dataclasses import replace

import pytest

from nn_conformance.cases.store import Store
from nn_conformance.judge.ladder import judge
from nn_conformance.judge.metamorphic import RELATIONS, Call, ratio_of, relations
from nn_conformance.oracles import reference
from nn_maintain.mistakes import CATALOGUE
from nn_maintain.mistakes.mistaken import Mistaken

pytestmark = pytest.mark.numeric

STORE = Store()
PROBES = [case_id for case_id in STORE.ids if case_id.endswith(("probe-rectangular", "probe-unbalanced"))]


def call(case_id, dtype="float64"):
    loaded = STORE.case(case_id)
    params = {name: p.astype(dtype) for name, p in loaded.params.items()}
    return Call(loaded.case.network, params, loaded.x.astype(dtype), loaded.t.astype(dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case_id", PROBES)
def test_relations_hold_for_the_reference(case_id, dtype):
    """Every relation that the network has holds, within a third of the limits of both sides."""

    def ask(c):
        return reference.evaluate(c.network, c.params, c.x, c.t)

    given = call(case_id, dtype)
    first = ask(given)
    ratios = {r.name: ratio_of(r, ask, given, first, dtype) for r in relations(given.network)}

    assert {name: ratio for name, ratio in ratios.items() if not ratio[0] <= 1 / 3} == {}


def test_every_relation_is_had_by_some_network():
    """The six relations all occur; a softmax over the batch has none of those that take samples apart."""
    had = {case_id: {relation.name for relation in relations(call(case_id).network)} for case_id in PROBES}

    assert set().union(*had.values()) == {relation.name for relation in RELATIONS}
    coupled = had["mnist-relu-torch/probe-rectangular"]
    assert coupled.isdisjoint({"doubled-batch", "sum-over-samples"})


def failed(target, case_id="mnist-relu/probe-rectangular", dtype="float64"):
    """The relations that fail on the ladder."""
    verdicts = judge(STORE.case(case_id), target, dtype, rungs=("metamorphic",))
    return {v.id.split("::")[2] for v in verdicts if v.status == "failed"}


def broken(slug, dtype="float64"):
    """The relations that a mistake breaks."""
    return failed(Mistaken(next(mistake for mistake in CATALOGUE if mistake.slug == slug)), dtype=dtype)


@pytest.mark.parametrize(
    ("slug", "relation"),
    [
        ("sum-for-mean", "doubled-batch"),
        ("mean-twice", "doubled-batch"),
        ("bias-of-one-sample", "permuted-batch"),
        ("sample-dropped", "permuted-batch"),
        ("bias-averaged", "sum-over-samples"),
        ("gradients-accumulate", "permuted-batch"),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_mistakes_break_the_relation_made_for_them(slug, relation, dtype):
    """Without any expected value the relation fails."""
    assert relation in broken(slug, dtype)


def test_a_stale_cache_breaks_what_changes_the_gradients():
    """The first answer given again is wrong for units in another order."""
    assert "permuted-units" in broken("stale-cache")


def test_scaled_loss_shows_a_factor_that_does_not_follow():
    """Code that ignores the ½ of a squared error fails, though a check of its own gradient would pass."""

    class Deaf:
        name = "deaf"

        def evaluate(self, network, params, x, t, **kw):
            import msgspec

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
