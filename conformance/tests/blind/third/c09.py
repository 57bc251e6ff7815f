import math
import numpy as np


class Scalar:
    def __init__(self, v, parents=()):
        self.v = v
        self.d = 0.0
        self.parents = parents      # pairs (node, local derivative)

    def __add__(self, o):
        o = wrap(o)
        return Scalar(self.v + o.v, ((self, 1.0), (o, 1.0)))

    def __mul__(self, o):
        o = wrap(o)
        return Scalar(self.v * o.v, ((self, o.v), (o, self.v)))

    def __sub__(self, o):
        o = wrap(o)
        return Scalar(self.v - o.v, ((self, 1.0), (o, -1.0)))

    def __rsub__(self, o):
        return wrap(o) - self

    def __neg__(self):
        return Scalar(-self.v, ((self, -1.0),))

    def log(self):
        return Scalar(math.log(self.v), ((self, 1.0 / self.v),))

    def relu(self):
        return Scalar(max(0.0, self.v), ((self, 1.0 if self.v > 0 else 0.0),))

    def sigmoid(self):
        s = 1.0 / (1.0 + math.exp(-self.v))
        return Scalar(s, ((self, s * (1 - s)),))

    def backprop(self):
        self.d = 1.0
        queue = [self]
        seen = {id(self)}
        while queue:
            node = queue.pop(0)
            for p, local in node.parents:
                p.d += local * node.d
                if id(p) not in seen:
                    seen.add(id(p))
                    queue.append(p)


def wrap(o):
    return o if isinstance(o, Scalar) else Scalar(float(o))


class Dense:
    def __init__(self, W, b, f):
        self.W = [[Scalar(float(e)) for e in row] for row in W]
        self.b = [Scalar(float(e)) for e in b]
        self.f = f

    def __call__(self, xs):
        outs = []
        for j in range(len(self.b)):
            s = self.b[j]
            for i in range(len(xs)):
                s = s + xs[i] * self.W[i][j]
            outs.append(getattr(s, self.f)())
        return outs


def bce(outs, ts):
    total = wrap(0.0)
    for y, t in zip(outs, ts):
        total = total - (y.log() * t + (1.0 - y).log() * (1.0 - t))
    return total


def evaluate(params, x, t):
    L = len(params) // 2
    layers = [Dense(params["W%d" % i], params["b%d" % i], "relu" if i < L else "sigmoid") for i in range(1, L + 1)]
    loss = wrap(0.0)
    for row, target in zip(x, t):
        h = [wrap(e) for e in row]
        for layer in layers:
            h = layer(h)
        loss = loss + bce(h, [float(e) for e in target])
    loss = loss * (1.0 / len(x))
    loss.backprop()
    g = {}
    for i, layer in enumerate(layers, 1):
        g["W%d" % i] = np.array([[e.d for e in row] for row in layer.W])
        g["b%d" % i] = np.array([e.d for e in layer.b])
    return loss.v, g


NETWORK = {"inputs": 3, "layers": [{"units": 4, "activation": "relu"}, {"units": 3, "activation": "relu"},
                                   {"units": 1, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy", "loss_formula": "-sum(t*log(y) + (1-t)*log(1-y)) / N",
           "bias": True, "l2": None, "optimizer": None}
