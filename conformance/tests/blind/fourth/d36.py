import numpy as np


class Affine:
    def __init__(self, W, b):
        self.W = W.copy()
        self.b = b.copy()

    def forward(self, X):
        self.X = X
        return np.dot(X, self.W) + self.b

    def backward(self, dout):
        self.dW = np.dot(self.X.T, dout)
        self.db = np.sum(dout, axis=0)
        return np.dot(dout, self.W.T)


class Silu:
    def forward(self, x):
        self.x = x
        self.s = 1 / (1 + np.exp(-x))
        return x * self.s

    def backward(self, dout):
        return dout * self.s * (1 + self.x * (1 - self.s))


class SoftmaxWithLoss:
    def __init__(self):
        self.batch_size = None

    def forward(self, s, t):
        if self.batch_size is None:
            self.batch_size = t.shape[0]
        s = s - np.max(s, axis=1, keepdims=True)
        self.y = np.exp(s) / np.sum(np.exp(s), axis=1, keepdims=True)
        self.t = t
        return -np.sum(t * np.log(self.y + 1e-300)) / self.batch_size

    def backward(self):
        return (self.y - self.t) / self.batch_size


class Trainer:
    def __init__(self, layers, lr):
        self.layers, self.lr = layers, lr
        self.head = SoftmaxWithLoss()
        self.history = []

    def batch(self, x, t):
        for l in self.layers:
            x = l.forward(x)
        self.history.append(self.head.forward(x, t))
        d = self.head.backward()
        for l in reversed(self.layers):
            d = l.backward(d)
        for l in self.layers:
            if hasattr(l, "W"):
                l.W -= self.lr * l.dW
                l.b -= self.lr * l.db


def train(params, x, t, lr, batches):
    layers = []
    n = len(params) // 2
    for i in range(1, n + 1):
        layers.append(Affine(params["W%d" % i], params["b%d" % i]))
        if i < n:
            layers.append(Silu())
    tr = Trainer(layers, lr)
    for rows in batches:
        tr.batch(x[rows], t[rows])
    out = {}
    for i, l in enumerate(layers[::2], 1):
        out["W%d" % i], out["b%d" % i] = l.W, l.b
    return out


NETWORK = {"inputs": 3, "layers": [{"units": 6, "activation": "silu"}, {"units": 5, "activation": "silu"},
                                   {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": {"name": "sgd"}}
