import numpy as np


def nonlin(x, deriv=False):
    if deriv:
        return x * (1 - x)
    return 1 / (1 + np.exp(-x))


def train_once(X, y, syn0, syn1, alpha):
    l0 = X
    l1 = nonlin(np.dot(l0, syn0))
    l2 = nonlin(np.dot(l1, syn1))

    l2_error = y - l2
    l2_delta = l2_error * nonlin(l2, deriv=True)

    syn1 += alpha * l1.T.dot(l2_delta)

    l1_error = l2_delta.dot(syn1.T)
    l1_delta = l1_error * nonlin(l1, deriv=True)

    syn0 += alpha * l0.T.dot(l1_delta)
    return syn0, syn1


NETWORK = {'inputs': 3,
 'layers': [{'units': 4, 'activation': 'sigmoid'}, {'units': 1, 'activation': 'sigmoid'}],
 'loss': 'squared_error',
 'loss_formula': '0.5*sum((y-t)**2)',
 'bias': False,
 'l2': None,
 'optimizer': {'name': 'sgd', 'formula': 'w = w - lr*g'}}


def step(params, x, t, lr):
    s0, s1 = train_once(x, t, params["W1"].copy(), params["W2"].copy(), lr)
    return {"W1": s0, "W2": s1}
