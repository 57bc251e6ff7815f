"""Which source lines of document 001's class warn, and in which order, until its weights are NaN."""

import warnings

import numpy as np

from nn_reference.plain import mnist_sigmoid_numpy as document
from nn_reference.systems import System

SAMPLES = 100  # after which every weight is NaN: 43 is the most that 21 seeds took
FUNCTIONS = {document.sigmoid: "sigmoid", document.sigmoid_prime: "its derivative"}  # as the figures name them


def lines_that_warn(system: System, seed: int) -> str:
    """The lines by name, one for each warning that Python shows: of a line, each message once.

    Args:
        system: `mnist-sigmoid-numpy/documented`.
        seed: of the starting weights.
    """
    data, rate = system.load(), system.recipe.optimizer.learning_rate
    params = {name: p.copy() for name, p in system.start(seed).items()}
    names = {line: name for function, name in FUNCTIONS.items() for *_, line in function.__code__.co_lines()}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for x, t in zip(data.train_x[:SAMPLES, None], data.train_t[:SAMPLES, None], strict=True):
            document.step(params, x, t, rate)  # type: ignore[no-untyped-call] # it is for students
            if np.isnan(params["W1"]).all():
                break
    shown = dict.fromkeys((names[warning.lineno], str(warning.message)) for warning in caught)
    return ", ".join(name for name, _ in shown)
