"""Optimisers: SGD, momentum in four dialects, AdaGrad, RMSProp and Adam with either placement of ε.

`step` works **in place**: it updates parameters and state, and uses the gradients up as scratch space. At 235,200
weights a temporary array costs as much as the arithmetic. Copy first what must survive. t counts steps from 1.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import ClassVar, Literal, Protocol

import numpy as np

from nn_reference.arithmetic import Array, Params, exact, zeros_like
from nn_reference.validation import check_choice, check_number

CHOICES = {"dialect": ("classical", "rate", "nesterov", "averaged"), "placement": ("torch", "keras")}


@dataclass
class State:
    """What an optimiser remembers: steps taken, and moments by their name and the parameter's."""

    step: int = 0
    moments: dict[str, Params] = field(default_factory=dict)

    def mapped(self, change: Callable[[Params], Params]) -> "State":
        """A new state after as many steps, with `change` of each moment's arrays."""
        return State(self.step, {moment: change(arrays) for moment, arrays in self.moments.items()})


class Optimizer(Protocol):
    """What a training loop needs of an optimiser."""

    @property
    def learning_rate(self) -> float:
        """Step size."""

    def init(self, params: Params) -> State:
        """The state before the first step."""

    def step(self, params: Params, gradients: Params, state: State) -> None:
        """One update of `params` and `state`, in place; `gradients` hold nothing of use afterwards."""


class _Rule(ABC):
    """What the optimisers share: their fields are checked, and each parameter is updated by itself."""

    moments: ClassVar[str] = ""  # one letter for each

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if name in CHOICES:
                check_choice(name, value, CHOICES[name])
            else:
                check_number(name, value, least=0, below=1 if name.startswith("beta") else inf)

    def init(self, params: Params) -> State:
        """The state before the first step: moments of zero."""
        return State(moments={moment: {name: zeros_like(p) for name, p in params.items()} for moment in self.moments})

    def step(self, params: Params, gradients: Params, state: State) -> None:
        """One update of `params` and `state`, in place."""
        state.step += 1
        for name, p in params.items():
            self._update(p, gradients[name], state.step, *(state.moments[m][name] for m in self.moments))

    @abstractmethod
    def _update(self, p: Array, g: Array, t: int, /, *moments: Array) -> None:
        """One parameter, in place; g is used up."""


@dataclass(frozen=True)
class SGD(_Rule):
    """θ ← θ - lr·g; or with momentum μ, by `dialect`, where v starts at 0.

    ``classical``: v ← μv + g, θ ← θ - lr·v, PyTorch's form;
    ``rate``: v ← μv + lr·g, θ ← θ - v, the learning rate inside the velocity (Keras keeps -v);
    ``nesterov``: v ← μv + g, θ ← θ - lr·(g + μv);
    ``averaged``: v ← μv + (1-μ)g, θ ← θ - lr·v.
    """

    learning_rate: float
    momentum: float = 0.0
    dialect: Literal["classical", "rate", "nesterov", "averaged"] = "classical"

    @property
    def moments(self) -> str:  # type: ignore[override]
        """The velocity, or nothing at all without momentum."""
        return "v" if self.momentum else ""

    def _update(self, p: Array, g: Array, _: int, /, *moments: Array) -> None:
        for v in moments:
            self._accelerate(g, v)
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
class AdaGrad(_Rule):
    """v ← v + g², from v = 0, then θ ← θ - lr·g/(√v + ε), or lr·g/√(v + ε) with the placement ``keras``."""

    learning_rate: float = 0.01
    epsilon: float = 1e-10
    placement: Literal["torch", "keras"] = "torch"

    moments: ClassVar[str] = "v"

    def _update(self, p: Array, g: Array, _: int, /, *moments: Array) -> None:
        (v,) = moments
        np.add(v, g * g, out=v)
        _scaled_step(p, g, v, self)


@dataclass(frozen=True)
class RMSProp(_Rule):
    """v ← ρv + (1-ρ)g², from v = 0, then as `AdaGrad`; ρ is `beta2`."""

    learning_rate: float = 0.01
    beta2: float = 0.99
    epsilon: float = 1e-8
    placement: Literal["torch", "keras"] = "torch"

    moments: ClassVar[str] = "v"

    def _update(self, p: Array, g: Array, _: int, /, *moments: Array) -> None:
        (v,) = moments
        np.multiply(v, self.beta2, out=v)
        np.add(v, g * g * (1 - exact(self.beta2, g)), out=v)
        _scaled_step(p, g, v, self)


@dataclass(frozen=True)
class Adam(_Rule):
    """m ← β₁m + (1-β₁)g, v ← β₂v + (1-β₂)g², then a step by m over √v, by `placement` of ε.

    ``torch``: θ ← θ - lr/(1-β₁ᵗ) · m / (√v/√(1-β₂ᵗ) + ε), ε beside the corrected root, as PyTorch has it;
    ``keras``: θ ← θ - lr·√(1-β₂ᵗ)/(1-β₁ᵗ) · m / (√v + ε), the paper's ε̂ form, as Keras has it.
    """

    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    placement: Literal["torch", "keras"] = "torch"

    moments: ClassVar[str] = "mv"

    def _update(self, p: Array, g: Array, t: int, /, *moments: Array) -> None:
        m, v = moments
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


def _scaled_step(p: Array, g: Array, v: Array, rule: AdaGrad | RMSProp) -> None:
    """θ ← θ - lr·g over the root of v, with ε beside it or inside it."""
    size = np.sqrt(v) + rule.epsilon if rule.placement == "torch" else np.sqrt(v + rule.epsilon)
    np.multiply(g, rule.learning_rate, out=g)
    np.divide(g, size, out=g)
    np.subtract(p, g, out=p)
