import numpy as np


def initialize_caches():
    return []


def model_forward(X, parameters, L):
    A = X
    caches = initialize_caches()
    for l in range(1, L + 1):
        A_prev = A
        W, b = parameters[f"W{l}"], parameters[f"b{l}"]
        Z = np.matmul(W, A_prev) + b
        A = np.tanh(Z) if l < L else 1 / (1 + np.exp(-Z))
        caches.append((A_prev, W, A))
    return A, caches


def compute_cost(AL, Y):
    m = Y.shape[1]
    return -np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)) / m


def model_backward(AL, Y, caches):
    m = Y.shape[1]
    grads = {}
    L = len(caches)
    dA = -Y / AL + (1 - Y) / (1 - AL)
    for l in range(L, 0, -1):
        A_prev, W, A = caches[l - 1]
        if l == L:
            dZ = dA * A * (1 - A)
        else:
            dZ = dA * (1 - A ** 2)
        grads[f"dW{l}"] = np.matmul(dZ, A_prev.T) / m
        grads[f"db{l}"] = np.sum(dZ, axis=1, keepdims=True)
        dA = np.matmul(W.T, dA)
    return grads


def evaluate(params, x, t):
    L = len(params) // 2
    p = {k: (v.T if k[0] == "W" else v.reshape(-1, 1)) for k, v in params.items()}
    AL, caches = model_forward(x.T, p, L)
    g = model_backward(AL, t.T, caches)
    return {"loss": float(compute_cost(AL, t.T)),
            "gradients": {k: (g["d" + k].T if k[0] == "W" else g["d" + k].ravel()) for k in p}}


NETWORK = {"inputs": 3,
           "layers": [{"units": 4, "activation": "tanh"}, {"units": 3, "activation": "tanh"},
                      {"units": 1, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy", "loss_formula": "-sum(t*log(y) + (1-t)*log(1-y)) / N",
           "bias": True, "l2": None, "optimizer": None}
