"""Does a case show a mistake? It does if the mistaken numbers are far from the certified ones, or none come out."""

from collections.abc import Callable

import numpy as np

from nn_conformance.fixtures import format as fmt
from nn_conformance.fixtures.families import build_network, build_optimizer
from nn_conformance.fixtures.store import LoadedCase
from nn_conformance.mistakes.catalogue import Mistake
from nn_conformance.mistakes.mutations import Evaluate
from nn_reference.arithmetic import Array, Params
from nn_reference.network import backpropagate
from nn_reference.optimizers import Optimizer, State

# Relative to a tensor's norm. Honest float32 stays near 1e-6 on these sizes, so this is a hundred times above it.
FAR = 1e-4
# What is smaller is zero by structure, and only rounding.
TINY = 1e-9


def killed(mistake: Mistake, loaded: LoadedCase) -> str | None:
    """The first field of the case in which the mistake shows, or None."""
    if mistake.optimizer is not None:
        return _killed_by_steps(mistake.optimizer, loaded)
    evaluate = mistake.evaluate if mistake.calls is None else mistake.calls()
    return None if evaluate is None else _killed_by_calls(evaluate, loaded)


def _killed_by_calls(evaluate: Evaluate, loaded: LoadedCase) -> str | None:
    case = loaded.case
    rows = slice(None) if case.rows is None else np.array(case.rows)
    calls: list[tuple[str, Array, Array, fmt.Evaluation]] = [
        ("evaluation", loaded.x[rows], loaded.t[rows], case.evaluation)
    ]
    if case.second_call is not None:
        x, t = (loaded.array(getattr(case.second_call, name), f"second_call.{name}") for name in "xt")
        calls.append(("second_call", x, t, case.second_call.evaluation))
    for field, x, t, expected in calls:
        try:
            loss, gradients = evaluate(build_network(case.network), loaded.params, x, t)
        except (ValueError, IndexError):  # shapes that do not fit: nobody would miss that
            return f"{field}: no answer"
        shown = _far_off(loaded, field, expected, float(loss), gradients)
        if shown:
            return shown
    return None


def _killed_by_steps(alter: Callable[[Optimizer], Optimizer], loaded: LoadedCase) -> str | None:
    case = loaded.case
    network, optimizer = build_network(case.network), alter(build_optimizer(case.optimizer))
    for k, step in enumerate(case.steps):
        if step.after is None:
            continue
        before = loaded.params if step.params is None else loaded.arrays(step.params, f"steps[{k}].params")
        params = {name: p.copy() for name, p in before.items()}
        state = optimizer.init(params) if step.state is None else _state(loaded, step.state, k)
        _, gradients = backpropagate(network, params, loaded.x[step.rows], loaded.t[step.rows])
        optimizer.step(params, gradients, state)
        for name, after in loaded.arrays(step.after, f"steps[{k}].after").items():
            # Relative to the move: that is what the optimiser decides.
            move = max(float(np.linalg.norm(after - before[name])), TINY)
            if not np.linalg.norm(params[name] - after) <= FAR * move:
                return f"steps[{k}].after.{name}"
    return None


def _far_off(loaded: LoadedCase, field: str, expected: fmt.Evaluation, loss: float, gradients: Params) -> str | None:
    right = float(expected.loss)
    if not abs(loss - right) <= FAR * max(abs(right), TINY):
        return f"{field}.loss"
    # Kinks allow any slope; no mistake of the catalogue hides in them, so their reach is simply allowed for.
    slack = dict.fromkeys(gradients, 0.0)
    for kink in expected.kinks:
        for name, change in loaded.arrays(kink.change, f"{field}.kinks").items():
            slack[name] += float(np.linalg.norm(change))
    for name, g in loaded.arrays(expected.gradients, f"{field}.gradients").items():
        if gradients[name].shape != g.shape:
            return f"{field}.gradients.{name}: shape"
        if not np.linalg.norm(gradients[name] - g) <= FAR * max(float(np.linalg.norm(g)), TINY) + slack[name]:
            return f"{field}.gradients.{name}"
    return None


def _state(loaded: LoadedCase, state: fmt.State, k: int) -> State:
    where = f"steps[{k}].state"
    return State(state.step, {m: loaded.arrays(arrays, f"{where}.{m}") for m, arrays in state.moments.items()})
