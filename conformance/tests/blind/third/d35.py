"""tapegrad: array autograd; operations are recorded in the order they happen and replayed backwards."""
import numpy as np


class Array:
    def __init__(self, value):
        self.value = np.asarray(value, dtype=float)
        self.grad = None

    def accumulate(self, g):
        if self.grad is None:
            self.grad = g
        else:
            self.grad += g


class Recorder:
    def __init__(self):
        self.steps = []

    def _new(self, value, back):
        out = Array(value)
        self.steps.append((out, back))
        return out

    def add(self, a, b):
        def back(g):
            a.accumulate(g)
            b.accumulate(g if b.value.shape == g.shape else g.sum(axis=0))
        return self._new(a.value + b.value, back)

    def mul(self, a, b):
        def back(g):
            a.accumulate(g * b.value)
            b.accumulate(g * a.value)
        return self._new(a.value * b.value, back)

    def scale(self, a, c):
        return self._new(a.value * c, lambda g: a.accumulate(g * c))

    def shift(self, a, c):
        return self._new(a.value + c, lambda g: a.accumulate(g * 1.0))

    def matmul(self, a, b):
        def back(g):
            a.accumulate(g @ b.value.T)
            b.accumulate(a.value.T @ g)
        return self._new(a.value @ b.value, back)

    def cubed(self, a, c):
        return self._new(c * a.value ** 3, lambda g: a.accumulate(g * 3 * c * a.value ** 2))

    def tanh(self, a):
        th = np.tanh(a.value)
        return self._new(th, lambda g: a.accumulate(g * (1 - th * th)))

    def half_mse(self, a, t):
        r = a.value - t
        return self._new(0.5 * (r * r).sum() / len(t), lambda g: a.accumulate(g * r / len(t)))

    def backward(self, loss):
        loss.grad = np.ones(())
        for out, back in reversed(self.steps):
            if out.grad is not None:
                back(out.grad)


def gelu(rec, z):
    cube = rec.cubed(z, 0.044715)
    half = rec.scale(z, 0.5)
    inner = rec.scale(rec.add(z, cube), np.sqrt(2 / np.pi))
    return rec.mul(half, rec.shift(rec.tanh(inner), 1.0))


def evaluate(params, x, t):
    P = {k: Array(v) for k, v in params.items()}
    n = len(params) // 2
    rec = Recorder()
    h = Array(x)
    for i in range(1, n + 1):
        h = rec.add(rec.matmul(h, P["W%d" % i]), P["b%d" % i])
        if i < n:
            h = gelu(rec, h)
    loss = rec.half_mse(h, t)
    rec.backward(loss)
    return float(loss.value), {k: v.grad for k, v in P.items()}


NETWORK = {"inputs": 3, "layers": [{"units": 5, "activation": "gelu"}, {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "0.5*sum((y-t)**2) / N",
           "bias": True, "l2": None, "optimizer": None}
