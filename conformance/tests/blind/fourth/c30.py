import numpy as np


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def init_cache(X):
    return {"A0": X}


def forward(X, params, L):
    cache = init_cache(X)
    for l in range(1, L + 1):
        Z = cache[f"A{l-1}"] @ params[f"W{l}"] + params[f"b{l}"]
        cache[f"A{l}"] = np.tanh(Z) if l < L else sigmoid(Z)
    return cache


def cost(Y_hat, Y):
    return np.mean((Y_hat - Y) ** 2) / 2


def backward(cache, params, Y, L):
    m = Y.shape[0]
    grads = {}
    dZ = cache[f"A{L}"] - Y
    for l in range(L, 0, -1):
        grads[f"W{l}"] = cache[f"A{l-1}"].T @ dZ / m
        grads[f"b{l}"] = dZ.sum(axis=0) / m
        if l > 1:
            dZ = (dZ @ params[f"W{l}"].T) * (1 - cache[f"A{l-1}"] ** 2)
    return grads


def evaluate(params, x, t):
    L = len(params) // 2
    cache = forward(x, params, L)
    return cost(cache[f"A{L}"], t), backward(cache, params, t, L)


NETWORK = {"inputs": 3, "layers": [{"units": 6, "activation": "tanh"}, {"units": 4, "activation": "tanh"},
                                   {"units": 2, "activation": "sigmoid"}],
           "loss": "squared_error", "loss_formula": "0.5*sum((y-t)**2) / N",
           "bias": True, "l2": None, "optimizer": None}
