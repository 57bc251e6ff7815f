import numpy as np


class Param:
    def __init__(self, value):
        self.value = value
        self.grad = np.zeros_like(value)


class Linear:
    def __init__(self, W, b):
        self.W, self.b = Param(W), Param(b)

    def __call__(self, x):
        self.cache = x
        return x @ self.W.value + self.b.value

    def backward(self, g):
        self.W.grad += self.cache.T @ g
        self.b.grad += g.sum(0)
        return g @ self.W.value.T

    def params(self):
        return [self.W, self.b]


class ReLU:
    def __call__(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, g):
        return g * self.mask

    def params(self):
        return []


class CrossEntropy:
    def __call__(self, z, t):
        z = z - z.max()                       # numerical stability
        e = np.exp(z)
        total = e.sum(axis=1, keepdims=True)
        self.y, self.t = e / total, t
        return -(t * (z - np.log(total))).sum() / z.shape[0]

    def backward(self):
        return (self.y - self.t) / self.t.shape[0]


def evaluate(params, x, t):
    net = []
    n = len(params) // 2
    for i in range(1, n + 1):
        net.append(Linear(params["W%d" % i], params["b%d" % i]))
        if i < n:
            net.append(ReLU())
    for layer in net:
        x = layer(x)
    ce = CrossEntropy()
    loss = ce(x, t)
    g = ce.backward()
    for layer in net[::-1]:
        g = layer.backward(g)
    flat = [p.grad for layer in net for p in layer.params()]
    return loss, {("W%d" if k % 2 == 0 else "b%d") % (k // 2 + 1): v for k, v in enumerate(flat)}


NETWORK = {"inputs": 4, "layers": [{"units": 6, "activation": "relu"}, {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": None}
