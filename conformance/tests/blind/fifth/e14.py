"""Tiny tensor autograd: every node remembers its parents and how to send a gradient to each."""
import numpy as np

NETWORK = {"inputs": 3,
           "layers": [{"units": 5, "activation": "silu"},
                      {"units": 4, "activation": "silu"},
                      {"units": 2, "activation": "linear"}],
           "loss": "squared_error",
           "loss_formula": "sum((y-t)**2) / N",
           "bias": True, "l2": None, "optimizer": None}


class Tensor:
    def __init__(self, data, parents=()):
        self.data = np.asarray(data, dtype=np.float64)
        self.grad = np.zeros_like(self.data)
        self.parents = parents

    @staticmethod
    def _fit(g, shape):
        while g.ndim > len(shape):
            g = g.sum(axis=0)
        for axis, n in enumerate(shape):
            if n == 1 and g.shape[axis] != 1:
                g = g.sum(axis=axis, keepdims=True)
        return g

    def __add__(self, other):
        return Tensor(self.data + other.data,
                      ((self, lambda g: self._fit(g, self.data.shape)),
                       (other, lambda g: self._fit(g, other.data.shape))))

    def __sub__(self, other):
        return self + other * Tensor(-1.0)

    def __mul__(self, other):
        return Tensor(self.data * other.data,
                      ((self, lambda g: self._fit(g * other.data, self.data.shape)),
                       (other, lambda g: self._fit(g * self.data, other.data.shape))))

    def __matmul__(self, other):
        return Tensor(self.data @ other.data,
                      ((self, lambda g: g @ other.data.T),
                       (other, lambda g: self.data.T @ g)))

    def sigmoid(self):
        s = 1.0 / (1.0 + np.exp(-self.data))
        return Tensor(s, ((self, lambda g: g * s * (1.0 - s)),))

    def silu(self):
        return self * self.sigmoid()

    def square(self):
        return Tensor(self.data ** 2, ((self, lambda g: g * 2.0 * self.data),))

    def sum(self):
        return Tensor(self.data.sum(), ((self, lambda g: g * np.ones_like(self.data)),))

    def backward(self, grad=None):
        if grad is None:
            grad = np.ones_like(self.data)
        self.grad = self.grad + grad
        for parent, send in self.parents:
            parent.backward(send(self.grad))


def evaluate(params, x, t):
    p = {k: Tensor(v) for k, v in params.items()}
    depth = len(p) // 2
    h = Tensor(x)
    for i in range(1, depth + 1):
        h = h @ p[f"W{i}"] + p[f"b{i}"]
        if i != depth:
            h = h.silu()
    loss = (h - Tensor(t)).square().sum() * Tensor(1.0 / len(x))
    loss.backward()
    return float(loss.data), {k: v.grad for k, v in p.items()}


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = z / (1.0 + np.exp(-z))
        z = h @ p["W2"] + p["b2"]
        h = z / (1.0 + np.exp(-z))
        z = h @ p["W3"] + p["b3"]
        h = z
        y, (N, C) = h, t.shape
        return np.sum((y-t)**2) / N

    def right_grads(p, x, t, h=1e-5):
        out = {}
        for k, v in p.items():
            g = np.zeros(v.shape)
            for i in np.ndindex(*v.shape):
                q = {a: b.copy() for a, b in p.items()}
                q[k][i] += h
                up = right_loss(q, x, t)
                q[k][i] -= 2 * h
                g[i] = (up - right_loss(q, x, t)) / (2 * h)
            out[k] = g
        return out

    def worst(got, want):
        assert set(got) == set(want)
        assert all(np.shape(got[k]) == np.shape(want[k]) for k in want)
        return max(np.abs(got[k] - want[k]).max() / max(np.abs(want[k]).max(), 1e-8) for k in want)

    rng = np.random.default_rng(114)
    for *widths, n in [(4, 6, 4, 2, 8), (2, 4, 3, 3, 5), (2, 3, 3, 3, 9)]:
        p = {}
        for i, (a, b) in enumerate(zip(widths, widths[1:]), 1):
            p["W%d" % i] = rng.normal(size=(a, b)) * 0.8
            p["b%d" % i] = rng.normal(size=b) * 0.3
        x = rng.normal(size=(n, widths[0]))
        t = rng.normal(size=(n, widths[-1]))
        loss, grads = evaluate(p, x, t)
        want = dict(right_grads(p, x, t), loss=right_loss(p, x, t))
        error = worst(dict(grads, loss=loss), want)
        assert error > 1e-4, error
        print(widths, n, "worst relative difference", error)
