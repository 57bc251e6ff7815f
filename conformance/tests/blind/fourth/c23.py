import numpy as np


def leaky_relu(Z, alpha=0.2):
    return np.where(Z > 0, Z, alpha * Z)


def leaky_relu_derivative(Z, alpha=0.01):
    return np.where(Z > 0, 1.0, alpha)


def softmax(Z):
    E = np.exp(Z - Z.max(axis=0))
    return E / E.sum(axis=0)


def model_forward(X, w):
    Z1 = w["W1"] @ X + w["b1"]
    A1 = leaky_relu(Z1)
    Z2 = w["W2"] @ A1 + w["b2"]
    A2 = leaky_relu(Z2)
    Z3 = w["W3"] @ A2 + w["b3"]
    return Z1, A1, Z2, A2, softmax(Z3)


def model_backward(X, Y, w):
    m = X.shape[1]
    Z1, A1, Z2, A2, A3 = model_forward(X, w)
    cost = -1 / m * np.sum(Y * np.log(A3))
    dZ3 = 1 / m * (A3 - Y)
    dW3 = dZ3 @ A2.T
    db3 = np.sum(dZ3, axis=1, keepdims=True)
    dZ2 = w["W3"].T @ dZ3 * leaky_relu_derivative(Z2)
    dW2 = dZ2 @ A1.T
    db2 = np.sum(dZ2, axis=1, keepdims=True)
    dZ1 = w["W2"].T @ dZ2 * leaky_relu_derivative(Z1)
    dW1 = dZ1 @ X.T
    db1 = 1 / m * np.sum(dZ1, axis=1, keepdims=True)
    return cost, dict(W1=dW1, b1=db1, W2=dW2, b2=db2, W3=dW3, b3=db3)


def evaluate(params, x, t):
    w = {k: (v.T if v.ndim == 2 else v[:, None]) for k, v in params.items()}
    cost, g = model_backward(x.T, t.T, w)
    return cost, {k: (v.T if k[0] == "W" else v[:, 0]) for k, v in g.items()}


NETWORK = {"inputs": 3, "layers": [{"units": 5, "activation": "leaky_relu", "slope": 0.2},
                                   {"units": 4, "activation": "leaky_relu", "slope": 0.2},
                                   {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": None}
