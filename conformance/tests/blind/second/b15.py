import numpy as np


def forward(Ws, X):
    acts = [X]
    for i, W in enumerate(Ws):
        Z = W @ acts[-1]
        if i < len(Ws) - 1:
            Z[Z < 0] = 0
        acts.append(Z)
    return acts


def loss(acts, Y):
    R = Y - acts[-1]
    return np.trace(R.T @ R)


def gradients(Ws, acts, Y):
    grads = []
    G = -2 * (Y - acts[-1])
    for i in range(len(Ws) - 1, -1, -1):
        grads.insert(0, G @ acts[i].T)
        G = Ws[i].T @ G
        if i:
            G = np.where(acts[i] > 0, G, 0)
    return grads


NETWORK = {'inputs': 4,
 'layers': [{'units': 5, 'activation': 'relu'},
            {'units': 4, 'activation': 'relu'},
            {'units': 2, 'activation': 'linear'}],
 'loss': 'squared_error',
 'loss_formula': 'sum((y-t)**2)',
 'bias': False,
 'l2': None,
 'optimizer': None}


def evaluate(params, x, t):
    Ws = [params["W%d" % l].T.copy() for l in range(1, len(params) + 1)]
    acts = forward(Ws, x.T)
    return {"loss": float(loss(acts, t.T)), "gradients": {"W%d" % (i + 1): g.T for i, g in enumerate(gradients(Ws, acts, t.T))}}
