import numpy as np


def run(X, y, W, b):
    N = X.shape[0]
    a1 = np.tanh(np.dot(X, W[0]) + b[0])
    a2 = np.tanh(np.dot(a1, W[1]) + b[1])
    a3 = np.tanh(np.dot(a1, W[2]) + b[2])
    z4 = np.dot(a3, W[3]) + b[3]
    p = 0.5 * (1 + np.tanh(0.5 * z4))

    # log(1 + exp(z)) without overflow
    loss = np.sum(np.logaddexp(0, z4) - y * z4) / N

    d4 = (p - y) / N
    d3 = np.dot(d4, W[3].T) * (1 - a3 * a3)
    d2 = np.dot(d3, W[2].T) * (1 - a2 * a2)
    d1 = np.dot(d2, W[1].T) * (1 - a1 * a1)
    dW = [np.dot(X.T, d1), np.dot(a1.T, d2), np.dot(a2.T, d3), np.dot(a3.T, d4)]
    db = [d1.sum(0), d2.sum(0), d3.sum(0), d4.sum(0)]
    return loss, dW, db


NETWORK = {'inputs': 3,
 'layers': [{'units': 4, 'activation': 'tanh'},
            {'units': 4, 'activation': 'tanh'},
            {'units': 4, 'activation': 'tanh'},
            {'units': 2, 'activation': 'sigmoid'}],
 'loss': 'binary_cross_entropy',
 'loss_formula': '-sum(t*log(y) + (1-t)*log(1-y))/N',
 'bias': True,
 'l2': None,
 'optimizer': None}


def evaluate(params, x, t):
    loss, dW, db = run(x, t, [params["W%d" % l].copy() for l in range(1, 5)], [params["b%d" % l].copy() for l in range(1, 5)])
    g = {"W%d" % (i + 1): v for i, v in enumerate(dW)}
    g.update({"b%d" % (i + 1): v for i, v in enumerate(db)})
    return {"loss": float(loss), "gradients": g}
