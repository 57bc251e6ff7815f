"""The exact weights of a full-batch training run, enclosed: a centre in many bits, and around it a box that turns.

Plain balls forget in which direction an error points, so each epoch multiplies their radii by the sum of all
magnitudes, whatever cancels (3.7 bits an epoch on `iris-sigmoid`). Lohner's method keeps the directions: the exact
weights are θ + Q e with numbers θ, a matrix Q of floats and |e_i| ≤ r_i, and one epoch F takes them to

    F(θ + Q e) = F(θ) + DF·Q e,  DF somewhere in the box,      (mean value theorem)
    θ′ = the centre of F(θ), computed in balls of radius ε,
    Q′ from the QR decomposition of the centre of DF·Q,
    r′ = |Q′⁻¹ DF Q| r + |Q′⁻¹| ε.

Every quantity is a ball, or a float that may be anything, as Q: the enclosure is a proof.
Legend: N samples, D inputs, H hidden units, C outputs, P = D·H + H·C weights.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb, arb_mat

from nn_conformance.cases.balls import Balls, balls, midpoints, precision
from nn_maintain.studies.copies import flat, shaped
from nn_reference.activations import sigmoid
from nn_reference.arithmetic import Array, Params
from nn_reference.systems import System
from nn_reference.training import train

# Of DF, Q′⁻¹ and r: they need no more digits than a float has, only to be bounds.
SMALL_BITS = 64


@dataclass(frozen=True)
class Box:
    """θ + Q e, |e| ≤ r: the centre (P,) exact, the basis (P, P) floats, the radii (P,) exact."""

    centre: Array
    basis: Array
    radii: Array

    def weights(self) -> Array:
        """(P,) balls that contain the exact weights; at the working precision, which widens them."""
        return self.centre + _around_zero(self._reach())

    def widest(self) -> Any:
        """The largest radius of a weight, a ball without radius."""
        return max(radius.upper() for radius in self._reach())

    def _reach(self) -> Array:
        return np.abs(balls(self.basis)) @ self.radii


def start(params: Params) -> Box:
    """Floats are exact: a box of radius zero."""
    centre = balls(flat(params))
    return Box(centre, np.eye(len(centre)), centre * 0)


def advance(system: System, box: Box, bits: int) -> Box:
    """The box after one more epoch of full-batch gradient descent, with a centre of so many bits.

    The network is D-H-C, sigmoid, without biases, and its loss ½ Σ (y-t)².
    """
    data, network, optimizer = system.load(), system.network, system.recipe.optimizer
    x, t, rows = balls(data.train_x), balls(data.train_t), [slice(0, len(data.train_x))]
    with precision(bits):
        moved = flat(train(network, shaped(network.shapes, box.centre), optimizer, rows, x, t).params)
        centre, rounding = midpoints(moved), _radii(moved)
    with precision(SMALL_BITS):
        curvature = hessian(shaped(network.shapes, box.weights()), x, t)
        spread = (balls(np.eye(len(centre))) - arb(optimizer.learning_rate) * curvature) @ balls(box.basis)
        basis = np.linalg.qr(_floats(spread))[0]
        inverse = np.array(arb_mat(balls(basis).tolist()).inv().tolist(), dtype=object).view(Balls)
        radii = np.abs(inverse @ spread) @ box.radii + np.abs(inverse) @ rounding
        return Box(centre, basis, _upper(radii))


def hessian(params: Params, x: Array, t: Array) -> Array:
    """The second derivatives (P, P) of ½ Σ (y-t)² for y = σ(σ(x W1) W2), in the arithmetic of the parameters.

    The gradient's formulas, each beside its change by a unit step along each of the P weights: the first axis of `step_…`.
    """
    W1, W2 = params.values()
    along_1, along_2 = shaped({"W1": W1.shape, "W2": W2.shape}, np.eye(W1.size + W2.size)).values()
    h = sigmoid(x @ W1)
    y = sigmoid(h @ W2)
    slope_h, slope_y = h * (1 - h), y * (1 - y)
    dz = (y - t) * slope_y
    dh = dz @ W2.T
    step_z1 = x @ along_1
    step_h = slope_h * step_z1
    step_y = slope_y * (step_h @ W2 + h @ along_2)
    step_dz = step_y * (slope_y + (y - t) * (1 - 2 * y))
    step_dh = step_dz @ W2.T + dz @ along_2.swapaxes(1, 2)
    first = x.T @ (slope_h * (step_dh + dh * (1 - 2 * h) * step_z1))
    second = step_h.swapaxes(1, 2) @ dz + h.T @ step_dz
    return np.concatenate([step.reshape(len(step), -1) for step in (first, second)], axis=1)


def _floats(a: Array) -> Array:
    return np.array([float(ball.mid()) for ball in a.ravel()]).reshape(a.shape)


# Of each ball of an array.
_radii = np.frompyfunc(lambda ball: ball.rad(), 1, 1)
_upper = np.frompyfunc(lambda ball: ball.upper(), 1, 1)
_around_zero = np.frompyfunc(lambda radius: arb(0, radius.upper()), 1, 1)
