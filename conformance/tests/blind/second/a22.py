import numpy as np


def relu(z):
    return np.maximum(0, z)


def compute_gradients(p, X, Y):
    z1 = X @ p["W1"] + p["b1"]
    a1 = relu(z1)
    z2 = a1 @ p["W2"] + p["b2"]
    y = 1 / (1 + np.exp(-z2))
    d2 = (y - Y) / len(X)
    d1 = (d2 @ p["W2"].T) * (z1 > 0)
    return {"W1": X.T @ d1, "b1": d1.sum(axis=0), "W2": a1.T @ d2, "b2": d2.sum(axis=0)}


def initialize_velocity(p):
    return {k: np.zeros_like(a) for k, a in p.items()}


def update_with_momentum(p, grads, v, beta, learning_rate):
    for k in p:
        v[k] = beta * v[k] + (1 - beta) * grads[k]
        p[k] = p[k] - learning_rate * v[k]
    return p, v


def model(p, X, Y, batches, learning_rate, beta=0.9):
    v = initialize_velocity(p)
    for rows in batches:
        v = initialize_velocity(p)
        grads = compute_gradients(p, X[rows], Y[rows])
        p, v = update_with_momentum(p, grads, v, beta, learning_rate)
    return p


def train(params, x, t, lr, batches):
    return model(dict(params), x, t, batches, lr)


NETWORK = {"inputs": 3, "layers": [{"units": 5, "activation": "relu"}, {"units": 1, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy", "loss_formula": "-sum(t*log(y) + (1-t)*log(1-y)) / N",
           "bias": True, "l2": None,
           "optimizer": {"name": "momentum_ema", "beta": 0.9, "rule": "v = beta*v + (1-beta)*g; p -= lr*v"}}
