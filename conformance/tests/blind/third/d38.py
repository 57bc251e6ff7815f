import numpy as np


def model(x, w1, b1, w2, b2, w3, b3):
    z1 = np.dot(x, w1) + b1
    a1 = np.tanh(z1)
    z2 = np.dot(a1, w2) + b2
    a2 = np.tanh(z2)
    z3 = np.dot(a2, w3) + b2
    exp_z = np.exp(z3 - np.max(z3, axis=1, keepdims=True))
    y = exp_z / np.sum(exp_z, axis=1, keepdims=True)
    return a1, a2, y


def loss_fn(y, t):
    return -(t * np.log(y)).sum() / len(y)


def gradient(x, t, w1, b1, w2, b2, w3, b3):
    a1, a2, y = model(x, w1, b1, w2, b2, w3, b3)
    m = len(x)
    dz3 = (y - t) / m
    dw3 = np.dot(a2.T, dz3)
    db3 = np.sum(dz3, axis=0)
    dz2 = np.dot(dz3, w3.T) * (1 - np.power(a2, 2))
    dw2 = np.dot(a1.T, dz2)
    db2 = np.sum(dz2, axis=0)
    dz1 = np.dot(dz2, w2.T) * (1 - np.power(a1, 2))
    dw1 = np.dot(x.T, dz1)
    db1 = np.sum(dz1, axis=0)
    return loss_fn(y, t), [dw1, db1, dw2, db2, dw3, db3]


def evaluate(params, x, t):
    names = ["W1", "b1", "W2", "b2", "W3", "b3"]
    loss, g = gradient(x, t, *[params[k] for k in names])
    return loss, dict(zip(names, g))


NETWORK = {"inputs": 4, "layers": [{"units": 5, "activation": "tanh"}, {"units": 3, "activation": "tanh"},
                                   {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": None}
