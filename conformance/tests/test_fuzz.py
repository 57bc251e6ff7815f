"""Drawn networks and single checks: honest code passes, a wrong one shrinks to the smallest, an id runs again."""

import contextlib
import io

import pytest

from nn_conformance.fixtures.store import Store
from nn_conformance.mistakes import CATALOGUE
from nn_conformance.mistakes.target import Mistaken
from nn_conformance.only import judge_one
from nn_conformance.oracles import complex_step, reference
from nn_reference.errors import InputError

pytest.importorskip("hypothesis")
STORE = Store()
BY_SLUG = {mistake.slug: mistake for mistake in CATALOGUE}


@pytest.fixture(scope="module")
def shrunk():
    """What is found of the mean's 1/N missing."""
    from nn_conformance.fuzz import fuzz

    return fuzz(Mistaken(BY_SLUG["sum-for-mean"]), 30)


@pytest.mark.parametrize("target", [reference, complex_step], ids=lambda target: target.name)
def test_honest_code_passes_on_drawn_networks(target):
    """No drawn network fails honest code, and as many are drawn as were asked for."""
    from nn_conformance.fuzz import fuzz

    found = fuzz(target, 10)
    assert found.failing is None
    assert found.drawn == 10


def test_a_failing_network_shrinks_to_the_smallest(shrunk):
    """A sum for a mean needs two samples and no more: each layer has one unit."""
    network = shrunk.failing.network

    assert len(shrunk.failing.x) == 2
    assert network.inputs == 1
    assert all(layer.units == 1 for layer in network.layers)


def test_the_snippet_runs_as_it_is_pasted(shrunk):
    """Its lines are Python that prints the right answer; what was wrong stands above as comments."""
    text = shrunk.snippet()

    assert text.startswith("# 1 → 1 ")
    assert ", right is " in text
    assert len(text.splitlines()) <= 20
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(text, "snippet", "exec"), {})  # noqa: S102 - our own text
    assert printed.getvalue().startswith("Answer(loss=")


def test_one_check_is_judged_again():
    """Its own verdict, even where the ladder would have blocked it."""
    check = "xor-tanh/probe-square::gradient::W1::float64"

    assert judge_one(STORE, reference, check).status == "passed"
    assert judge_one(STORE, Mistaken(BY_SLUG["derivative-missing"]), check).status == "failed"
    assert judge_one(STORE, reference, check).id == check


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ("xor-tanh/probe-sqare::gradient::W1::float64", "did you mean 'xor-tanh/probe-square'"),
        ("xor-tanh/probe-square::gradient::W7::float64", "did you mean 'xor-tanh/probe-square::gradient::W"),
        ("xor-tanh/probe-square", "check: there is none"),
        ("", "check: no case"),
    ],
)
def test_an_unknown_check_gets_the_nearest(check, said):
    """A mistyped id is refused by name."""
    with pytest.raises(InputError, match=said.replace("?", r"\?")):
        judge_one(STORE, reference, check)


def test_commands_of_single_checks_and_drawn_networks(command):
    """`verify --only` prints one verdict for each target, `verify --fuzz` how many were drawn; nonsense is code 2."""
    only = command("verify", "--only", "xor-tanh/probe-one::loss::loss::float64")
    assert only.code == 0
    assert "passed: xor-tanh/probe-one::loss::loss::float64 (reference)" in only.out
    assert "2 networks drawn; all agree" in command("verify", "--fuzz", "2").out
    assert "expected to draw at least 1" in command("verify", "--fuzz", "0").complaint
    assert "more than one of them" in command("verify", "homework", "--fuzz", "2").complaint
    assert "did you mean" in command("verify", "--only", "xor-tanh/probe-one::lss::loss::float64").complaint
