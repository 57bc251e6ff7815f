import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def forward(X, parameters):
    L = len(parameters) // 2
    A = [X]
    for l in range(1, L + 1):
        Z = parameters["W" + str(l)] @ A[-1] + parameters["b" + str(l)]
        A.append(np.tanh(Z) if l < L else sigmoid(Z))
    return A


def compute_cost(AL, Y, parameters, lambd):
    m = Y.shape[1]
    L = len(parameters) // 2
    cost = -np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)) / m
    reg = 0
    for l in range(1, L):
        reg += np.sum(np.square(parameters["W" + str(l)]))
    return cost + lambd / (2 * m) * reg


def backward(A, Y, parameters, lambd):
    m = Y.shape[1]
    L = len(parameters) // 2
    grads = {}
    dZ = A[L] - Y
    for l in range(L, 0, -1):
        W = parameters["W" + str(l)]
        grads["W" + str(l)] = dZ @ A[l - 1].T / m + lambd * W
        grads["b" + str(l)] = np.sum(dZ, axis=1, keepdims=True) / m
        if l > 1:
            dZ = (W.T @ dZ) * (1 - A[l - 1] ** 2)
    return grads


NETWORK = {'inputs': 3,
 'layers': [{'units': 4, 'activation': 'tanh'},
            {'units': 3, 'activation': 'tanh'},
            {'units': 1, 'activation': 'sigmoid'}],
 'loss': 'binary_cross_entropy',
 'loss_formula': '-sum(t*log(y) + (1-t)*log(1-y))/N + l2/(2*N)*sumW2',
 'bias': True,
 'l2': 0.5,
 'optimizer': None}


def _own(params):
    return {k: (v.T.copy() if k[0] == "W" else v.reshape(-1, 1).copy()) for k, v in params.items()}


def _back(own):
    return {k: (v.T.copy() if k[0] == "W" else np.array(v).reshape(-1)) for k, v in own.items()}


def evaluate(params, x, t):
    own = _own(params)
    A = forward(x.T, own)
    return {"loss": float(compute_cost(A[-1], t.T, own, NETWORK["l2"])), "gradients": _back(backward(A, t.T, own, NETWORK["l2"]))}
