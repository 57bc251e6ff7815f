"""Document 002's network as a function, for the tests of what is made a target."""

from functools import cache

from homework import right

from nn_conformance.cases import format as fmt
from nn_conformance.cases.store import Store
from nn_conformance.judge.ladder import judge
from nn_conformance.subjects import subject_of

STORE = Store()
load = cache(STORE.case)
HOMEWORK = [f"homework/probe-{probe}" for probe in ("rectangular", "one", "twice", "extreme")]


def homework(p, x, t):
    """Document 002's network: gradients by name, and the loss."""
    loss, gradients = right(p, x, t)
    return gradients, loss


def fresh(function):
    """The function as an object of its own, which can be marked without marking the other."""

    def copy(p, x, t):
        return function(p, x, t)

    return copy


def statuses(obj):
    """{rung: its statuses} over some cases; a verdict of another kind fails the test."""
    found = {}
    for case in HOMEWORK:
        for dtype in fmt.DTYPES:
            for verdict in judge(load(case), subject_of(obj, ["homework"]).target, dtype, trusted=True):
                assert verdict.status in ("passed", "unsupported"), verdict
                found.setdefault(verdict.rung, set()).add(verdict.status)
    return found
