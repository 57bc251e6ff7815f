import numpy as np


def sigmoid(x):
    return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))


def init_cache():
    return {}


def model_forward(X, params):
    cache = init_cache()
    cache["X"] = X
    cache["H"] = np.tanh(X @ params["W1"] + params["b1"])
    cache["P"] = sigmoid(cache["H"] @ params["W2"] + params["b2"])
    return cache["P"], cache


def bce_loss(P, T):
    losses = -(T * np.log(P) + (1 - T) * np.log(1 - P))
    return losses.mean()


def model_backward(T, params, cache):
    batch = T.shape[0]
    grads = {}
    delta = (cache["P"] - T) / batch
    grads["W2"] = cache["H"].T @ delta
    grads["b2"] = np.sum(delta, axis=0)
    delta = delta @ params["W2"].T * (1 - cache["H"] ** 2)
    grads["W1"] = cache["X"].T @ delta
    grads["b1"] = np.sum(delta, axis=0)
    return grads


def evaluate(params, x, t):
    P, cache = model_forward(x, params)
    return {"loss": float(bce_loss(P, t)), "gradients": model_backward(t, params, cache)}


NETWORK = {"inputs": 3, "layers": [{"units": 5, "activation": "tanh"}, {"units": 3, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy", "loss_formula": "-sum(t*log(y) + (1-t)*log(1-y)) / N",
           "bias": True, "l2": None, "optimizer": None}
