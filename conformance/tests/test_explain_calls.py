"""The catalogue is named, alone, together and in single precision, and every rule has a text."""

import pytest
from explain_problems import AMPLE

from nn_conformance.cases.families import describe_network, describe_optimizer
from nn_conformance.explain import explain
from nn_conformance.explain.asking import draw
from nn_conformance.explain.backward_rules import SAMPLES, backs, errors, inputs
from nn_conformance.explain.forward_rules import ACTIVATIONS, DATA, LOSSES, PREACTIVATIONS
from nn_conformance.explain.sum_rules import BIASES, WEIGHTS
from nn_conformance.explain.texts import places, texts
from nn_conformance.explain.trace import trace
from nn_conformance.explain.update_rules import experiment, right_rule, variants
from nn_maintain.mistakes import CATALOGUE
from nn_maintain.mistakes.mistaken import Mistaken
from nn_reference.optimizers import SGD, Adam
from nn_reference.systems import get

BY_SLUG = {mistake.slug: mistake for mistake in CATALOGUE}


def planted(name, *slugs, dtype="float64", optimizer=True):
    """What is said of mistakes of the catalogue, by slug."""
    system, mistakes = get(name), [BY_SLUG[slug] for slug in slugs]
    described = describe_optimizer(system.recipe.optimizer) if optimizer else None
    network = describe_network(system.network)
    return explain(Mistaken(*mistakes), network, described, dtype, budget=AMPLE, fresh=lambda: Mistaken(*mistakes))


def test_gradients_that_add_up_are_seen_through():
    """Behind gradients that accumulate, another mistake is found all the same."""
    assert {"gradients-accumulate", "derivative-at-a"} <= planted(
        "xor-sigmoid/documented", "gradients-accumulate", "derivative-at-a"
    ).slugs


@pytest.mark.parametrize("slug", ["derivative-at-a", "sum-for-mean", "bias-averaged", "output-derivative-missing"])
def test_single_precision_names_them_too(slug):
    """In float32 the same names are found, within its own limits."""
    assert slug in planted("xor-sigmoid/documented", slug, dtype="float32", optimizer=False).slugs


def test_every_variant_has_a_text():
    """Each slug of each slot has what the line does, why it happens and how it is mended."""
    tr = trace(draw(describe_network(get("mnist-relu/documented").network), 1, 1, "float64"))
    other = trace(draw(describe_network(get("xor-sigmoid/documented").network), 1, 1, "float64"))
    tables = [DATA, ACTIVATIONS, PREACTIVATIONS, LOSSES, SAMPLES, WEIGHTS, BIASES]
    tables += [backs(1), inputs(2), errors(tr), errors(other)]
    slugs = {rule.slug for table in tables for rule in table.values()}
    slugs |= {*places(), "derivative-other", "derivative-of-error", "derivative-in-one-use"}
    for optimizer in (SGD(0.1, 0.9), Adam(0.1)):
        slugs |= {rule.slug for rule in variants(right_rule(experiment(describe_optimizer(optimizer))))}
    assert slugs <= set(texts())


def rows():
    """Networks and mistakes that can be made in them: all of two networks, of the others a fifth, by turns."""
    from nn_conformance.cases.store import Store
    from nn_maintain.kills import networks, possible

    for turn, (name, cases) in enumerate(networks(Store()).items()):
        whole = name in ("homework/documented", "iris-relu-adam/documented")
        for mistake in possible(cases):
            k = CATALOGUE.index(mistake)
            if whole or (turn + k) % 5 == 0:
                daily = name == "homework/documented" or (whole and mistake.kind == "update" and k % 3 == 0)
                yield pytest.param(name, mistake.slug, marks=() if daily else pytest.mark.slow)


@pytest.mark.parametrize(("name", "slug"), list(rows()))
def test_the_catalogue_is_named(name, slug):
    """Each mistake of the catalogue is named; those of one call and one step with numbers that its mutant confirms."""
    mistake = BY_SLUG[slug]
    explanation = planted(name, slug, optimizer=mistake.kind == "update" or mistake.training)
    assert slug in explanation.slugs
    assert explanation.confirmed or mistake.kind not in ("evaluation", "loss", "forward")
