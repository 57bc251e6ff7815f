import numpy as np


def sigmoid(Z):
    return 1.0 / (1.0 + np.exp(-Z))


def model_forward(X, params):
    cache = {"A0": X}
    cache["Z1"] = params["W1"].dot(X) + params["b1"]
    cache["A1"] = np.maximum(cache["Z1"], 0)
    cache["Z2"] = params["W2"].dot(cache["A1"]) + params["b2"]
    cache["A2"] = sigmoid(cache["Z2"])
    return cache["A2"], cache


def cost_and_grads(X, Y, params):
    m = X.shape[0]
    A2, cache = model_forward(X, params)
    cost = np.sum((A2 - Y) ** 2) / (2 * m)

    dZ2 = (A2 - Y) * A2 * (1 - A2)
    dZ1 = params["W2"].T.dot(dZ2) * (cache["Z1"] > 0)
    grads = {}
    for l, dZ in ((2, dZ2), (1, dZ1)):
        grads["W%d" % l] = dZ.dot(cache["A%d" % (l - 1)].T) / m
        grads["b%d" % l] = dZ.sum(axis=1, keepdims=True) / m
    return cost, grads


NETWORK = {'inputs': 3,
 'layers': [{'units': 4, 'activation': 'relu'}, {'units': 2, 'activation': 'sigmoid'}],
 'loss': 'squared_error',
 'loss_formula': 'sum((y-t)**2)/(2*N)',
 'bias': True,
 'l2': None,
 'optimizer': None}


def _own(params):
    return {k: (v.T.copy() if k[0] == "W" else v.reshape(-1, 1).copy()) for k, v in params.items()}


def _back(own):
    return {k: (v.T.copy() if k[0] == "W" else np.array(v).reshape(-1)) for k, v in own.items()}


def evaluate(params, x, t):
    cost, grads = cost_and_grads(x.T, t.T, _own(params))
    return {"loss": float(cost), "gradients": _back(grads)}
