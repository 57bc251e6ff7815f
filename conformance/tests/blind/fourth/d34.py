"""Wengert list: numbers only, operands stored by position on the tape."""
import math
import numpy as np


class Tape:
    def __init__(self):
        self.arg1, self.arg2, self.d1, self.d2 = [], [], [], []

    def put(self, v, a=-1, da=0.0, b=-1, db=0.0):
        self.arg1.append(a)
        self.arg2.append(b)
        self.d1.append(da)
        self.d2.append(db)
        return Ref(self, len(self.d1) - 1, v)

    def adjoints(self, ref):
        bar = [0.0] * (len(self.d1) + 1)      # slot -1 swallows whatever has no operand
        bar[ref.pos] = 1.0
        for k in range(ref.pos, -1, -1):
            bar[self.arg1[k]] += self.d1[k] * bar[k]
            bar[self.arg2[k]] += self.d2[k] * bar[k]
        return bar


class Ref:
    __slots__ = ("tape", "pos", "v")

    def __init__(self, tape, pos, v):
        self.tape, self.pos, self.v = tape, pos, v

    def __add__(self, o):
        if isinstance(o, Ref):
            return self.tape.put(self.v + o.v, self.pos, 1.0, o.pos, 1.0)
        return self.tape.put(self.v + o, self.pos, 1.0)

    def __mul__(self, o):
        if isinstance(o, Ref):
            return self.tape.put(self.v * o.v, self.pos, o.v, o.pos, self.v)
        return self.tape.put(self.v * o, self.pos, o)

    def __rsub__(self, o):
        return self.tape.put(o - self.v, self.pos, -1.0)

    def sigmoid(self):
        s = 0.5 * (1.0 + math.tanh(0.5 * self.v))
        return self.tape.put(s, self.pos, s - s * s)

    __radd__ = __add__
    __rmul__ = __mul__


def run(P, depth, x):
    for l in range(1, depth + 1):
        W, b = P["W%d" % l], P["b%d" % l]
        x = [sum((x[i] * W[i][j] for i in range(len(x))), b[j]).sigmoid() for j in range(len(b))]
    return x


def evaluate(params, x, t):
    tape = Tape()
    P = {}
    for k, v in params.items():
        P[k] = [[tape.put(q) for q in r] for r in v.tolist()] if v.ndim == 2 else [tape.put(q) for q in v.tolist()]
    loss = tape.put(0.0)
    for xr, tr in zip(x.tolist(), t.tolist()):
        for y, want in zip(run(P, len(params) // 2, xr), tr):
            r = want - y
            loss = loss + r * r
    loss = loss * (1.0 / t.size)
    bar = tape.adjoints(loss)
    grads = {k: np.array([[bar[q.pos] for q in r] for r in v] if isinstance(v[0], list) else [bar[q.pos] for q in v])
             for k, v in P.items()}
    return loss.v, grads


NETWORK = {"inputs": 2, "layers": [{"units": 4, "activation": "sigmoid"}, {"units": 3, "activation": "sigmoid"},
                                   {"units": 2, "activation": "sigmoid"}],
           "loss": "squared_error", "loss_formula": "mean((y-t)**2)",
           "bias": True, "l2": None, "optimizer": None}
