import numpy as np


def relu(Z):
    return np.maximum(0, Z)


def softmax(Z):
    e = np.exp(Z - np.max(Z, axis=0, keepdims=True))
    return e / np.sum(e, axis=0, keepdims=True)


def relu_backward(dA, Z):
    dZ = np.array(dA, copy=True)
    dZ[dA <= 0] = 0
    return dZ


def linear_backward(dZ, A_prev, W):
    m = A_prev.shape[1]
    dW = np.dot(dZ, A_prev.T) / m
    db = np.sum(dZ, axis=1, keepdims=True) / m
    dA_prev = np.dot(W.T, dZ)
    return dA_prev, dW, db


def L_model_forward(X, parameters):
    caches = []
    A = X
    L = len(parameters) // 2
    for l in range(1, L + 1):
        A_prev = A
        W = parameters['W' + str(l)]
        Z = np.dot(W, A_prev) + parameters['b' + str(l)]
        A = softmax(Z) if l == L else relu(Z)
        caches.append((A_prev, W, Z))
    return A, caches


def compute_cost(AL, Y):
    m = Y.shape[1]
    return -np.sum(Y * np.log(AL + 1e-15)) / m


def L_model_backward(AL, Y, caches):
    grads = {}
    L = len(caches)
    A_prev, W, Z = caches[L - 1]
    dA, grads['W' + str(L)], grads['b' + str(L)] = linear_backward(AL - Y, A_prev, W)
    for l in reversed(range(L - 1)):
        A_prev, W, Z = caches[l]
        dZ = relu_backward(dA, Z)
        dA, grads['W' + str(l + 1)], grads['b' + str(l + 1)] = linear_backward(dZ, A_prev, W)
    return grads


NETWORK = {'inputs': 4,
 'layers': [{'units': 5, 'activation': 'relu'},
            {'units': 4, 'activation': 'relu'},
            {'units': 3, 'activation': 'softmax'}],
 'loss': 'cross_entropy',
 'loss_formula': '-sum(t*log(y))/N',
 'bias': True,
 'l2': None,
 'optimizer': None}


def _own(params):
    return {k: (v.T.copy() if k[0] == "W" else v.reshape(-1, 1).copy()) for k, v in params.items()}


def _back(own):
    return {k: (v.T.copy() if k[0] == "W" else np.array(v).reshape(-1)) for k, v in own.items()}


def evaluate(params, x, t):
    AL, caches = L_model_forward(x.T, _own(params))
    return {"loss": float(compute_cost(AL, t.T)), "gradients": _back(L_model_backward(AL, t.T, caches))}
