"""Mistakes of the update, and of pruning."""

from collections.abc import Callable
from dataclasses import is_dataclass, replace
from functools import partial
from math import inf
from types import SimpleNamespace
from typing import Any, TypeAlias, cast

import numpy as np

from nn_conformance.cases.families import build_network, build_optimizer
from nn_conformance.judge.target import Pruning, Training
from nn_conformance.oracles import reference
from nn_reference.arithmetic import Array, Params, copied
from nn_reference.optimizers import Adam, Optimizer, State
from nn_reference.pruning import apply_masks, magnitude_masks
from nn_reference.training import train

# An update in place of that of the first argument, for the other three.
Step: TypeAlias = Callable[[Optimizer, Params, Params, State], None]
Prune: TypeAlias = Callable[..., tuple[Params, Params]]  # `prune` of a target


def stepping(update: Step) -> Callable[[Optimizer], Optimizer]:
    """The optimiser with other updates than its own."""

    def changed(rule: Optimizer) -> Optimizer:
        own = SimpleNamespace(learning_rate=rule.learning_rate, init=rule.init, step=partial(update, rule))
        return cast("Optimizer", own)

    return changed


def seeing(gradient: Callable[[Array, Array], Array]) -> Callable[[Optimizer], Optimizer]:
    """The optimiser with gradient(p, g) in place of each g."""
    return stepping(
        lambda rule, params, gradients, state: rule.step(
            params, {name: np.asarray(gradient(params[name], g)) for name, g in gradients.items()}, state
        )
    )


def weights_alone(rule: Optimizer, params: Params, gradients: Params, state: State) -> None:
    """No bias moves."""
    rule.step({name: p for name, p in params.items() if name[0] == "W"}, gradients, state)


def uncounted(rule: Optimizer, params: Params, gradients: Params, state: State) -> None:
    """Each step is the first."""
    state.step = 0
    rule.step(params, gradients, state)


def other_fields(change: Callable[[Any], dict[str, Any]]) -> Callable[[Optimizer], Any]:
    """The optimiser with other fields; one that is changed already stays as it is."""
    return lambda rule: replace(rule, **change(rule)) if is_dataclass(rule) else rule


def other_adam(
    *,
    power: float = 0.5,
    inside: bool = False,
    magnitude: bool = False,
    steps: Callable[[int, int, int], int] = lambda t, index, tensors: t,
) -> Callable[[Optimizer], Optimizer]:
    """Adam written out once more, with one of its terms another; any other rule is as it was.

    Args:
        power: to which v̂ is raised before ε is added.
        inside: whether ε stands under the root.
        magnitude: whether v averages |g|, not g².
        steps: (t, index of the tensor, tensors) -> the t that it counts.
    """

    def update(rule: Optimizer, params: Params, gradients: Params, state: State) -> None:
        if not isinstance(rule, Adam):
            rule.step(params, gradients, state)
            return
        state.step += 1
        within, beside = (rule.epsilon, 0.0) if inside else (0.0, rule.epsilon)
        for index, (name, p) in enumerate(params.items()):
            g, m, v = gradients[name], state.moments["m"][name], state.moments["v"][name]
            m[...] = rule.beta1 * m + (1 - rule.beta1) * g
            v[...] = rule.beta2 * v + (1 - rule.beta2) * (np.abs(g) if magnitude else g * g)
            t = steps(state.step, index, len(params))
            first, second = (np.float64(1 - beta**t) for beta in (rule.beta1, rule.beta2))
            with np.errstate(divide="ignore", invalid="ignore"):
                if rule.placement == "keras":
                    move = second**power / first * m / ((v + within) ** power + beside)
                else:
                    move = m / first / ((v / second + within) ** power + beside)
                np.subtract(p, (rule.learning_rate * move).astype(p.dtype), out=p)

    return stepping(update)


def pruning(change: Callable[[Params, Pruning], tuple[Params, Pruning]]) -> Prune:
    """Pruning of other parameters, or in another way."""

    def prune(asked: Training, how: Pruning) -> tuple[Params, Params]:
        params, how = change(asked.params, how)
        return reference.prune(replace(asked, params=params), how)

    return prune


def other_biases(params: Params, how: Pruning) -> tuple[Params, Pruning]:
    """Pruning of biases where they are to be left, and the other way round."""
    weights = [name for name in params if name[0] == "W"]
    return params, replace(how, names=weights if set(params) <= set(how.names) else list(params))


def negative_pruned(params: Params, how: Pruning) -> tuple[Params, Pruning]:
    """Pruning of all that is negative too."""
    return params | {name: np.maximum(params[name], 0) for name in how.names}, how


def ties_pruned(params: Params, how: Pruning) -> tuple[Params, Pruning]:
    """Pruning of what is at the threshold too."""
    dtype = next(iter(params.values())).dtype.type
    return params, replace(how, threshold=float(np.nextafter(dtype(how.threshold), dtype(inf))))


def unmasked_moments(asked: Training, how: Pruning) -> tuple[Params, Params]:
    """Pruning with a mask for the gradients alone."""
    masks, x, t = magnitude_masks(asked.params, how.threshold, how.names), asked.x, asked.t
    left, rule, own = (
        apply_masks(asked.params, masks),
        build_optimizer(asked.optimizer),
        (asked.state or State()).mapped(copied),
    )
    return left, train(
        build_network(asked.network), left, rule, [slice(0, len(x))], x, t, state=own, masks=masks
    ).params
