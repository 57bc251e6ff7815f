import numpy as np


class SoftmaxOutput:
    """output layer with cross entropy; gradient written into a buffer"""

    def forward(self, z):
        self.y = np.exp(z - z.max(axis=1, keepdims=True))
        self.y /= self.y.sum(axis=1, keepdims=True)
        return self.y

    def loss(self, t):
        return -np.log(np.sum(self.y * t, axis=1)).mean()

    def delta(self, t):
        d = np.empty_like(t)
        np.subtract(self.y, t, out=d, casting="unsafe")
        return d / len(t)


class Hidden:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        self.h = np.tanh(np.dot(x, self.W) + self.b)
        return self.h

    def backward(self, dh):
        dz = (1 - self.h ** 2) * dh
        self.dW, self.db = np.dot(self.x.T, dz), dz.sum(axis=0)
        return np.dot(dz, self.W.T)


class Classifier:
    def __init__(self, hidden, V, c):
        self.hidden, self.V, self.c = hidden, V, c
        self.out = SoftmaxOutput()

    def loss_grad(self, x, t):
        h = x
        for layer in self.hidden:
            h = layer.forward(h)
        self.out.forward(np.dot(h, self.V) + self.c)
        d = self.out.delta(t)
        self.dV, self.dc = np.dot(h.T, d), d.sum(axis=0)
        g = np.dot(d, self.V.T)
        for layer in reversed(self.hidden):
            g = layer.backward(g)
        return self.out.loss(t)


def evaluate(params, x, t):
    n = len(params) // 2
    model = Classifier([Hidden(params[f"W{i}"], params[f"b{i}"]) for i in range(1, n)],
                       params[f"W{n}"], params[f"b{n}"])
    loss = model.loss_grad(x, t)
    grads = {f"W{n}": model.dV, f"b{n}": model.dc}
    for i, layer in enumerate(model.hidden, 1):
        grads[f"W{i}"], grads[f"b{i}"] = layer.dW, layer.db
    return loss, grads


NETWORK = {"inputs": 3, "layers": [{"units": 5, "activation": "tanh"}, {"units": 4, "activation": "tanh"},
                                   {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": None}
