"""Mistakes that remember between calls, or change what they were given."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from nn_conformance.judge.target import Answer
from nn_maintain.mistakes.changes import Change, Evaluate
from nn_reference.arithmetic import Array, Params
from nn_reference.network import Network


def stale_cache() -> Change:
    """The second call answers the first."""
    answers: list[Answer] = []

    def change(inner: Evaluate, network: Network, params: Params, x: Array, t: Array) -> Answer:
        answers.append(inner(network, params, x, t))
        return answers[0]

    return change


def accumulated() -> Change:
    """The second call answers the sum of both."""
    total: Params = {}

    def change(inner: Evaluate, network: Network, params: Params, x: Array, t: Array) -> Answer:
        answer = inner(network, params, x, t)
        for name, g in answer.gradients.items():
            total[name] = np.asarray(total.get(name, 0) + g)
        return replace(answer, gradients=dict(total))

    return change


def first_batch_size() -> Change:
    """The gradient is divided by the size of the first batch, whatever comes later."""
    sizes: list[int] = []

    def change(inner: Evaluate, network: Network, params: Params, x: Array, t: Array) -> Answer:
        sizes.append(len(x))
        answer = inner(network, params, x, t)
        share = len(x) / sizes[0]
        return replace(answer, gradients={name: g * share for name, g in answer.gradients.items()})

    return change


def overwriting(change: Callable[[Params, Array, Array], object]) -> Change:
    """Arguments are changed in place, after the right answer was found."""

    def of_evaluate(inner: Evaluate, network: Network, params: Params, x: Array, t: Array) -> Answer:
        answer = inner(network, params, x, t)
        change(params, x, t)
        return answer

    return of_evaluate
