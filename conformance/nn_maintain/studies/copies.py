"""Training of many copies of `xor-sigmoid` or `xor-tanh` at once, and their equivalent forms.

Legend: P = 13 weights in the order W1 by rows, b1, W2, b2; leading axes are copies of the network.
"""

from collections.abc import Mapping
from math import factorial, prod

import numpy as np

from nn_reference.arithmetic import Array, Params
from nn_reference.network import outputs_from
from nn_reference.systems import System
from nn_reference.training import train

# Mistakes that a control makes on purpose, beside those that another learning rate makes.
NO_SLOPE, LATE = "no derivative in the hidden layer", "the updated W2 takes the gradient back"


def trained(system: System, weights: Array, epochs: int, mistake: str = "") -> tuple[Array, Array]:
    """The mean error of each epoch, (..., epochs), and the weights after the last, (..., P).

    The reference's `train`, but for any number of copies at once, complex ones too; the same to rounding. With a
    `mistake`, `NO_SLOPE` or `LATE`, it is made in every update.
    """
    data, network, rate = system.load(), system.network, system.recipe.optimizer.learning_rate
    params, means = with_axis(shaped(network.shapes, weights)), []
    for _ in range(epochs):
        total = 0
        for x, t in zip(data.train_x[:, None], data.train_t[:, None], strict=True):
            outputs = outputs_from(network, params, x)
            total = total + network.loss.value(outputs[-1].a, t)
            da = network.loss.gradient(outputs[-1].a, t)
            for k in reversed(range(len(network.layers))):
                below, (z, a), (W, b) = outputs[k - 1].a if k else x, outputs[k], (f"W{k + 1}", f"b{k + 1}")
                slope = k or mistake != NO_SLOPE
                dz = network.layers[k].activation.backward(z, a, da) if slope else da
                updated = params[W] - rate * below.swapaxes(-1, -2) * dz
                da = dz @ (updated if mistake == LATE else params[W]).swapaxes(-1, -2)
                params |= {W: updated, b: params[b] - rate * dz}
        means.append(total / len(data.train_x))
    last = [p.reshape(*weights.shape[:-1], p.shape[-2] * p.shape[-1]) for p in params.values()]
    return np.stack(means, axis=-1), np.concatenate(last, axis=-1)


def with_axis(params: Params) -> Params:
    """Each b (..., units) as (..., 1, units), which one sample's z (..., 1, units) of as many copies takes."""
    return {name: p[..., None, :] if name[0] == "b" else p for name, p in params.items()}


def matches(system: System, weights: Array) -> int:
    """How many printed errors come out of weights (P,), by the reference's own training, printed as the document does."""
    means, _ = run(system, weights, len(system.figures))
    return sum(f"{error:f}" == figure.printed for error, figure in zip(means, system.figures, strict=True))


def run(system: System, weights: Array, epochs: int) -> tuple[list[float], Params]:
    """The error of each epoch as the document computes it, from weights (P,), and the parameters after the last."""
    data, params = system.load(), shaped(system.network.shapes, weights)
    rows = [slice(row, row + 1) for row in range(len(data.train_x))]
    trained = train(system.network, params, system.recipe.optimizer, rows * epochs, data.train_x, data.train_t)
    means = [sum(trained.losses[k : k + len(rows)]) / len(rows) for k in range(0, len(trained.losses), len(rows))]
    return means, trained.params


def flat(params: Params) -> Array:
    """All entries in order, (P,)."""
    return np.concatenate([p.ravel() for p in params.values()])


def shaped(shapes: Mapping[str, tuple[int, ...]], entries: Array) -> Params:
    """Entries (..., P) by name, each with the leading axes before its shape; the inverse of `flat`."""
    ends = np.cumsum([0, *(prod(shape) for shape in shapes.values())])
    parts = zip(shapes.items(), ends, ends[1:], strict=False)
    return {name: entries[..., i:k].reshape(*entries.shape[:-1], *shape) for (name, shape), i, k in parts}


def canonical(system: System, weights: Array) -> Array:
    """The equivalent weights (P,) whose hidden units are in order, as `reconstruction` says."""
    W1, b1, W2, b2 = (p.copy() for p in shaped(system.network.shapes, weights).values())
    if signs_are_free(system):
        signs = np.where(W2[:, 0] < 0, -1.0, 1.0)
        W1, b1, W2 = W1 * signs, b1 * signs, W2 * signs[:, None]
    order = np.argsort(W2[:, 0])
    return flat({"W1": W1[:, order], "b1": b1[order], "W2": W2[order], "b2": b2})


def signs_are_free(system: System) -> bool:
    """Whether the hidden activation is odd, φ(-z) = -φ(z)."""
    z = np.array([0.5])
    forward = system.network.layers[0].activation.forward
    return bool(forward(-z) == -forward(z))


def equivalent(system: System) -> int:
    """How many weights, one set included, train alike: permutations of the hidden units, and signs where they are free."""
    units = system.network.layers[0].units
    return factorial(units) * (2**units if signs_are_free(system) else 1)
