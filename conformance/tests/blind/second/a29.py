import numpy as np


def softmax(z):
    e = np.exp(z - np.max(z))
    return e / e.sum(axis=0, keepdims=True)


def forward(params, X):
    z1 = X @ params["W1"] + params["b1"]
    a1 = 1 / (1 + np.exp(-z1))
    z2 = a1 @ params["W2"] + params["b2"]
    return a1, softmax(z2)


def cross_entropy(probs, Y):
    return -np.sum(Y * np.log(probs + 1e-15)) / len(Y)


def backward(params, X, Y, a1, probs):
    d2 = (probs - Y) / len(Y)
    grads = {"W2": a1.T @ d2, "b2": d2.sum(axis=0)}
    d1 = d2 @ params["W2"].T * a1 * (1 - a1)
    grads["W1"], grads["b1"] = X.T @ d1, d1.sum(axis=0)
    return grads


def evaluate(params, x, t):
    a1, probs = forward(params, x)
    return {"loss": float(cross_entropy(probs, t)), "gradients": backward(params, x, t, a1, probs)}


NETWORK = {"inputs": 4, "layers": [{"units": 5, "activation": "sigmoid"}, {"units": 4, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": None}
