"""Objects that do harm before they are called, and by what they say of themselves: each is refused in a line."""

import os

import numpy as np
import pytest
from every_door import HOSTILE, TARGETS, raising, target_error
from spread import everyday

from nn_conformance import conforms
from nn_conformance.adapt.doors import opened
from nn_conformance.cases.store import Store
from nn_conformance.judge.call import Guarded
from nn_conformance.judge.target import SAYABLE, TargetError
from nn_conformance.oracles import reference
from nn_conformance.run import judge
from nn_reference.errors import InputError

pytest_plugins = ["pytester"]
CASE = Store().case("homework/probe-rectangular")


class Right:
    """A right target, for the others to spoil."""

    name = "right"

    def evaluate(self, *args, **more):
        return reference.evaluate(*args, **more)

    def train(self, asked):
        return reference.train(asked)


def leave(*_):
    raise SystemExit(0)


def spoiled(**attributes):
    """A class of right targets with other attributes."""
    return type("Spoiled", (Right,), attributes)


def refuse(self):
    raise ValueError("no weights")


REFUSED = {
    "init raises": (spoiled(__init__=refuse), "it raised ValueError: no weights"),
    "name raises": (spoiled(name=property(leave)), "it raised SystemExit"),
    "name is a number": (spoiled(name=5), "name: expected printable text, got 5"),
    "name acts on a terminal": (spoiled(name="\x1b[31m"), "name: expected printable text"),
    "does raises": (spoiled(does=property(leave)), "it raised SystemExit"),
    "does is a number": (spoiled(does=5), "does: expected some of evaluate, train, prune"),
    "does what there is not": (spoiled(does=("evaluate", "fly")), "does: expected some of evaluate, train, prune"),
    "does nothing": (spoiled(does=()), "does: expected some of evaluate, train, prune"),
    "fixed raises": (spoiled(fixed=property(leave)), "it raised SystemExit"),
    "any other attribute raises": (spoiled(__getattr__=leave), "it raised SystemExit"),
    "any attribute is a function": (spoiled(__getattr__=lambda self, name: leave), "does: expected some of"),
    "a factory of models raises": (lambda sizes: 1 / 0, "it raised ZeroDivisionError: division by zero"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_fails_before_its_first_call_is_refused_in_a_line(name):
    """A constructor, a factory or an attribute that raises or is something else is an `InputError` that says so."""
    obj, reason = REFUSED[name]

    with pytest.raises(InputError) as refusal:
        judge(conforms("homework")(obj))

    assert reason in str(refusal.value)
    assert str(refusal.value).isprintable()


def test_what_fails_before_its_first_call_is_refused_by_every_door(pytester, command):
    """The command ends with exit code 2 and one line, pytest with an error of collection, and neither with a traceback."""
    source = "from nn_conformance import conforms\n@conforms('homework')\nclass Broken:\n    name = 'x'\n"
    source += "    def __init__(self):\n        raise ValueError('no weights')\n    evaluate = train = __init__\n"
    file = pytester.path / "test_broken.py"
    file.write_text(source, "utf-8")

    done = command("verify", f"{file}:Broken")
    collected = pytester.runpytest_inprocess("-p", "no:cacheprovider", file.name)

    assert done.code == 2
    assert "it raised ValueError: no weights (test_broken.py, line 6) while the target was made" in done.err
    assert "Traceback" not in done.err
    assert collected.ret != 0
    collected.stdout.fnmatch_lines(["*it raised ValueError: no weights (test_broken.py, line 6)*"])
    collected.stdout.no_fnmatch_line("*Traceback*")


def test_target_that_calls_itself_guarded_is_guarded_all_the_same():
    """What a target says of itself switches nothing off: its `SystemExit` is a verdict."""
    report = judge(conforms("homework")(spoiled(guarded=True, evaluate=leave)))

    assert not report
    assert {verdict.failure for verdict in report.failed} == {"raised"}


def test_target_says_once_what_it_does():
    """Name, `does` and `fixed` are read when the target is taken on, and what it says later counts for nothing."""
    inner = spoiled(name="a" * 100, does=["train", "evaluate"])()
    target = Guarded(inner)
    inner.name, inner.does, inner.fixed = os, 5, "no"

    assert (target.name, target.does, target.fixed) == ("a" * 60, ("evaluate", "train"), False)


# Every day one of each way to fail: by an exit, in what is raised, in its words, in arguments, names and answers.
DAILY = [
    "exits", "unreadable", "from_nowhere", "errs_of_too_much", "resizes", "surrogate_names", "many_names", "nothing",
]  # fmt: skip


@pytest.mark.parametrize("name", everyday(HOSTILE, DAILY))
def test_whatever_a_target_does_is_a_plain_verdict(name):
    """Failures have a class that a target may have, a brief reason and few subjects, all of printable text."""
    failed = judge(TARGETS[name]).failed

    assert failed
    assert {verdict.failure for verdict in failed} <= {*SAYABLE, "claimed", "mismatch"}
    for verdict in failed:
        assert verdict.reason
        assert len(verdict.reason) <= 600
        assert len(verdict.subject) <= 20
        assert all(text.isprintable() and len(text) <= 401 for text in (verdict.reason, *verdict.subject))


@pytest.mark.parametrize("failure", [None, ["answer"], "mismatch", "crashed", "known-unused", "given-up"])
def test_target_cannot_fail_by_a_class_that_it_cannot_know(failure):
    """What it names that only judge, runner or files of known failures may name is an error that it raised."""
    target = opened(raising(target_error(failure=failure)))[0]

    with pytest.raises(TargetError) as caught:
        Guarded(target).evaluate(CASE.case.network, CASE.params, CASE.x, CASE.t)

    assert caught.value.failure == "raised"


def test_arrays_are_lent_row_after_row():
    """Code that writes to a flat view of a parameter reaches the parameter, in whatever order the arrays came."""
    seen = []

    class Flat(Right):
        def evaluate(self, network, params, x, t, **more):
            seen.extend(a.flags.c_contiguous for a in (*params.values(), x, t))
            return super().evaluate(network, params, x, t, **more)

    turned = {name: np.array(p, order="F") for name, p in CASE.params.items()}
    Guarded(Flat()).evaluate(CASE.case.network, turned, np.array(CASE.x, order="F"), np.array(CASE.t, order="F"))

    assert all(seen)
