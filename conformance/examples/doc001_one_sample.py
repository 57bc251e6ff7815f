"""Document 001's shape: weights (out, in) in a dict beside the activations, one sample at a time, updates by `np.outer`.

A sample is a vector, so that is declared, and the answers to the samples of a batch are averaged. The weights change in
place, in the dict that the class was given. It goes back through the diagonal of the softmax's Jacobian alone, as the
document does, and computes no loss: that is counted as unsupported, and the gradients are judged.
"""

import itertools

import numpy as np

from nn_conformance import conforms


class DeepNet:
    """Sigmoid, sigmoid, softmax; no biases."""

    def __init__(self, sizes, rate=0.001):
        self.rate = rate
        self.params = {
            f"W{k}": np.random.randn(units, inputs) * np.sqrt(1.0 / units)
            for k, (inputs, units) in enumerate(itertools.pairwise(sizes), 1)
        }

    def sigmoid(self, z, derivative=False):
        if derivative:
            return np.exp(-z) / (np.exp(-z) + 1) ** 2
        return 1 / (1 + np.exp(-z))

    def softmax(self, z, derivative=False):
        e = np.exp(z - np.max(z))
        p = e / np.sum(e, axis=0)
        return p * (1 - p) if derivative else p

    def forward_pass(self, sample):
        p = self.params
        p["A0"] = sample
        p["Z1"] = np.dot(p["W1"], p["A0"])
        p["A1"] = self.sigmoid(p["Z1"])
        p["Z2"] = np.dot(p["W2"], p["A1"])
        p["A2"] = self.sigmoid(p["Z2"])
        p["Z3"] = np.dot(p["W3"], p["A2"])
        p["A3"] = self.softmax(p["Z3"])
        return p["A3"]

    def backward_pass(self, y, output):
        p, change = self.params, {}
        error = 2 * (output - y) / output.shape[0] * self.softmax(p["Z3"], derivative=True)
        change["W3"] = np.outer(error, p["A2"])
        error = np.dot(p["W3"].T, error) * self.sigmoid(p["Z2"], derivative=True)
        change["W2"] = np.outer(error, p["A1"])
        error = np.dot(p["W2"].T, error) * self.sigmoid(p["Z1"], derivative=True)
        change["W1"] = np.outer(error, p["A0"])
        return change

    def update(self, changes):
        for key, value in changes.items():
            self.params[key] -= self.rate * value


@conforms("mnist-sigmoid-numpy", batch="vector")
def step(params, x, y, learning_rate):
    """One sample's update by the class above, as it is."""
    net = DeepNet([1, 1, 1, 1], learning_rate)
    net.params = params
    net.update(net.backward_pass(y, net.forward_pass(x)))
