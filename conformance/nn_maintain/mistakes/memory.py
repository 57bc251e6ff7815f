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

    def change(inner: Evaluate) -> Evaluate:
        def evaluate(network: Network, params: Params, x: Array, t: Array) -> Answer:
            answers.append(inner(network, params, x, t))
            return answers[0]

        return evaluate

    return change


def accumulated() -> Change:
    """The second call answers the sum of both."""
    total: Params = {}

    def change(inner: Evaluate) -> Evaluate:
        def evaluate(network: Network, params: Params, x: Array, t: Array) -> Answer:
            answer = inner(network, params, x, t)
            for name, g in answer.gradients.items():
                total[name] = np.asarray(total.get(name, 0) + g)
            return replace(answer, gradients=dict(total))

        return evaluate

    return change


def first_batch_size() -> Change:
    """The gradient is divided by the size of the first batch, whatever comes later."""
    sizes: list[int] = []

    def change(inner: Evaluate) -> Evaluate:
        def evaluate(network: Network, params: Params, x: Array, t: Array) -> Answer:
            sizes.append(len(x))
            answer = inner(network, params, x, t)
            share = len(x) / sizes[0]
            return replace(answer, gradients={name: g * share for name, g in answer.gradients.items()})

        return evaluate

    return change


def overwriting(change: Callable[[Params, Array, Array], None]) -> Change:
    """Arguments are changed in place, after the right answer was found."""

    def of_evaluate(inner: Evaluate) -> Evaluate:
        def evaluate(network: Network, params: Params, x: Array, t: Array) -> Answer:
            answer = inner(network, params, x, t)
            change(params, x, t)
            return answer

        return evaluate

    return of_evaluate


def scale_inputs(_: Params, x: Array, __: Array) -> None:
    """x is halved."""
    x /= 2


def subtract_targets(_: Params, __: Array, t: Array) -> None:
    """t becomes 1 - t."""
    np.subtract(1, t, out=t)


def move_parameters(params: Params, _: Array, __: Array) -> None:
    """Weights move already."""
    for p in params.values():
        np.subtract(p, 0.125, out=p)
