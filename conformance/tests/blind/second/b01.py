import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def stable_softmax(a):
    a = a - a.max(axis=1)[:, None]
    e = np.exp(a)
    return e / e.sum(axis=1)[:, None]


def calculate_loss(model, X, T):
    W1, b1, W2, b2 = model
    P = stable_softmax(sigmoid(X @ W1 + b1) @ W2 + b2)
    return -(T * np.log(P + 1e-14)).sum() / X.shape[0]


def build_grads(model, X, T):
    W1, b1, W2, b2 = model
    N = X.shape[0]
    H = sigmoid(X @ W1 + b1)
    P = stable_softmax(H @ W2 + b2)

    delta_out = (P - T) / N
    dW2 = H.T @ delta_out / N
    db2 = np.sum(delta_out, axis=0)
    delta_hid = delta_out @ W2.T * H * (1 - H)
    dW1 = X.T @ delta_hid
    db1 = np.sum(delta_hid, axis=0)
    return dW1, db1, dW2, db2


NETWORK = {'inputs': 4,
 'layers': [{'units': 5, 'activation': 'sigmoid'}, {'units': 3, 'activation': 'softmax'}],
 'loss': 'cross_entropy',
 'loss_formula': '-sum(t*log(y))/N',
 'bias': True,
 'l2': None,
 'optimizer': None}


def evaluate(params, x, t):
    names = ("W1", "b1", "W2", "b2")
    model = tuple(params[k].copy() for k in names)
    return {"loss": float(calculate_loss(model, x, t)), "gradients": dict(zip(names, build_grads(model, x, t)))}
