"""Losses with right gradients, and ways to spoil these: what the tests of `check_gradients` share."""

import numpy as np

from nn_reference.activations import RELU, SIGMOID, SOFTMAX, TANH
from nn_reference.losses import BinaryCrossEntropy, CrossEntropy, SquaredError
from nn_reference.network import Dense, Network, loss_and_gradients, loss_and_outputs

NETWORKS = {
    "tanh": Network(4, (Dense(7, TANH), Dense(3, SIGMOID)), SquaredError("elements")),
    "relu": Network(20, (Dense(30, RELU), Dense(10, SOFTMAX)), CrossEntropy()),
    "deep": Network(6, (Dense(8, RELU), Dense(8, SIGMOID), Dense(8, RELU), Dense(3)), CrossEntropy(from_logits=True)),
    "vector": Network(3, (Dense(4, TANH, layout="out,in"), Dense(1, SIGMOID, vector=True)), SquaredError("samples")),
    "binary": Network(5, (Dense(6, TANH), Dense(2, SIGMOID)), BinaryCrossEntropy()),
    "linear": Network(5, (Dense(4),), SquaredError("sum", half=True)),
    "square": Network(6, (Dense(6, TANH), Dense(6)), SquaredError("sum")),
}


def problem(network, dtype=np.float64, seed=0, samples=9):
    """A loss of its parameters alone, random parameters, and their gradients."""
    rng = np.random.default_rng(seed)
    params = {name: np.asarray(rng.normal(size=shape) / 2, dtype) for name, shape in network.shapes.items()}
    x = rng.normal(size=(samples, network.inputs)).astype(dtype)
    units = network.layers[-1].units
    t = np.eye(max(units, 2), dtype=dtype)[rng.integers(0, max(units, 2), samples)]
    t = t[:, 0] if network.layers[-1].vector else t[:, :units]
    return (lambda p: loss_and_outputs(network, p, x, t)[0]), params, loss_and_gradients(network, params, x, t)[1]


def one(report, name=None):
    """The finding of a tensor, or the only one."""
    (finding,) = [finding for finding in report.findings if name in (None, finding.name)]
    return finding


def statuses(report):
    return {finding.name: finding.status for finding in report.findings}


def spoilt(gradients, name, change):
    """The gradients with `change` applied to a copy of one."""
    gradient = gradients[name].copy()
    return gradients | {name: np.asarray(change(gradient), gradient.dtype)}


def at(index, change):
    """A change of the entries under an index alone."""

    def apply(gradient):
        gradient[index] = change(gradient[index])
        return gradient

    return apply


class Counted:
    """A loss that counts its calls."""

    def __init__(self, loss):
        self.loss, self.calls = loss, 0

    def __call__(self, params):
        self.calls += 1
        return self.loss(params)
