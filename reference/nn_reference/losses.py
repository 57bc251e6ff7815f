"""Losses as value/gradient pairs, in every reduction, and the L2 penalty.

Legend: y output of the network, t target, both (N, C), or (N,) where the network's output is a vector; N samples,
C outputs. y may have further leading axes (many perturbed copies of one batch); the value then has those axes.
`gradient` is the derivative of `value` with respect to y. All divisions are by integers, never by a rounded 1/N,
so that balls stay exact.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, TypeAlias

import numpy as np

from nn_reference.activations import log_softmax, magnitude, sigmoid, softmax
from nn_reference.arithmetic import Array, Params, log1p, outside, real, zeros_like
from nn_reference.validation import check_choice, check_flag, check_number

Reduction: TypeAlias = Literal["sum", "samples", "elements"]
OVER = {"sum": "sum", "samples": "mean over samples", "elements": "mean over samples and outputs"}
# What λ·Σ θ² is divided by, from N.
SCALINGS: dict[str, Callable[[int], int]] = {
    "1": lambda n: 1,
    "1/2": lambda n: 2,
    "1/N": lambda n: n,
    "1/2N": lambda n: 2 * n,
}


class Loss(Protocol):
    """What a network needs of a loss; `from_logits` says whether y is a pre-activation."""

    @property
    def name(self) -> str:
        """The field's name for it, with its reduction."""

    def value(self, y: Array, t: Array) -> Any:
        """The loss, a scalar for y of t's shape."""

    def gradient(self, y: Array, t: Array) -> Array:
        """dL/dy, of y's shape."""


class _Summed:
    """A sum of terms, divided by 1 (`sum`), N (`samples`) or N·C (`elements`), and by 2 more if `half`."""

    _title: ClassVar[str]  # the field's name for it, without its reduction
    reduction: Reduction
    half: bool

    def __post_init__(self) -> None:
        check_choice("reduction", self.reduction, OVER)
        for name in ("half", "from_logits"):
            check_flag(name, getattr(self, name, False))

    @property
    def name(self) -> str:
        """The field's name for it, with its reduction: ``squared error, ½, mean over samples``."""
        return f"{self._title}, {'½, ' if self.half else ''}{OVER[self.reduction]}"

    def value(self, y: Array, t: Array) -> Any:
        """The loss: summed over samples and outputs, not over the leading axes of perturbed copies."""
        return np.sum(self._terms(y, t), axis=tuple(range(-t.ndim, 0))) / count(self, t)

    def _terms(self, y: Array, t: Array) -> Array:
        """What is summed, of y's shape."""
        raise NotImplementedError


@dataclass(frozen=True)
class SquaredError(_Summed):
    """Σ (y-t)², divided by 1 (`sum`), N (`samples`) or N·C (`elements`), and by 2 more if `half`.

    Document 000 updates by the gradient of `sum` with ½, 002 prints `samples` with ½; 001 and 003 take the mean
    over a sample's outputs, which is `elements` at a batch of one.
    """

    _title: ClassVar[str] = "squared error"
    reduction: Reduction
    half: bool = False

    def _terms(self, y: Array, t: Array) -> Array:
        error = y - t
        return error * error  # not error**2, which is NaN for a ball around zero

    def gradient(self, y: Array, t: Array) -> Array:
        """(y-t), doubled unless `half`, over the count."""
        error = y - t if self.half else 2 * (y - t)
        return error / (count(self, t) // (2 if self.half else 1))


@dataclass(frozen=True)
class Linear(_Summed):
    """Σ t·y, divided as `SquaredError` is: its slope is t itself, so that t is what a layer's `backward` is given."""

    _title: ClassVar[str] = "Σ t·y"
    reduction: Reduction = "sum"
    half: bool = False

    def _terms(self, y: Array, t: Array) -> Array:
        return t * y

    def gradient(self, y: Array, t: Array) -> Array:
        """t over the count, in the arithmetic of y."""
        return (t + zeros_like(real(y))) / count(self, t)


@dataclass(frozen=True)
class CrossEntropy(_Summed):
    """-Σ t·log p over the outputs, divided as `SquaredError` is; p = y, or softmax(y) over the outputs if `from_logits`.

    It is infinite where a target class has probability zero.
    """

    from_logits: bool = False
    reduction: Reduction = "samples"
    half: bool = False

    @property
    def _title(self) -> str:  # type: ignore[override]
        return f"cross-entropy from {'logits' if self.from_logits else 'probabilities'}"

    def _terms(self, y: Array, t: Array) -> Array:
        if self.from_logits:
            return -(t * log_softmax(y))
        with np.errstate(divide="ignore"):
            return -(t * np.log(_one_where_unused(y, t)))

    def gradient(self, y: Array, t: Array) -> Array:
        """-t/p from probabilities, softmax(y)·Σt - t from logits, over the count."""
        if self.from_logits:
            return (softmax(y) * np.sum(t, axis=-1, keepdims=True) - t) / count(self, t)
        with np.errstate(divide="ignore"):
            return -t / _one_where_unused(y, t) / count(self, t)


@dataclass(frozen=True)
class BinaryCrossEntropy(_Summed):
    """-Σ (t·log p + (1-t)·log(1-p)), divided as `SquaredError` is; p = y, or sigmoid(y) if `from_logits`.

    From probabilities, y is first clipped to [clip, 1-clip] as Keras does (clip = 1e-7), so that the gradient is
    exactly zero outside: there p is a constant. In float32 the upper bound rounds to 1 - 2⁻²³. From logits it is
    computed as max(y,0) - y·t + log(1+e^-|y|), which overflows for no y.
    """

    from_logits: bool = False
    clip: float = 1e-7
    reduction: Reduction = "elements"
    half: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("clip", self.clip, least=0, below=0.5)

    @property
    def _title(self) -> str:  # type: ignore[override]
        source = "logits" if self.from_logits else f"probabilities clipped to [{self.clip:g}, 1-{self.clip:g}]"
        return f"binary cross-entropy from {source}"

    def _terms(self, y: Array, t: Array) -> Array:
        if self.from_logits:
            size = magnitude(y)
            return (y + size) / 2 - y * t + log1p(np.exp(-size))
        p, _ = self._clipped(y)
        return -(t * np.log(p) + (1 - t) * np.log(1 - p))

    def gradient(self, y: Array, t: Array) -> Array:
        """sigmoid(y) - t from logits; (p-t)/(p(1-p)) inside the clip and 0 outside it; over the count."""
        if self.from_logits:
            return (sigmoid(y) - t) / count(self, t)
        p, inside = self._clipped(y)
        return (p - t) / (p * (1 - p)) * inside / count(self, t)

    def _clipped(self, y: Array) -> tuple[Array, Array]:
        """y moved to the nearer bound where it is outside the clip, and where it is inside."""
        below, above = outside(y, self.clip, 1 - self.clip)
        # 0 + bound keeps y's arithmetic, where np.where(…, bound, y) would put floats among balls.
        zero = zeros_like(real(y))
        return np.where(below, zero + self.clip, np.where(above, zero + (1 - self.clip), y)), ~(below | above)


@dataclass(frozen=True)
class L2:
    """λ·Σ θ² over the weights, and over the biases too if asked; times 1, 1/2, 1/N or 1/2N, N the samples of the call."""

    strength: float
    scaling: Literal["1", "1/2", "1/N", "1/2N"] = "1/2"
    biases: bool = False

    def __post_init__(self) -> None:
        check_number("strength", self.strength, least=0)
        check_choice("scaling", self.scaling, SCALINGS)
        check_flag("biases", self.biases)

    @property
    def name(self) -> str:
        """For example ``L2 penalty 0.01·1/2N·Σ θ² of the weights``."""
        return f"L2 penalty {self.strength:g}·{self.scaling}·Σ θ² of the weights{' and biases' if self.biases else ''}"

    def value(self, params: Params, samples: int) -> Any:
        """What it adds to the loss."""
        squares = sum(np.sum(p * p) for name, p in params.items() if self.takes(name))
        return squares * self.strength / SCALINGS[self.scaling](samples)

    def gradient(self, p: Array, samples: int) -> Array:
        """What it adds to the gradient of a parameter that it takes."""
        return p * self.strength * 2 / SCALINGS[self.scaling](samples)

    def takes(self, name: str) -> bool:
        """Whether the parameter of that name is penalised."""
        return name.startswith("W") or (self.biases and name.startswith("b"))


def count(loss: "_Summed", t: Array) -> int:
    """What the loss's sum is divided by: 1, N or N·C, doubled with ½."""
    return {"sum": 1, "samples": t.shape[0], "elements": t.size}[loss.reduction] * (2 if loss.half else 1)


def _one_where_unused(p: Array, t: Array) -> Array:
    """p where its target is not zero, else 1: 0·log 0 is 0 in the definition, and NaN in floating point."""
    return np.where(t == 0, p * 0 + 1, p)
