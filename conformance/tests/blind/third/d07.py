# Samples are columns. The deltas here are *negative* gradients ("error to be corrected"),
# therefore weights move by += .
import numpy as np


class ReluUnit:
    def f(self, z):
        return z * (z > 0)

    def slope_from_output(self, a):
        return np.sign(a)


class LinearUnit:
    def f(self, z):
        return z

    def slope_from_output(self, a):
        return 1.0


class Stage:
    def __init__(self, W, b, unit):
        self.W = W.T.copy()
        self.b = b.reshape(-1, 1).copy()
        self.unit = unit

    def run(self, A):
        self.A_in = A
        self.A_out = self.unit.f(self.W.dot(A) + self.b)
        return self.A_out

    def correct(self, err, rate):
        err = err * self.unit.slope_from_output(self.A_out)
        below = self.W.T.dot(err)
        self.W += rate * err.dot(self.A_in.T)
        self.b += rate * err.sum(axis=1, keepdims=True)
        return below


def step(params, x, t, lr):
    n = len(params) // 2
    stages = [Stage(params["W%d" % (i + 1)], params["b%d" % (i + 1)],
                    LinearUnit() if i == n - 1 else ReluUnit()) for i in range(n)]
    A = x.T
    for s in stages:
        A = s.run(A)
    err = t.T - A
    rate = lr / x.shape[0]
    for s in stages[::-1]:
        err = s.correct(err, rate)
    out = {}
    for i, s in enumerate(stages, 1):
        out["W%d" % i], out["b%d" % i] = s.W.T, s.b.ravel()
    return out


NETWORK = {"inputs": 3, "layers": [{"units": 5, "activation": "relu"}, {"units": 4, "activation": "relu"},
                                   {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "0.5*sum((y-t)**2) / N",
           "bias": True, "l2": None, "optimizer": None}
