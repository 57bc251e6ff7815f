import numpy as np


class ANN:
    def __init__(self, W, b):
        self.W = W
        self.b = b

    def _f(self, z):
        return np.tanh(z)

    def forward(self, X):
        self.a = [X]
        for W, b in zip(self.W[:-1], self.b[:-1]):
            self.a.append(self._f(self.a[-1].dot(W) + b))
        z = self.a[-1].dot(self.W[-1]) + self.b[-1]
        z = z - z.max(axis=1, keepdims=True)
        y = np.exp(z)
        return y / y.sum(axis=1, keepdims=True)

    def fit_batch(self, X, T, lr):
        n = X.shape[0]
        y = self.forward(X)
        delta = np.squeeze(y - T) / n
        new_W, new_b = [], []
        for k in range(len(self.W) - 1, -1, -1):
            dW = self.a[k].T.dot(np.atleast_2d(delta))
            db = np.sum(delta, axis=0)
            new_W.insert(0, self.W[k] - lr * dW)
            new_b.insert(0, self.b[k] - lr * db)
            delta = delta.dot(self.W[k].T) * (1 - np.squeeze(self.a[k]) ** 2)
        self.W, self.b = new_W, new_b


def step(params, x, t, lr):
    L = len(params) // 2
    ann = ANN([params["W%d" % i] for i in range(1, L + 1)], [params["b%d" % i] for i in range(1, L + 1)])
    ann.fit_batch(x, t, lr)
    out = {}
    for i in range(L):
        out["W%d" % (i + 1)], out["b%d" % (i + 1)] = ann.W[i], ann.b[i]
    return out


NETWORK = {"inputs": 4, "layers": [{"units": 6, "activation": "tanh"}, {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": None}
