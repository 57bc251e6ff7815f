"""What rounding may do to a computation, from the computation itself: the reference on balls of the precision's bits.

A ball's radius bounds the rounding of one order of evaluation, cancellation and amplification included, through every
layer, loss and update.
"""

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from nn_conformance.fixtures import format as fmt
from nn_conformance.fixtures.balls import balls, precision
from nn_conformance.fixtures.families import build_network, build_optimizer
from nn_conformance.strategies import Problem
from nn_conformance.tolerances import FACTOR, ROUNDINGS, ROUNDOFF, longest_sum, norm
from nn_reference.arithmetic import Array
from nn_reference.network import forward, loss_and_gradients
from nn_reference.training import train

# Below 2⁻¹⁰²² a float64 loses digits, and complex step, which works at 2⁻¹⁰⁰ of a value, below 2⁻⁹²²; balls do not.
UNDERFLOW = 1e-250
BITS: dict[fmt.Dtype, int] = {"float32": 24, "float64": 53}


@dataclass(frozen=True)
class Bounded:
    """Values by name, and the largest norm of an honest error of each."""

    values: dict[str, Array]
    limits: dict[str, float]

    @property
    def sharp(self) -> bool:
        """Whether every limit is below a thousandth of its value: beyond that, agreement would say nothing."""
        return all(limit <= 1e-3 * norm(self.values[name]) or limit <= 1e-12 for name, limit in self.limits.items())


def bounded(problem: Problem, dtype: fmt.Dtype) -> Bounded:
    """Layers ``a1``..., ``loss``, gradients ``dW1``..., the runs' ``losses`` and the parameters ``W1``... after it.

    Raises:
        UndecidedError: within rounding, a value lies on a kink or on a clip's bound, where answers may honestly differ.
    """
    network, optimizer = build_network(_with_plain_rules(problem.network)), build_optimizer(problem.optimizer)
    with precision(BITS[dtype]):
        params = {name: balls(p) for name, p in problem.params.items()}
        x, t = balls(problem.x), balls(problem.t)
        found: dict[str, Any] = {f"a{k}": out.a for k, out in enumerate(forward(network, params, x), 1)}
        found["loss"], gradients = loss_and_gradients(network, params, x, t)
        found |= {f"d{name}": g for name, g in gradients.items()}
        run = train(network, params, optimizer, [np.array(rows) for rows in problem.batches], x, t)
        found |= {"losses": np.array(run.losses, dtype=object), **run.params}
    longest = longest_sum(problem.network, len(problem.x))
    values = {name: _floats(value, "mid") for name, value in found.items()}
    radii = {name: norm(_floats(value, "rad")) for name, value in found.items()}
    unit = ROUNDOFF[dtype] * float(np.sqrt(longest))
    # Arb rounds a sum of products once, where others round every term: K roundings for its one.
    limits = {
        name: FACTOR * unit * norm(v) + ROUNDINGS * longest * radii[name] + UNDERFLOW for name, v in values.items()
    }
    return Bounded(values, limits)


def _with_plain_rules(network: fmt.Network) -> fmt.Network:
    """Document 001's quotient is the same function as a(1-a), and loses no digits where that does: others may."""
    plain = fmt.Activation(kind="sigmoid")
    layers = [
        msgspec.structs.replace(layer, activation=plain) if layer.activation.backward == "quotient" else layer
        for layer in network.layers
    ]
    return msgspec.structs.replace(network, layers=layers)


def _floats(value: Any, part: str) -> Array:
    array = np.asarray(value, dtype=object)
    return np.array([float(getattr(ball, part)()) for ball in array.ravel()]).reshape(array.shape)
