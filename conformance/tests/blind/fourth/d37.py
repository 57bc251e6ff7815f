# demo: loss over a (mini)batch, as in the usual scalar-engine notebooks but vectorised
import numpy as np


class Lin:
    def __init__(self, W, b, nonlin):
        self.W, self.b, self.nonlin = W, b, nonlin

    def __call__(self, x):
        self.x = x
        self.z = x @ self.W + self.b
        return np.where(self.z > 0, self.z, 0) if self.nonlin else self.z

    def vjp(self, g):
        g = np.where(self.z > 0, g, 0) if self.nonlin else g
        self.grad = (self.x.T @ g, g.sum(axis=0))
        return g @ self.W.T


class Model:
    def __init__(self, params):
        n = len(params) // 2
        self.layers = [Lin(params["W%d" % i], params["b%d" % i], i < n) for i in range(1, n + 1)]

    def __call__(self, x):
        for l in self.layers:
            x = l(x)
        return x

    def backward(self, g):
        for l in reversed(self.layers):
            g = l.vjp(g)


def loss(model, X, y, batch_size=8):
    if batch_size is None or batch_size >= len(X):
        Xb, yb = X, y
    else:
        ri = np.random.permutation(X.shape[0])[:batch_size]
        Xb, yb = X[ri], y[ri]
    r = model(Xb) - yb
    model.backward(2 * r / len(r))
    return (r ** 2).sum() / len(r)


def evaluate(params, x, t):
    m = Model(params)
    value = loss(m, x, t)
    grads = {}
    for i, l in enumerate(m.layers, 1):
        grads["W%d" % i], grads["b%d" % i] = l.grad
    return value, grads


NETWORK = {"inputs": 2, "layers": [{"units": 6, "activation": "relu"}, {"units": 6, "activation": "relu"},
                                   {"units": 1, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "sum((y-t)**2) / N",
           "bias": True, "l2": None, "optimizer": None}
