"""Document 003's shape: layer objects with `forward_pass` and `backward_propagation(error, learning_rate)`.

Each layer updates itself while the error goes back, so no gradient is ever seen. A bias is a row (1, units), and
because it is moved by the error itself, a batch can have one sample only; both are declared.
"""

import numpy as np

from nn_conformance import conforms


class Dense:
    """W (inputs, units) and b (1, units)."""

    def __init__(self, weights, bias):
        self.weights, self.bias = weights, bias

    def forward_pass(self, x):
        self.input = x
        return np.dot(x, self.weights) + self.bias

    def backward_propagation(self, error, learning_rate):
        below = np.dot(error, self.weights.T)
        self.weights -= learning_rate * np.dot(self.input.T, error)
        self.bias -= learning_rate * error
        return below


class Activation:
    """A function of each number, and its derivative."""

    def __init__(self, function, derivative):
        self.function, self.derivative = function, derivative

    def forward_pass(self, x):
        self.input = x
        return self.function(x)

    def backward_propagation(self, error, learning_rate):  # noqa: ARG002 - all layers are called alike
        return self.derivative(self.input) * error


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def sigmoid_prime(z):
    return sigmoid(z) * (1 - sigmoid(z))


def tanh_prime(z):
    return 1 - np.tanh(z) ** 2


def mse(y, output):
    return np.mean(np.power(y - output, 2))


def mse_prime(y, output):
    return 2 * (output - y) / y.size


def fit(layers, x, y, learning_rate):
    """One sample forward and back; the error before."""
    for layer in layers:
        x = layer.forward_pass(x)
    error = mse_prime(y, x)
    for layer in reversed(layers):
        error = layer.backward_propagation(error, learning_rate)
    return mse(y, x)


def updating(*activation):
    """A step of a network of such layers, of as many as there are weights."""

    def step(params, x, y, learning_rate):
        layers = []
        for k in range(1, len(params) // 2 + 1):
            layers += [Dense(params[f"W{k}"], params[f"b{k}"]), Activation(*activation)]
        return fit(layers, x, y, learning_rate)  # params have changed in place

    return step


xor_sigmoid = conforms("xor-sigmoid", batch="one", bias="row")(updating(sigmoid, sigmoid_prime))
tanh = conforms("xor-tanh", "mnist-tanh", "mnist-tanh-deeper", batch="one", bias="row")(updating(np.tanh, tanh_prime))
