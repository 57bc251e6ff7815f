"""A scalar autograd engine in the spirit of the well-known hundred-line one."""
import math
import numpy as np

NETWORK = {"inputs": 3,
           "layers": [{"units": 4, "activation": "tanh"},
                      {"units": 3, "activation": "tanh"},
                      {"units": 2, "activation": "linear"}],
           "loss": "squared_error",
           "loss_formula": "sum((y-t)**2) / N",
           "bias": True, "l2": None, "optimizer": None}


class Value:
    def __init__(self, data, _children=(), _op=""):
        self.data = data
        self.grad = 0.0
        self._backward = lambda: None
        self._prev = _children
        self._op = _op

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other), "+")

        def _backward():
            self.grad += out.grad
            other.grad += out.grad
        out._backward = _backward
        return out

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data * other.data, (self, other), "*")

        def _backward():
            self.grad = other.data * out.grad
            other.grad = self.data * out.grad
        out._backward = _backward
        return out

    def __pow__(self, k):
        out = Value(self.data ** k, (self,), "**")

        def _backward():
            self.grad += k * self.data ** (k - 1) * out.grad
        out._backward = _backward
        return out

    def __sub__(self, other):
        return self + (-1.0 * other)

    def tanh(self):
        th = math.tanh(self.data)
        out = Value(th, (self,), "tanh")

        def _backward():
            self.grad += (1 - th * th) * out.grad
        out._backward = _backward
        return out

    __radd__ = __add__
    __rmul__ = __mul__

    def backward(self):
        topo, seen, stack = [], set(), [(self, False)]
        while stack:
            node, done = stack.pop()
            if done:
                topo.append(node)
                continue
            if id(node) in seen:
                continue
            seen.add(id(node))
            stack.append((node, True))
            for child in node._prev:
                stack.append((child, False))
        self.grad = 1.0
        for node in reversed(topo):
            node._backward()


def evaluate(params, x, t):
    V = {}
    for name, arr in params.items():
        V[name] = np.array([Value(float(a)) for a in arr.ravel()], dtype=object).reshape(arr.shape)
    n_layers = len(params) // 2
    total = Value(0.0)
    for xi, ti in zip(x, t):
        h = [float(v) for v in xi]
        for l in range(1, n_layers + 1):
            W, b = V["W%d" % l], V["b%d" % l]
            out = []
            for j in range(W.shape[1]):
                z = b[j]
                for i in range(W.shape[0]):
                    z = z + W[i, j] * h[i]
                out.append(z.tanh() if l < n_layers else z)
            h = out
        for yj, tj in zip(h, ti):
            total = total + (yj - float(tj)) ** 2
    loss = total * (1.0 / len(x))
    loss.backward()
    grads = {name: np.array([v.grad for v in arr.ravel()]).reshape(arr.shape)
             for name, arr in V.items()}
    return loss.data, grads


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = np.tanh(z)
        z = h @ p["W2"] + p["b2"]
        h = np.tanh(z)
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

    rng = np.random.default_rng(105)
    for *widths, n in [(5, 6, 4, 2, 9), (5, 5, 4, 2, 6), (4, 3, 5, 2, 6)]:
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
