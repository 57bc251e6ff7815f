"""Mistakes of the update, and of pruning."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, cast

import numpy as np

from nn_conformance.judge.target import Pruning
from nn_reference.arithmetic import Array, Params, copied
from nn_reference.network import Network, backpropagate
from nn_reference.optimizers import Adam, Optimizer, State
from nn_reference.pruning import apply_masks, masked_state

Prune: TypeAlias = Callable[[Network, Optimizer, Params, Array, Array, Pruning, State], tuple[Params, Params]]


@dataclass(frozen=True)
class _Around:
    """What an optimiser has in common with the right one that it is made of."""

    right: Optimizer

    @property
    def learning_rate(self) -> float:
        """As the right one's."""
        return self.right.learning_rate

    def init(self, params: Params) -> State:
        """As the right one."""
        return self.right.init(params)


@dataclass(frozen=True)
class Altered(_Around):
    """An optimiser that sees other gradients, skips parameters, or forgets.

    Attributes:
        right: the optimiser.
        gradient: (p, g) -> the gradient that it sees.
        moves: whether a parameter of that name is updated.
        counts: whether it counts its steps.
        remembers: whether its moments outlive a step.
    """

    gradient: Callable[[Array, Array], Array] = lambda p, g: g
    moves: Callable[[str], bool] = lambda name: True
    counts: bool = True
    remembers: bool = True

    def step(self, params: Params, gradients: Params, state: State) -> None:
        """As the right one, after the alteration."""
        if not self.counts:
            state.step = 0
        before = {name: p.copy() for name, p in params.items() if not self.moves(name)}
        seen = {name: np.asarray(self.gradient(params[name], g)) for name, g in gradients.items()}
        self.right.step(params, seen, state if self.remembers else self.right.init(params))
        for name, p in before.items():
            params[name][...] = p


@dataclass(frozen=True)
class OtherAdam(_Around):
    """Adam written out once more, with one of its terms another.

    Attributes:
        right: the optimiser.
        corrected: whether the moments are divided by 1 - βᵗ.
        power: to which v̂ is raised before ε is added.
        inside: whether ε stands under the root.
        magnitude: whether v averages |g|, not g².
        steps: (t, index of the tensor, tensors) -> the t that it counts.
    """

    corrected: bool = True
    power: float = 0.5
    inside: bool = False
    magnitude: bool = False
    steps: Callable[[int, int, int], int] = lambda t, index, tensors: t

    def step(self, params: Params, gradients: Params, state: State) -> None:
        """One update, in place."""
        rule = self.right
        if not isinstance(rule, Adam):
            rule.step(params, gradients, state)
            return
        state.step += 1
        for index, (name, p) in enumerate(params.items()):
            g, m, v = gradients[name], state.moments["m"][name], state.moments["v"][name]
            m[...] = rule.beta1 * m + (1 - rule.beta1) * g
            v[...] = rule.beta2 * v + (1 - rule.beta2) * (np.abs(g) if self.magnitude else g * g)
            t = self.steps(state.step, index, len(params))
            first, second = (1 - beta**t if self.corrected else 1.0 for beta in (rule.beta1, rule.beta2))
            with np.errstate(divide="ignore", invalid="ignore"):
                move = rule.learning_rate * self._move(rule, m, v, first, second)
            np.subtract(p, move.astype(p.dtype), out=p)

    def _move(self, rule: Adam, m: Array, v: Array, first: float, second: float) -> Array:
        """m̂/(√v̂ + ε), with ε where the dialect has it."""
        inside, beside = (rule.epsilon, 0.0) if self.inside else (0.0, rule.epsilon)
        if rule.placement == "keras":
            return second**self.power / np.float64(first) * m / ((v + inside) ** self.power + beside)
        return m / np.float64(first) / ((v / np.float64(second) + inside) ** self.power + beside)


def other_fields(change: Callable[[Any], dict[str, Any]]) -> Callable[[Optimizer], Any]:
    """The optimiser with other fields; one that is wrapped already stays as it is."""
    return lambda rule: rule if isinstance(rule, _Around) else replace(cast("Adam", rule), **change(rule))


def pruned(
    kept: Callable[[Array, float], Array] = lambda p, threshold: np.abs(p) >= threshold,
    *,
    other_mask: bool = False,
    other_biases: bool = False,
    masked_moments: bool = True,
) -> Prune:
    """Pruning with another rule for what is kept, without its mask (or with one), with moments as they were, with biases."""

    def prune(
        network: Network, optimizer: Optimizer, params: Params, x: Array, t: Array, how: Pruning, state: State
    ) -> tuple[Params, Params]:
        biases = [name for name in params if name[0] == "b"]
        weights = [name for name in how.names if name[0] == "W"]
        without = weights if set(biases) <= set(how.names) else [*weights, *biases]
        masks = {name: kept(params[name], how.threshold) for name in (without if other_biases else how.names)}
        left = apply_masks(params, masks)
        _, gradients = backpropagate(network, left, x, t)
        moving, after = state.mapped(copied), copied(left)
        if how.keep_mask != other_mask:
            gradients = apply_masks(gradients, masks)
            moving = masked_state(moving, masks) if masked_moments else moving
        optimizer.step(after, {name: np.array(g) for name, g in gradients.items()}, moving)
        return left, after

    return prune
