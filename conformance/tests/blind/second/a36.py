import numpy as np


def relu(z):
    return np.maximum(0, z)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def forward_prop(P, X):
    Z1 = P["W1"].dot(X) + P["b1"]
    A1 = relu(Z1)
    Z2 = P["W2"].dot(A1) + P["b2"]
    A2 = relu(Z2)
    Z3 = P["W3"].dot(A2) + P["b3"]
    A3 = sigmoid(Z3)
    return Z1, A1, Z2, A2, Z3, A3


def relu_deriv(Z):
    return Z > 0


def back_prop(P, Z1, A1, Z2, A2, A3, X, Y):
    m = X.shape[1]
    dZ3 = A3 - Y
    dZ2 = P["W3"].T.dot(dZ3) * relu_deriv(Z2)
    dZ1 = P["W2"].T.dot(dZ2) * relu_deriv(Z1)
    g = {}
    for i, (d, a) in enumerate(((dZ1, X), (dZ2, A1), (dZ3, A2)), 1):
        g["dW%d" % i] = d.dot(a.T) / m
        g["db%d" % i] = d.sum(axis=1, keepdims=True) / m
    return g


def update_params(P, g, alpha):
    P["W1"] = P["W1"] - alpha * g["dW1"]
    P["W2"] = P["W2"] - alpha * g["dW2"]
    P["b2"] = P["b2"] - alpha * g["db2"]
    P["W3"] = P["W3"] + alpha * g["dW3"]
    P["b3"] = P["b3"] - alpha * g["db3"]
    return P


def step(params, x, t, lr):
    P = {k: (v.T if k[0] == "W" else v[:, None]) for k, v in params.items()}
    Z1, A1, Z2, A2, Z3, A3 = forward_prop(P, x.T)
    P = update_params(P, back_prop(P, Z1, A1, Z2, A2, A3, x.T, t.T), lr)
    return {k: (v.T if k[0] == "W" else v[:, 0]) for k, v in P.items()}


NETWORK = {"inputs": 3,
           "layers": [{"units": 5, "activation": "relu"}, {"units": 4, "activation": "relu"},
                      {"units": 2, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy", "loss_formula": "-sum(t*log(y) + (1-t)*log(1-y)) / N",
           "bias": True, "l2": None, "optimizer": {"name": "sgd"}}
