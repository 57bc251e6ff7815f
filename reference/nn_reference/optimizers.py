"""Optimisers: SGD, momentum in four dialects, AdaGrad, RMSProp and Adam with either placement of ε.

`step` works **in place**: it updates parameters and state, and uses the gradients up as scratch space. At 235,200
weights a temporary array costs as much as the arithmetic. Copy first what must survive. t counts steps from 1.
"""

from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from nn_reference.arithmetic import Array, Params, exact, zeros_like
from nn_reference.validation import check_choice, check_number


@dataclass
class State:
    """What an optimiser remembers: steps taken, and moments by their name and the parameter's."""

    step: int = 0
    moments: dict[str, Params] = field(default_factory=dict)


class Optimizer(Protocol):
    """What a training loop needs of an optimiser."""

    @property
    def learning_rate(self) -> float:
        """Step size."""

    def init(self, params: Params) -> State:
        """The state before the first step."""

    def step(self, params: Params, gradients: Params, state: State) -> None:
        """One update of `params` and `state`, in place; `gradients` hold nothing of use afterwards."""


@dataclass(frozen=True)
class SGD:
    """θ ← θ - lr·g; or with momentum μ, by `dialect`, where v starts at 0.

    ``classical``: v ← μv + g, θ ← θ - lr·v, PyTorch's form;
    ``rate``: v ← μv + lr·g, θ ← θ - v, the learning rate inside the velocity (Keras keeps -v);
    ``nesterov``: v ← μv + g, θ ← θ - lr·(g + μv);
    ``averaged``: v ← μv + (1-μ)g, θ ← θ - lr·v.
    """

    learning_rate: float
    momentum: float = 0.0
    dialect: Literal["classical", "rate", "nesterov", "averaged"] = "classical"

    def __post_init__(self) -> None:
        check_number("learning_rate", self.learning_rate, least=0)
        check_number("momentum", self.momentum, least=0)
        check_choice("dialect", self.dialect, ("classical", "rate", "nesterov", "averaged"))

    def init(self, params: Params) -> State:
        """Velocities of zero, or nothing at all without momentum."""
        return _zeros(params, "v" if self.momentum else "")

    def step(self, params: Params, gradients: Params, state: State) -> None:
        """One update, in place."""
        state.step += 1
        for name, p in params.items():
            g = gradients[name]
            if self.momentum:
                self._accelerate(g, state.moments["v"][name])
            if not (self.momentum and self.dialect == "rate"):
                np.multiply(g, self.learning_rate, out=g)
            np.subtract(p, g, out=p)

    def _accelerate(self, g: Array, v: Array) -> None:
        """The velocity's update; what moves the parameter is left in g, in `rate` with the learning rate in it."""
        np.multiply(v, self.momentum, out=v)
        if self.dialect == "rate":
            np.multiply(g, self.learning_rate, out=g)
        elif self.dialect == "averaged":
            np.multiply(g, 1 - exact(self.momentum, g), out=g)
        np.add(v, g, out=v)
        if self.dialect == "nesterov":
            np.add(g, v * self.momentum, out=g)
        else:
            np.copyto(g, v)


@dataclass(frozen=True)
class AdaGrad:
    """v ← v + g², from v = 0, then θ ← θ - lr·g/(√v + ε), or lr·g/√(v + ε) with the placement ``keras``."""

    learning_rate: float = 0.01
    epsilon: float = 1e-10
    placement: Literal["torch", "keras"] = "torch"

    def __post_init__(self) -> None:
        check_number("learning_rate", self.learning_rate, least=0)
        check_number("epsilon", self.epsilon, least=0)
        check_choice("placement", self.placement, ("torch", "keras"))

    def init(self, params: Params) -> State:
        """Sums of zero."""
        return _zeros(params, "v")

    def step(self, params: Params, gradients: Params, state: State) -> None:
        """One update, in place."""
        state.step += 1
        for name, p in params.items():
            v, g = state.moments["v"][name], gradients[name]
            np.add(v, g * g, out=v)
            _scaled_step(p, g, v, self)


@dataclass(frozen=True)
class RMSProp:
    """v ← ρv + (1-ρ)g², from v = 0, then as `AdaGrad`; ρ is `beta2`."""

    learning_rate: float = 0.01
    beta2: float = 0.99
    epsilon: float = 1e-8
    placement: Literal["torch", "keras"] = "torch"

    def __post_init__(self) -> None:
        check_number("learning_rate", self.learning_rate, least=0)
        check_number("beta2", self.beta2, least=0, below=1)
        check_number("epsilon", self.epsilon, least=0)
        check_choice("placement", self.placement, ("torch", "keras"))

    def init(self, params: Params) -> State:
        """Means of zero."""
        return _zeros(params, "v")

    def step(self, params: Params, gradients: Params, state: State) -> None:
        """One update, in place."""
        state.step += 1
        for name, p in params.items():
            v, g = state.moments["v"][name], gradients[name]
            np.multiply(v, self.beta2, out=v)
            np.add(v, g * g * (1 - exact(self.beta2, g)), out=v)
            _scaled_step(p, g, v, self)


@dataclass(frozen=True)
class Adam:
    """m ← β₁m + (1-β₁)g, v ← β₂v + (1-β₂)g², then a step by m over √v, by `placement` of ε.

    ``torch``: θ ← θ - lr/(1-β₁ᵗ) · m / (√v/√(1-β₂ᵗ) + ε), ε beside the corrected root, as PyTorch has it;
    ``keras``: θ ← θ - lr·√(1-β₂ᵗ)/(1-β₁ᵗ) · m / (√v + ε), the paper's ε̂ form, as Keras has it.
    """

    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    placement: Literal["torch", "keras"] = "torch"

    def __post_init__(self) -> None:
        check_number("learning_rate", self.learning_rate, least=0)
        check_number("beta1", self.beta1, least=0, below=1)
        check_number("beta2", self.beta2, least=0, below=1)
        check_number("epsilon", self.epsilon, least=0)
        check_choice("placement", self.placement, ("torch", "keras"))

    def init(self, params: Params) -> State:
        """Moments of zero."""
        return _zeros(params, "mv")

    def step(self, params: Params, gradients: Params, state: State) -> None:
        """One update, in place."""
        state.step += 1
        for name, p in params.items():
            self._update(p, gradients[name], state.moments["m"][name], state.moments["v"][name], state.step)

    def _update(self, p: Array, g: Array, m: Array, v: Array, t: int) -> None:
        np.multiply(m, self.beta1, out=m)
        np.add(m, (1 - self.beta1) * g, out=m)
        np.multiply(v, self.beta2, out=v)
        np.multiply(g, g, out=g)
        np.multiply(g, 1 - self.beta2, out=g)
        np.add(v, g, out=v)
        # Powers of β are Python floats, or balls, never float32: β₂ᵗ rounded there would cost 200 u.
        correction1 = 1 - exact(self.beta1, p) ** t
        correction2 = (1 - exact(self.beta2, p) ** t) ** exact(0.5, p)
        denominator = np.sqrt(v, out=g)
        if self.placement == "torch":
            np.divide(denominator, correction2, out=denominator)
            rate = self.learning_rate / correction1
        else:
            rate = self.learning_rate * correction2 / correction1
        np.add(denominator, self.epsilon, out=denominator)
        np.divide(m, denominator, out=g)
        np.multiply(g, rate, out=g)
        np.subtract(p, g, out=p)


def _zeros(params: Params, moments: str) -> State:
    """A fresh state with these moments of zero."""
    return State(moments={moment: {name: zeros_like(p) for name, p in params.items()} for moment in moments})


def _scaled_step(p: Array, g: Array, v: Array, rule: AdaGrad | RMSProp) -> None:
    """θ ← θ - lr·g over the root of v, with ε beside it or inside it."""
    size = np.sqrt(v) + rule.epsilon if rule.placement == "torch" else np.sqrt(v + rule.epsilon)
    np.multiply(g, rule.learning_rate, out=g)
    np.divide(g, size, out=g)
    np.subtract(p, g, out=p)
