"""What a target remembers, changes, leaves to chance or updates wrongly is told, and what its door cannot show is not guessed."""

import numpy as np
import pytest
from explain_problems import AMPLE, of
from spread import everyday

from nn_conformance import conforms
from nn_conformance.cases.families import describe_network, describe_optimizer
from nn_conformance.explain import explain
from nn_conformance.explain.asking import draw
from nn_conformance.explain.backward_rules import SAMPLES, backs, errors, inputs
from nn_conformance.explain.derivative_rules import FORMULAS, OF_ERROR
from nn_conformance.explain.forward_rules import ACTIVATIONS, DATA, LOSSES, PREACTIVATIONS
from nn_conformance.explain.sum_rules import BIASES, WEIGHTS
from nn_conformance.explain.texts import places, texts
from nn_conformance.explain.trace import trace
from nn_conformance.explain.update_rules import experiment, right_rule, variants
from nn_maintain.mistakes import CATALOGUE
from nn_maintain.mistakes.mistaken import Mistaken
from nn_reference.optimizers import SGD, Adam
from nn_reference.systems import SYSTEMS, get

BY_SLUG = {mistake.slug: mistake for mistake in CATALOGUE}


def planted(name, *slugs, dtype="float64", optimizer=True):
    """What is said of mistakes of the catalogue, by slug."""
    system, mistakes = get(name), [BY_SLUG[slug] for slug in slugs]
    described = describe_optimizer(system.recipe.optimizer) if optimizer else None
    network = describe_network(system.network)
    return explain(Mistaken(*mistakes), network, described, dtype, budget=AMPLE, fresh=lambda: Mistaken(*mistakes))


@pytest.mark.parametrize(
    "slug",
    [
        "stale-cache",
        "gradients-accumulate",
        "inputs-overwritten",
        "targets-overwritten",
        "parameters-overwritten",
        "first-batch-size",
        "single-precision",
    ],
)
def test_memory_arguments_and_precision_are_named(slug):
    """What shows between calls only, in arguments or in rounding has its name, and nothing else has."""
    assert planted("xor-sigmoid/documented", slug).slugs == {slug}


UPDATES = [mistake.slug for mistake in CATALOGUE if mistake.kind == "update"]


@pytest.mark.parametrize("slug", everyday(UPDATES, UPDATES[::3]))
def test_each_mistake_of_an_update_is_named(slug):
    """Every mistake of the update in the catalogue is named on a network that can have it."""
    from nn_maintain.mistakes.catalogue import properties

    name = next(
        s.id
        for s in SYSTEMS
        if {"biases", *BY_SLUG[slug].needs}
        <= properties(describe_network(s.network), describe_optimizer(s.recipe.optimizer))
    )
    assert slug in planted(name, slug).slugs


def test_gradients_that_add_up_are_seen_through():
    """Behind gradients that accumulate, another mistake is found all the same."""
    assert {"gradients-accumulate", "derivative-at-a"} <= planted(
        "xor-sigmoid/documented", "gradients-accumulate", "derivative-at-a"
    ).slugs


def test_random_answers_are_said_to_be_random():
    """Dropout is told as such: no rule of backpropagation is blamed."""
    rng = np.random.default_rng(0)

    def function(params, x, t):
        return 0.5, {name: rng.normal(size=p.shape) for name, p in params.items()}

    assert of(function).slugs == {"random-answers"}


def step_of(rate=None, early=False):
    """An update for iris-sigmoid with a rate of its own, or with W2 updated before it is used on the way back."""

    @conforms("iris-sigmoid")
    def step(params, x, t, lr):
        lr = rate or lr
        h = 1 / (1 + np.exp(-x @ params["W1"]))
        o = 1 / (1 + np.exp(-h @ params["W2"]))
        d = (o - t) * o * (1 - o)
        w2 = params["W2"] - lr * h.T @ d
        back = w2 if early else params["W2"]
        return {"W1": params["W1"] - lr * x.T @ (d @ back.T * h * (1 - h)), "W2": w2}

    return step


@pytest.mark.parametrize(
    ("options", "slug"), [({"rate": 0.3}, "rate-constant"), ({"early": True}, "weights-updated-early"), ({}, None)]
)
def test_a_target_that_only_updates_is_explained_by_several_rates(options, slug):
    """A constant rate and an early update are told apart by steps of different rates; a right step is not explained."""
    optimizer = describe_optimizer(get("iris-sigmoid").recipe.optimizer)
    explanation = of(step_of(**options), "iris-sigmoid/documented", optimizer=optimizer)
    assert (slug in explanation.slugs) if slug else not explanation.slugs


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
    assert FORMULAS
    assert OF_ERROR


def rows():
    """Networks and mistakes of evaluation that can be made in them: all of two networks, of the others a fifth, by turns."""
    from nn_conformance.cases.store import Store
    from nn_maintain.kills import networks, possible

    for turn, (name, cases) in enumerate(networks(Store()).items()):
        whole = name in ("homework/documented", "iris-relu-adam/documented")
        for mistake in possible(cases):
            ours = whole or (turn + CATALOGUE.index(mistake)) % 5 == 0
            if ours and mistake.kind in ("evaluation", "loss", "forward"):
                yield pytest.param(name, mistake.slug, marks=() if name == "homework/documented" else pytest.mark.slow)


@pytest.mark.parametrize(("name", "slug"), list(rows()))
def test_the_catalogue_is_named(name, slug):
    """Each mistake of the catalogue is named, with numbers that its mutant confirms."""
    explanation = planted(name, slug, optimizer=False)
    assert slug in explanation.slugs
    assert explanation.confirmed
