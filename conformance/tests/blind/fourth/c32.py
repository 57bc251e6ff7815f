import numpy as np


def relu(z):
    return np.maximum(z, 0)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def forward_prop(X, P):
    c = {}
    c["Z1"] = P["W1"].dot(X) + P["b1"]
    c["A1"] = relu(c["Z1"])
    c["Z2"] = P["W2"].dot(c["A1"]) + P["b2"]
    c["A2"] = relu(c["Z2"])
    c["Z3"] = P["W3"].dot(c["A2"]) + P["b3"]
    c["A3"] = sigmoid(c["Z3"])
    return c


def back_prop(X, Y, P, c):
    m = X.shape[1]
    g = {}
    dZ3 = c["A3"] - Y
    g["W3"] = 1. / m * dZ3.dot(c["A1"].T)
    g["b3"] = 1. / m * np.sum(dZ3, axis=1, keepdims=True)
    dA2 = P["W3"].T.dot(dZ3)
    dZ2 = dA2 * np.int64(c["A2"] > 0)
    g["W2"] = 1. / m * dZ2.dot(c["A1"].T)
    g["b2"] = 1. / m * np.sum(dZ2, axis=1, keepdims=True)
    dA1 = P["W2"].T.dot(dZ2)
    dZ1 = dA1 * np.int64(c["A1"] > 0)
    g["W1"] = 1. / m * dZ1.dot(X.T)
    g["b1"] = 1. / m * np.sum(dZ1, axis=1, keepdims=True)
    return g


def compute_loss(A3, Y):
    return np.sum(-np.log(A3) * Y - np.log(1 - A3) * (1 - Y)) / Y.shape[1]


def evaluate(params, x, t):
    P = {k: (v.T if k.startswith("W") else v[:, None]) for k, v in params.items()}
    c = forward_prop(x.T, P)
    g = back_prop(x.T, t.T, P, c)
    return compute_loss(c["A3"], t.T), {k: (v.T if k.startswith("W") else v[:, 0]) for k, v in g.items()}


NETWORK = {"inputs": 3, "layers": [{"units": 5, "activation": "relu"}, {"units": 5, "activation": "relu"},
                                   {"units": 1, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy", "loss_formula": "-sum(t*log(y) + (1-t)*log(1-y)) / N",
           "bias": True, "l2": None, "optimizer": None}
