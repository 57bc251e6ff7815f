"""Gradients of a target that only updates: set the weights, take a step, read the weights."""

from dataclasses import dataclass

import numpy as np

from nn_conformance.adapt.conventions import OURS, Conventions
from nn_conformance.cases import format as fmt
from nn_conformance.judge.call import guarded
from nn_conformance.judge.limits import ROUNDINGS, ROUNDOFF, norm
from nn_conformance.judge.target import Answer, Run, Target, TargetError, Training
from nn_reference.arithmetic import Array, Params

# Learning rates, powers of two, so that they round nothing themselves. At 1 a gradient that is small beside its
# parameters is lost in their rounding; the larger ones lift it out.
FIRST, FURTHER = 1.0, (2.0**30, 2.0**60, 2.0**90)


@dataclass(frozen=True)
class Recovered:
    """A target that evaluates by its own update: g = (θ - θ′)/lr, from one step of plain SGD over the whole batch.

    θ′ is rounded, by u·|θ′| ≤ u·(|θ| + lr·|g|) for each addition to it. What the second part does to g does not
    depend on lr, and is within the limit of any gradient. The first, u·‖θ‖/lr, is the uncertainty that is stated,
    four times, for updates that are added in parts. So the larger lr the better: where lr·‖g‖ < ‖θ‖ for some
    parameter, larger rates are tried, as far as the target stays finite there.

    Attributes:
        inner: its `train` is asked, never its `evaluate`. It takes and returns arrays in its conventions.
        conventions: which axis of x is that of the samples.
    """

    inner: Target
    conventions: Conventions = OURS

    @property
    def name(self) -> str:
        """The target's own."""
        return self.inner.name

    def evaluate(self, network: fmt.Network, params: Params, x: Array, t: Array, *, gradients: bool = True) -> Answer:
        """As `Target.evaluate`; no layers, and a loss if its updates tell one.

        Raises:
            Unsupported: the target cannot express the network, or plain SGD.
        """
        own = self.conventions.rate
        run, rate = self._step(network, params, x, t, own or FIRST), own or FIRST
        loss = run.losses[0] if run.losses else None
        if not gradients:
            return Answer(loss)
        for larger in () if own else FURTHER:
            if all(norm(_wide(p) - _wide(run.params[name])) >= norm(p) for name, p in params.items()):
                break  # no gradient is small beside its parameter's rounding
            try:
                further = self._step(network, params, x, t, larger)
            except TargetError:  # what overflows after so large a step says nothing of the step
                break
            if not all(np.all(np.isfinite(p)) for p in further.params.values()):
                break
            run, rate = further, larger
        moves = {name: (_wide(p) - _wide(run.params[name])) / rate for name, p in params.items()}
        found = {name: np.asarray(g).astype(params[name].dtype) for name, g in moves.items()}
        return Answer(loss, found, uncertainty={name: _rounding(p) / rate for name, p in params.items()})

    def train(self, asked: Training) -> Run:
        """As the target's."""
        return guarded(self.inner).train(asked)

    def _step(self, network: fmt.Network, params: Params, x: Array, t: Array, rate: float) -> Run:
        samples = 1 if self.conventions.batch == "vector" else x.shape[self.conventions.samples == "columns"]
        sgd = fmt.Optimizer(kind="sgd", learning_rate=rate)
        run = guarded(self.inner).train(Training(network, sgd, params, x, t, [list(range(samples))]))
        for name, p in params.items():
            found = run.params.get(name)
            if found is None or found.shape != p.shape:
                shape = getattr(found, "shape", None)
                words = f"parameter {name} after a step: expected shape {p.shape}, got {shape}"
                raise TargetError(words, "wrong-shape", [name])
        return run


def _rounding(p: Array) -> float:
    return ROUNDINGS * ROUNDOFF["float32" if p.dtype == np.float32 else "float64"] * norm(p)


def _wide(p: Array) -> Array:
    """A difference of float32 numbers is taken in float64, and so is exact."""
    return np.asarray(p, np.float64)
