import numpy as np


def initialise(params):
    return {k: np.array(v, copy=True) for k, v in params.items()}


def feedforward(net, X):
    h1 = np.tanh(X @ net["W1"] + net["b1"])
    h2 = np.tanh(h1 @ net["W2"] + net["b2"])
    s = h2 @ net["W3"] + net["b3"]
    ex = np.exp(s - s.max(axis=1)[:, None])
    probs = ex / ex.sum(axis=1)[:, None]
    return h1, h2, probs


def cost(probs, T):
    return np.mean(-T * np.log(probs))


def backprop(net, X, T):
    n = X.shape[0]
    h1, h2, probs = feedforward(net, X)
    delta3 = (probs - T) * probs * (1 - probs) / n
    delta2 = (delta3 @ net["W3"].T) * (1 - h2 ** 2)
    delta1 = (delta2 @ net["W2"].T) * (1 - h1 ** 2)
    grad = dict(W3=h2.T @ delta3, b3=delta3.sum(0),
                W2=h1.T @ delta2, b2=delta2.sum(0),
                W1=X.T @ delta1, b1=delta1.sum(0))
    return cost(probs, T), grad


def evaluate(params, x, t):
    return backprop(initialise(params), x, t)


NETWORK = {"inputs": 4, "layers": [{"units": 6, "activation": "tanh"}, {"units": 5, "activation": "tanh"},
                                   {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": None}
