import numpy as np


def forward(X, W1, b1, W2, b2):
    A1 = np.dot(X, W1)
    A1 += b1
    np.tanh(A1, out=A1)
    A2 = np.dot(A1, W2)
    A2 += b2
    return A1, A2


def mse_loss(pred, target):
    return 0.5 * np.mean(np.sum((pred - target) ** 2, axis=1))


def backward(X, target, A1, A2, W2):
    delta2 = np.asarray(target)
    delta2 -= A2
    delta2 /= -len(X)
    delta1 = np.dot(delta2, W2.T)
    delta1 *= 1 - A1 ** 2
    return np.dot(X.T, delta1), delta1.sum(axis=0), np.dot(A1.T, delta2), delta2.sum(axis=0)


def loss_and_gradients(X, target, W1, b1, W2, b2):
    A1, A2 = forward(X, W1, b1, W2, b2)
    loss = mse_loss(A2, target)
    return loss, backward(X, target, A1, A2, W2)


def evaluate(params, x, t):
    loss, grads = loss_and_gradients(x, t, params["W1"], params["b1"], params["W2"], params["b2"])
    return {"loss": float(loss), "gradients": dict(zip(("W1", "b1", "W2", "b2"), grads))}


NETWORK = {"inputs": 3, "layers": [{"units": 5, "activation": "tanh"}, {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "0.5 * sum((y - t)**2) / N",
           "bias": True, "l2": None, "optimizer": None}
