# scalar reverse mode, everything built from + * ** exp
from collections import deque
import math
import numpy as np


class Num:
    __slots__ = ("v", "g", "parents")

    def __init__(self, v, parents=()):
        self.v = v
        self.g = 0.0
        self.parents = parents          # tuple of (node, local derivative)

    @staticmethod
    def wrap(o):
        return o if isinstance(o, Num) else Num(float(o))

    def __add__(self, o):
        o = Num.wrap(o)
        return Num(self.v + o.v, ((self, 1.0), (o, 1.0)))

    def __mul__(self, o):
        o = Num.wrap(o)
        return Num(self.v * o.v, ((self, o.v), (o, self.v)))

    def __pow__(self, k):
        return Num(self.v ** k, ((self, k * self.v ** (k - 1)),))

    def exp(self):
        e = math.exp(self.v)
        return Num(e, ((self, e),))

    def __neg__(self):
        return self * -1.0

    def __sub__(self, o):
        return self + (-Num.wrap(o))

    def __rsub__(self, o):
        return (-self) + o

    def __truediv__(self, o):
        return self * Num.wrap(o) ** -1

    __radd__ = __add__
    __rmul__ = __mul__

    def backprop(self):
        self.g = 1.0
        todo = deque([self])
        visited = {id(self)}
        while todo:
            node = todo.popleft()
            for p, d in node.parents:
                p.g += d * node.g
                if id(p) not in visited:
                    visited.add(id(p))
                    todo.append(p)


def tanh(z):
    e = (z * 2.0).exp()
    return (e - 1.0) / (e + 1.0)


def dense(W, b, x):
    out = []
    for j in range(len(b)):
        s = b[j]
        for i in range(len(x)):
            s = s + W[i][j] * x[i]
        out.append(s)
    return out


def network(P, x):
    L = len(P) // 2
    for l in range(1, L + 1):
        x = dense(P["W%d" % l], P["b%d" % l], x)
        if l < L:
            x = [tanh(z) for z in x]
    return x


def lift(a):
    return [lift(r) for r in a] if isinstance(a, np.ndarray) else Num(float(a))


def lower(a):
    return [lower(r) for r in a] if isinstance(a, list) else a.g


def evaluate(params, x, t):
    P = {k: lift(v) for k, v in params.items()}
    cost = Num(0.0)
    for row, want in zip(x, t):
        y = network(P, [float(r) for r in row])
        for yk, tk in zip(y, want):
            cost = cost + (yk - float(tk)) ** 2
    cost = cost * (0.5 / len(x))
    cost.backprop()
    return cost.v, {k: np.array(lower(v)) for k, v in P.items()}


NETWORK = {"inputs": 2, "layers": [{"units": 3, "activation": "tanh"}, {"units": 1, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "0.5*sum((y-t)**2) / N",
           "bias": True, "l2": None, "optimizer": None}
