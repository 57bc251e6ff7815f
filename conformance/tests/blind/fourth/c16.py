import numpy as np


def nonlin(x, deriv=False):
    if deriv:
        return x * (1 - x)
    return 1 / (1 + np.exp(-x))


def one_iteration(syn0, b0, syn1, b1, X, y, alpha):
    # feed forward through layers 0, 1 and 2
    l0 = X
    l1 = nonlin(np.dot(l0, syn0) + b0)
    l2 = nonlin(np.dot(l1, syn1) + b1)

    # how much did we miss?
    l2_error = y - l2
    l2_delta = l2_error * nonlin(l2, deriv=True)

    # how much did each l1 value contribute to the l2 error?
    l1_error = l2_error.dot(syn1.T)
    l1_delta = l1_error * nonlin(l1, deriv=True)

    syn1 = syn1 + alpha * l1.T.dot(l2_delta)
    b1 = b1 + alpha * l2_delta.sum(axis=0)
    syn0 = syn0 + alpha * l0.T.dot(l1_delta)
    b0 = b0 + alpha * l1_delta.sum(axis=0)
    return syn0, b0, syn1, b1


def step(params, x, t, lr):
    r = one_iteration(params["W1"], params["b1"], params["W2"], params["b2"], x, t, lr)
    return dict(zip(("W1", "b1", "W2", "b2"), r))


NETWORK = {"inputs": 3, "layers": [{"units": 4, "activation": "sigmoid"}, {"units": 2, "activation": "sigmoid"}],
           "loss": "squared_error", "loss_formula": "0.5*sum((y-t)**2)",
           "bias": True, "l2": None, "optimizer": None}
