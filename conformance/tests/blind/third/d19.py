import numpy as np

# course notebook: L2-regularised network, examples in columns


def relu(Z):
    return np.maximum(0, Z)


def L_model_forward(X, parameters):
    caches = []
    A = X
    L = len(parameters) // 2
    for l in range(1, L):
        A_prev = A
        Z = parameters["W" + str(l)] @ A_prev + parameters["b" + str(l)]
        A = relu(Z)
        caches.append((A_prev, Z))
    Z = parameters["W" + str(L)] @ A + parameters["b" + str(L)]
    caches.append((A, Z))
    return 1 / (1 + np.exp(-Z)), caches


def compute_cost_with_regularization(AL, Y, parameters, lambd):
    m = Y.shape[1]
    cross_entropy_cost = -np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)) / m
    L2 = sum(np.sum(np.square(parameters["W" + str(l)])) for l in range(1, len(parameters) // 2 + 1))
    return cross_entropy_cost + lambd / (2 * m) * L2


def L_model_backward(AL, Y, caches, parameters, lambd):
    m = Y.shape[1]
    L = len(caches)
    grads = {}
    dZ = AL - Y
    for l in range(L, 0, -1):
        A_prev, Z = caches[l - 1]
        W = parameters["W" + str(l)]
        grads["W" + str(l)] = 1. / m * dZ @ A_prev.T + lambd * W
        grads["b" + str(l)] = 1. / m * np.sum(dZ, axis=1, keepdims=True)
        if l > 1:
            dZ = (W.T @ dZ) * (caches[l - 2][1] > 0)
    return grads


def evaluate(params, x, t):
    p = {k: (v.T if k[0] == "W" else v[:, None]) for k, v in params.items()}
    AL, caches = L_model_forward(x.T, p)
    cost = compute_cost_with_regularization(AL, t.T, p, 0.3)
    g = L_model_backward(AL, t.T, caches, p, 0.3)
    return cost, {k: (v.T if k[0] == "W" else v[:, 0]) for k, v in g.items()}


NETWORK = {"inputs": 4, "layers": [{"units": 6, "activation": "relu"}, {"units": 3, "activation": "relu"},
                                   {"units": 1, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy", "loss_formula": "-sum(t*log(y) + (1-t)*log(1-y)) / N",
           "bias": True, "l2": {"lambda": 0.3, "formula": "lambda / (2*N) * sum(W**2)"}, "optimizer": None}
