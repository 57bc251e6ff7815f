import numpy as np


class RMSProp:
    def __init__(self, params, lr=0.01, decay=0.9, eps=1e-8):
        self.params = params
        self.lr, self.decay, self.eps = lr, decay, eps
        self.cache = [np.zeros(p.shape) for p in params]

    def step(self, grads):
        for p, g, c in zip(self.params, grads, self.cache):
            c *= self.decay
            c += np.square(g)
            p -= self.lr * g / (np.sqrt(c) + self.eps)


def forward(params, x):
    W1, b1, W2, b2 = params
    h = np.tanh(x @ W1 + b1)
    return h, 1 / (1 + np.exp(-(h @ W2 + b2)))


def backward(params, x, t):
    W1, b1, W2, b2 = params
    h, y = forward(params, x)
    d2 = (y - t) / t.size
    d1 = (d2 @ W2.T) * (1 - h ** 2)
    return [x.T @ d1, d1.sum(axis=0), h.T @ d2, d2.sum(axis=0)]


def fit(params, batches, lr):
    optimizer = RMSProp(params, lr=lr)
    for xb, tb in batches:
        optimizer.step(backward(params, xb, tb))
    return params


NETWORK = {'inputs': 4,
 'layers': [{'units': 3, 'activation': 'tanh'}, {'units': 2, 'activation': 'sigmoid'}],
 'loss': 'binary_cross_entropy',
 'loss_formula': '-sum(t*log(y) + (1-t)*log(1-y))/(N*C)',
 'bias': True,
 'l2': None,
 'optimizer': {'name': 'rmsprop',
               'rho': 0.9,
               'eps': 1e-08,
               'formula': 's = rho*s + (1-rho)*g**2; w = w - lr*g/(sqrt(s)+eps)'}}


def train(params, x, t, lr, batches):
    names = ("W1", "b1", "W2", "b2")
    own = fit([params[k].copy() for k in names], [(x[r], t[r]) for r in batches], lr)
    return dict(zip(names, own))
