import numpy as np


def sigmoid(Z):
    return 1 / (1 + np.exp(-Z))


def propagate(X, Y, parameters):
    L = len(parameters) // 2
    m = X.shape[1]
    A = {0: X}
    for l in range(1, L):
        A[l] = np.maximum(0, np.dot(parameters["W" + str(l)], A[l - 1]) + parameters["b" + str(l)])
    A[L] = sigmoid(np.dot(parameters["W" + str(L)], A[L - 1]) + parameters["b" + str(L)])

    grads = {}
    dZ = A[L] - Y
    for l in reversed(range(1, L + 1)):
        grads["dW" + str(l)] = np.dot(dZ, A[l - 1].T) / m
        grads["db" + str(l)] = np.sum(dZ, axis=1, keepdims=True) / m
        if l > 1:
            dZ = np.dot(parameters["W" + str(l)].T, dZ) * (A[l - 1] > 0)
    return grads


def update_parameters(parameters, grads, learning_rate):
    L = len(parameters) // 2
    for l in range(1, L):
        parameters["W" + str(l)] = parameters["W" + str(l)] - learning_rate * grads["dW" + str(l)]
        parameters["b" + str(l)] = parameters["b" + str(l)] - learning_rate * grads["db" + str(l)]
    return parameters


NETWORK = {'inputs': 4,
 'layers': [{'units': 4, 'activation': 'relu'},
            {'units': 3, 'activation': 'relu'},
            {'units': 1, 'activation': 'sigmoid'}],
 'loss': 'binary_cross_entropy',
 'loss_formula': '-sum(t*log(y) + (1-t)*log(1-y))/N',
 'bias': True,
 'l2': None,
 'optimizer': {'name': 'sgd', 'formula': 'w = w - lr*g'}}


def _own(params):
    return {k: (v.T.copy() if k[0] == "W" else v.reshape(-1, 1).copy()) for k, v in params.items()}


def _back(own):
    return {k: (v.T.copy() if k[0] == "W" else np.array(v).reshape(-1)) for k, v in own.items()}


def step(params, x, t, lr):
    own = _own(params)
    return _back(update_parameters(own, propagate(x.T, t.T, own), lr))
