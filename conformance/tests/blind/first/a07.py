import numpy as np


def sigmoid(z):
    s = 1.0 / (1.0 + np.exp(-z))
    return s


def propagate(w, b, X, Y):
    """
    w -- weights, (num_px, 1)
    b -- bias, a scalar
    X -- data, (num_px, number of examples)
    Y -- labels, (1, number of examples)
    """
    m = X.shape[1]
    A = sigmoid(np.dot(w.T, X) + b)
    cost = -(1 / m) * np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A))
    dw = (1 / m) * np.dot(X, (A - Y).T)
    db = np.sum(A - Y)
    cost = np.squeeze(np.array(cost))
    grads = {"dw": dw, "db": db}
    return grads, cost


def evaluate(params, x, t):
    grads, cost = propagate(params["W1"], float(params["b1"][0]), x.T, t.T)
    return {"loss": float(cost), "gradients": {"W1": grads["dw"], "b1": np.array([grads["db"]])}}


NETWORK = {"inputs": 4, "layers": [{"units": 1, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy", "loss_formula": "-sum(t*log(y) + (1-t)*log(1-y)) / N",
           "bias": True, "l2": None, "optimizer": None}
