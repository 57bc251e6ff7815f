"""The right answers to a drawn problem, and the ladder's limits, widened by what this network makes of rounding.

The certified cases are chosen so that a layer's rounding hides nothing; a drawn network may amplify it without bound, or
underflow. The reference on balls of the precision's own bits says by how much: a radius bounds the rounding of one order
of evaluation, cancellation and amplification included.
"""

from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import msgspec
import numpy as np
from flint import arb

from nn_conformance.cases import format as fmt
from nn_conformance.cases.balls import START_BITS, balls, precision
from nn_conformance.cases.families import build_network, build_optimizer
from nn_conformance.cases.horizons import BITS
from nn_conformance.fuzz.strategies import QUOTIENT, Problem
from nn_conformance.judge.limits import (
    Limit,
    blind,
    gradient_limit,
    longest_sum,
    magnitudes,
    norm,
    update_limit,
    value_limit,
)
from nn_reference.activations import Activation
from nn_reference.arithmetic import Array
from nn_reference.errors import UndecidedError
from nn_reference.network import LayerOutput, Network, backpropagate, forward
from nn_reference.training import train

# The smallest normal number, below which digits are lost, or the whole number where hardware flushes it to 0. Complex step,
# which works at 2⁻¹⁰⁰ of a float64 value, loses digits that much earlier.
SMALLEST: dict[fmt.Dtype, float] = {"float32": 2.0**-126, "float64": 2.0**-922}
# Squares of larger numbers, and sums of a few hundred of them, overflow.
LARGEST: dict[fmt.Dtype, float] = {"float32": 2.0**59, "float64": 2.0**507}
# Document 001's (e^-z + 1)² overflows from here on, and its derivative is 0 or NaN.
LEAST_QUOTIENT: dict[fmt.Dtype, float] = {"float32": -44.0, "float64": -354.0}


@dataclass(frozen=True)
class Bounded:
    """Right values by name, and the limit of each."""

    values: dict[str, Array]
    limits: dict[str, Limit]

    @property
    def shown(self) -> list[str]:
        """The names of those that are shown to be right by an error within the limit, by the ladder's rule."""
        return [
            name
            for name, value in self.values.items()
            if np.isfinite(self.limits[name].value) and not blind(self.limits[name].value, value)
        ]


def bounded(problem: Problem, dtype: fmt.Dtype) -> Bounded:
    """Layers ``a1``..., ``loss``, gradients ``dW1``..., the run's ``losses`` and the parameters ``W1``... after it.

    Raises:
        UndecidedError: within rounding, a value lies on a kink or on a clip's bound, where answers may honestly differ; or
            one is out of the precision's range.
    """
    exact, calls = _computed(problem, START_BITS)
    within, _ = _computed(problem, BITS[dtype], SMALLEST[dtype])
    values = {name: _floats(value, "mid") for name, value in exact.items()}
    radii = {name: norm(_floats(value, "rad")) for name, value in within.items()}
    if problem.optimizer.epsilon:
        # A ball around 0 has no root, so that Adam's updates are computed without underflow. An error δ of the gradient
        # moves m and the root of v, and each by δ at most: a step by 2·rate·δ/ε. A batch may weigh a sample N times as much.
        steps, _ = _computed(problem, BITS[dtype])
        reach = 2 * problem.optimizer.learning_rate / problem.optimizer.epsilon * len(problem.x) * len(problem.batches)
        radii |= {n: norm(_floats(steps[n], "rad")) + reach * radii[f"d{n}"] for n in problem.params}
    outputs = [[LayerOutput(*(_floats(a, "mid") for a in layer)) for layer in call] for call in calls]
    _check_range(problem.network, outputs, values, dtype)
    layers = outputs[0]
    longest = longest_sum(problem.network, len(problem.x))
    with np.errstate(all="ignore"):  # where they overflow, the limit is infinite, and shows nothing
        sizes = magnitudes(problem.network, problem.params, layers, problem.x, problem.t)
    limits = {name: value_limit(value, dtype, longest) for name, value in values.items()}
    for name in (*problem.params, "x"):
        limits[f"d{name}"] = gradient_limit(values[f"d{name}"], sizes[name], dtype, longest)
    for name, before in problem.params.items():
        move, after = norm(values[name] - before), norm(values[name])
        limits[name] = update_limit(move, after, problem.optimizer, dtype, longest)
    # Arb rounds a sum of products once, where others round each of its K terms.
    wider = {name: limit.plus(longest * radii[name], "K·radius") for name, limit in limits.items()}
    return Bounded(values, wider)


def _computed(problem: Problem, bits: int, smallest: float = 0.0) -> tuple[dict[str, Array], list[list[LayerOutput]]]:
    """The reference's answers in balls, and z and a of each call: of all samples, and of each update's.

    `smallest` is by how much the result of an operation may be off by underflow.
    """
    optimizer, state = build_optimizer(problem.optimizer), None
    losses: list[Any] = []
    with precision(bits):
        off = arb(0, smallest)
        network = _underflowing(build_network(_with_plain_rules(problem.network)), off)
        params, x, t = {name: balls(p) for name, p in problem.params.items()}, balls(problem.x), balls(problem.t)
        calls = [forward(network, params, x)]
        loss, gradients = backpropagate(network, params, x, t, of_x=True)
        for rows in map(np.array, problem.batches):
            calls.append(forward(network, params, x[rows]))
            run = train(network, params, optimizer, [rows], x, t, state=state)
            params, state, losses = run.params, run.state, [*losses, *run.losses]
        # A loss has as many terms as there are targets, a gradient of weights as there are samples, and that of x as units.
        found = {"loss": loss + t.size * off, "losses": np.array(losses, dtype=object) + t.size * off}
        found |= {f"a{k}": out.a for k, out in enumerate(calls[0], 1)}
        terms = {"x": max(network.widths)}
        found |= {f"d{name}": g + terms.get(name, len(x)) * off for name, g in gradients.items()}
        return found | params, calls


def _underflowing(network: Network, error: Any) -> Network:
    """With every sum of products off by `error` for each term, and every activation and its rule back by one."""

    def widened(activation: Activation, terms: int) -> Activation:
        return replace(
            activation,
            forward=lambda z: activation.forward(z + terms * error) + error,
            backward=lambda z, a, da: activation.backward(z, a, da + terms * error) + error,
        )

    terms = max(network.widths)
    layers = (replace(layer, activation=widened(layer.activation, terms)) for layer in network.layers)
    return replace(network, layers=tuple(layers))


def _check_range(
    network: fmt.Network, calls: list[list[LayerOutput]], values: dict[str, Array], dtype: fmt.Dtype
) -> None:
    """Nothing, if the precision can hold what every formula in use makes on the way, other than what underflows to 0.

    Raises:
        UndecidedError: it cannot: a square overflows, or the logarithm of an output that is rounded to 0.
    """
    last, loss = network.layers[-1].activation, network.loss
    logarithm = loss.kind == "cross_entropy" and not loss.from_logits and last.axis != "outputs"
    for layers in calls:
        quotients = (out.z for layer, out in zip(network.layers, layers, strict=True) if layer.activation == QUOTIENT)
        beyond = any(np.any(z < LEAST_QUOTIENT[dtype]) for z in quotients)
        if beyond or (logarithm and np.any(layers[-1].a < SMALLEST[dtype])):
            raise UndecidedError(f"a value of the network: expected one that {dtype} does not round to 0")
    if any(np.any(np.abs(a) > LARGEST[dtype]) for a in (*values.values(), *(a for out in chain(*calls) for a in out))):
        raise UndecidedError(f"a value of the network: expected one whose square {dtype} can hold")


def _with_plain_rules(network: fmt.Network) -> fmt.Network:
    """Document 001's quotient is the same function as a(1-a), and loses no digits where that does: others may."""
    plain = fmt.Activation(kind="sigmoid")
    layers = [
        msgspec.structs.replace(layer, activation=plain) if layer.activation == QUOTIENT else layer
        for layer in network.layers
    ]
    return msgspec.structs.replace(network, layers=layers)


def _floats(value: Any, part: str) -> Array:
    array = np.asarray(value, dtype=object)
    return np.array([float(getattr(ball, part)()) for ball in array.ravel()]).reshape(array.shape)
