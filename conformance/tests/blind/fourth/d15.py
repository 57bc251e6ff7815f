import numpy as np


def _sigm(z):
    return np.reciprocal(1.0 + np.exp(-z))


class Swish:
    """x * sigmoid(x), computed in place to save memory"""

    def forward(self, x):
        self.x = x
        x *= _sigm(x)
        return x

    def backward(self, dy):
        s = _sigm(self.x)
        return dy * (s + self.x * s * (1.0 - s))


class FullyConnected:
    def __init__(self, W, b):
        self.W = np.array(W)
        self.b = np.array(b)

    def forward(self, x):
        self.x = x
        out = x.dot(self.W)
        out += self.b
        return out

    def backward(self, dy):
        self.dW = self.x.T.dot(dy)
        self.db = dy.sum(axis=0)
        return dy.dot(self.W.T)


class MSE:
    def forward(self, y, t):
        self.diff = y - t
        return (self.diff ** 2).mean()

    def backward(self):
        return 2 * self.diff / self.diff.size


def build(params):
    layers = []
    n = len(params) // 2
    for i in range(n):
        layers.append(FullyConnected(params[f"W{i + 1}"], params[f"b{i + 1}"]))
        if i + 1 < n:
            layers.append(Swish())
    return layers


def evaluate(params, x, t):
    layers = build(params)
    h = x
    for l in layers:
        h = l.forward(h)
    crit = MSE()
    loss = crit.forward(h, t)
    d = crit.backward()
    for l in reversed(layers):
        d = l.backward(d)
    grads = {}
    for i, l in enumerate(layers[::2], 1):
        grads[f"W{i}"] = l.dW
        grads[f"b{i}"] = l.db
    return loss, grads


NETWORK = {"inputs": 3, "layers": [{"units": 6, "activation": "silu"}, {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "mean((y-t)**2)",
           "bias": True, "l2": None, "optimizer": None}
