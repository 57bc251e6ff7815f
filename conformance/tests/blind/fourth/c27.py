import numpy as np

LAMBD = 0.7


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def forward(X, parameters):
    A1 = np.tanh(np.dot(parameters["W1"], X) + parameters["b1"])
    A2 = sigmoid(np.dot(parameters["W2"], A1) + parameters["b2"])
    return A1, A2


def compute_cost_with_regularization(A2, Y, parameters, lambd):
    m = Y.shape[1]
    cross_entropy_cost = -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / m
    L2_regularization_cost = 0
    for theta in parameters.values():
        L2_regularization_cost += np.sum(np.square(theta))
    return cross_entropy_cost + L2_regularization_cost * lambd / (2 * m)


def backward_propagation_with_regularization(X, Y, parameters, lambd):
    m = X.shape[1]
    A1, A2 = forward(X, parameters)
    grads = {}
    dZ2 = A2 - Y
    grads["W2"] = np.dot(dZ2, A1.T) / m
    grads["b2"] = np.sum(dZ2, axis=1, keepdims=True) / m
    dZ1 = np.dot(parameters["W2"].T, dZ2) * (1 - A1 ** 2)
    grads["W1"] = np.dot(dZ1, X.T) / m
    grads["b1"] = np.sum(dZ1, axis=1, keepdims=True) / m
    for name in parameters:
        grads[name] = grads[name] + lambd / m * parameters[name]
    return compute_cost_with_regularization(A2, Y, parameters, lambd), grads


def evaluate(params, x, t):
    parameters = {k: (v.T if v.ndim == 2 else v.reshape(-1, 1)) for k, v in params.items()}
    cost, grads = backward_propagation_with_regularization(x.T, t.T, parameters, LAMBD)
    return cost, {k: (g.T if k[0] == "W" else g.ravel()) for k, g in grads.items()}


NETWORK = {"inputs": 4, "layers": [{"units": 5, "activation": "tanh"}, {"units": 2, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy", "loss_formula": "-sum(t*log(y) + (1-t)*log(1-y)) / N",
           "bias": True, "l2": {"lambda": 0.7, "formula": "lambda / (2*N) * sum(W**2)"}, "optimizer": None}
