"""Document 002's shape: plain functions and a dict of weights; the back propagation returns gradients and the loss.

Its W2 is a vector and its b2 a number, as the fixtures describe them, so there is nothing to declare. The activations
that it has anyway are shown too: then a wrong one is found before a wrong gradient.
"""

import numpy as np

from nn_conformance import conforms


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def forward_propagation(X, weights):
    Z1 = np.dot(X, weights["W1"].T) + weights["b1"]
    H = sigmoid(Z1)
    Z2 = np.dot(H, weights["W2"]) + weights["b2"]
    return sigmoid(Z2), Z2, H, Z1


def back_propagation(X, target, weights):
    N = X.shape[0]
    Y, Z2, H, Z1 = forward_propagation(X, weights)
    loss = np.sum(np.square(Y - target)) / (2 * N)
    dZ2 = (Y - target) / N * sigmoid(Z2) * (1 - sigmoid(Z2))
    dH = np.dot(dZ2.reshape(-1, 1), weights["W2"].reshape(1, -1))
    dZ1 = dH * sigmoid(Z1) * (1 - sigmoid(Z1))
    gradients = {
        "W1": np.dot(dZ1.T, X),
        "b1": np.sum(dZ1, axis=0),
        "W2": np.dot(H.T, dZ2),
        "b2": np.sum(dZ2, axis=0),
    }
    return gradients, loss


@conforms("homework")
def implementation(params, x, y):
    """The functions above, as they are."""
    gradients, loss = back_propagation(x, y, params)
    Y, Z2, H, Z1 = forward_propagation(x, params)
    return {"loss": loss, "gradients": gradients, "layers": [(Z1, H), (Z2, Y)]}
