"""Optimisers: SGD, momentum, and Adam with either placement of ε.

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
    """θ ← θ - lr·g; with momentum μ, the heavy ball: v ← μv + g, θ ← θ - lr·v.

    That is PyTorch's form. Keras keeps v' = -lr·v instead, which is the same while the learning rate is constant.
    """

    learning_rate: float
    momentum: float = 0.0

    def __post_init__(self) -> None:
        check_number("learning_rate", self.learning_rate, least=0)
        check_number("momentum", self.momentum, least=0)

    def init(self, params: Params) -> State:
        """Velocities of zero, or nothing at all without momentum."""
        if not self.momentum:
            return State()
        return State(moments={"v": {name: zeros_like(p) for name, p in params.items()}})

    def step(self, params: Params, gradients: Params, state: State) -> None:
        """One update, in place."""
        state.step += 1
        for name, p in params.items():
            g = gradients[name]
            if self.momentum:
                v = state.moments["v"][name]
                np.multiply(v, self.momentum, out=v)
                np.add(v, g, out=v)
                np.multiply(v, self.learning_rate, out=g)
            else:
                np.multiply(g, self.learning_rate, out=g)
            np.subtract(p, g, out=p)


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
        return State(moments={moment: {name: zeros_like(p) for name, p in params.items()} for moment in "mv"})

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
