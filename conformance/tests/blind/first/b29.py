import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def forward_propagation(X, parameters):
    W1 = parameters["W1"]
    b1 = parameters["b1"]
    W2 = parameters["W2"]
    b2 = parameters["b2"]

    Z1 = np.dot(W1, X) + b1
    A1 = np.tanh(Z1)
    Z2 = np.dot(W2, A1) + b2
    A2 = sigmoid(Z2)

    cache = {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2}
    return A2, cache


def compute_cost(A2, Y):
    m = Y.shape[1]
    logprobs = np.multiply(np.log(A2), Y) + np.multiply(np.log(1 - A2), 1 - Y)
    cost = -np.sum(logprobs) / m
    return float(np.squeeze(cost))


def backward_propagation(parameters, cache, X, Y):
    m = X.shape[1]
    W2 = parameters["W2"]
    A1 = cache["A1"]
    A2 = cache["A2"]

    dZ2 = A2 - Y
    dW2 = (1 / m) * np.dot(dZ2, A1.T)
    db2 = (1 / m) * np.sum(dZ2, axis=1, keepdims=True)
    dZ1 = np.multiply(np.dot(W2.T, dZ2), 1 - np.power(A1, 2))
    dW1 = (1 / m) * np.dot(dZ1, X.T)
    db1 = np.sum(dZ1, axis=1, keepdims=True)

    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


NETWORK = {'inputs': 3,
 'layers': [{'units': 4, 'activation': 'tanh'}, {'units': 1, 'activation': 'sigmoid'}],
 'loss': 'binary_cross_entropy',
 'loss_formula': '-sum(t*log(y) + (1-t)*log(1-y))/N',
 'bias': True,
 'l2': None,
 'optimizer': None}


def _own(params):
    return {k: (v.T.copy() if k[0] == "W" else v.reshape(-1, 1).copy()) for k, v in params.items()}


def _back(own):
    return {k: (v.T.copy() if k[0] == "W" else np.array(v).reshape(-1)) for k, v in own.items()}


def evaluate(params, x, t):
    own = _own(params)
    A2, cache = forward_propagation(x.T, own)
    cost = compute_cost(A2, t.T)
    grads = backward_propagation(own, cache, x.T, t.T)
    return {"loss": cost, "gradients": _back(grads)}
