"""The reference, with what a test makes of its answers, and what the ladder says of it."""

from dataclasses import replace
from functools import cache

from nn_conformance.cases.store import Store
from nn_conformance.judge.ladder import check_ids
from nn_conformance.oracles import reference

STORE = Store()


@cache
def case(case_id):
    return STORE.case(case_id)


class Wrapped:
    """The reference, with what a test makes of its answers."""

    name = "wrapped"

    def __init__(self, evaluate=lambda answer, **_: answer, train=lambda run: run):
        self.change, self.change_run, self.calls = evaluate, train, 0

    def evaluate(self, network, params, x, t, *, gradients=True):
        self.calls += 1
        answer = reference.evaluate(network, params, x, t, gradients=gradients)
        return self.change(answer, params=params, x=x, t=t, call=self.calls)

    def train(self, asked):
        return self.change_run(reference.train(asked))


def gradients(change):
    """A target whose gradients are changed one by one."""
    return Wrapped(
        lambda answer, **_: replace(answer, gradients={k: change(k, g) for k, g in answer.gradients.items()})
    )


def statuses(verdicts):
    """{rung: its statuses}."""
    found = {}
    for verdict in verdicts:
        found.setdefault(verdict.rung, set()).add(verdict.status)
    return found


def only(verdicts, rung, quantity):
    """The verdict of one quantity."""
    (found,) = [v for v in verdicts if v.id.split("::")[1:3] == [rung, quantity]]
    return found


def every_rung(case_id, dtype="float64"):
    """The rungs that a case has."""
    return {check.rung for check in check_ids(case(case_id), dtype)}
