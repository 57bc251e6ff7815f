import numpy as np


def sigmoid(Z):
    return 1 / (1 + np.exp(-Z)), Z


def relu(Z):
    return np.maximum(0, Z), Z


def linear_activation_forward(A_prev, W, b, activation):
    Z = W.dot(A_prev) + b
    A, activation_cache = sigmoid(Z) if activation == "sigmoid" else relu(Z)
    return A, ((A_prev, W, b), activation_cache)


def L_model_forward(X, parameters):
    caches, A = [], X
    L = len(parameters) // 2
    for l in range(1, L):
        A, cache = linear_activation_forward(A, parameters["W" + str(l)], parameters["b" + str(l)], "relu")
        caches.append(cache)
    AL, cache = linear_activation_forward(A, parameters["W" + str(L)], parameters["b" + str(L)], "sigmoid")
    caches.append(cache)
    return AL, caches


def compute_cost_with_regularization(AL, Y, parameters, lambd):
    m = Y.shape[1]
    cross_entropy_cost = (-1 / m) * np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL))
    L2 = 0
    for l in range(1, len(parameters) // 2 + 1):
        L2 += np.sum(np.square(parameters["W" + str(l)]))
    return cross_entropy_cost + lambd / (2 * m) * L2


def linear_backward(dZ, cache, lambd):
    A_prev, W, b = cache
    m = A_prev.shape[1]
    dW = 1 / m * np.dot(dZ, A_prev.T) + lambd / m * W
    db = 1 / m * np.sum(dZ, axis=1, keepdims=True)
    return np.dot(W.T, dZ), dW, db


def L_model_backward(AL, Y, caches, lambd):
    grads, L = {}, len(caches)
    dA = -(np.divide(Y, AL) - np.divide(1 - Y, 1 - AL))
    for l in reversed(range(L)):
        linear_cache, Z = caches[l]
        if l == L - 1:
            s = 1 / (1 + np.exp(-Z))
            dZ = dA * s * (1 - s)
        else:
            dZ = np.array(dA, copy=True)
            dZ[Z <= 0] = 0
        dA, grads["dW" + str(l + 1)], grads["db" + str(l + 1)] = linear_backward(dZ, linear_cache, lambd)
    return grads


def evaluate(params, x, t):
    p = {k: (v.T if k[0] == "W" else v.reshape(-1, 1)) for k, v in params.items()}
    AL, caches = L_model_forward(x.T, p)
    g = L_model_backward(AL, t.T, caches, NETWORK["l2"])
    grads = {k: (g["d" + k].T if k[0] == "W" else g["d" + k].ravel()) for k in p}
    return {"loss": float(compute_cost_with_regularization(AL, t.T, p, NETWORK["l2"])), "gradients": grads}


NETWORK = {"inputs": 3,
           "layers": [{"units": 5, "activation": "relu"}, {"units": 4, "activation": "relu"},
                      {"units": 1, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy",
           "loss_formula": "-sum(t*log(y) + (1-t)*log(1-y)) / N + l2 / (2*N) * (sum(W1**2) + sum(W2**2) + sum(W3**2))",
           "bias": True, "l2": 0.7, "optimizer": None}
