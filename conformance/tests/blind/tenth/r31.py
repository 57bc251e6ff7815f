"""A tiny scalar autograd engine, and a multilayer perceptron made of it."""
import math
import numpy as np

NETWORK = {
    "inputs": 2,
    "layers": [{"units": 3, "activation": "tanh"}, {"units": 1, "activation": "linear"}],
    "loss": "squared_error", "loss_formula": "sum((y-t)**2)/N",
    "bias": True, "l2": None, "optimizer": None,
}


class Value:
    def __init__(self, data, parents=()):
        self.data, self.grad = float(data), 0.0
        self._parents = parents
        self._backward = lambda: None

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other))

        def _backward():
            self.grad += out.grad
            other.grad += out.grad
        out._backward = _backward
        return out

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data * other.data, (self, other))

        def _backward():
            self.grad = other.data * out.grad
            other.grad += self.data * out.grad
        out._backward = _backward
        return out

    def tanh(self):
        out = Value(math.tanh(self.data), (self,))

        def _backward():
            self.grad += (1 - out.data ** 2) * out.grad
        out._backward = _backward
        return out

    def backward(self):
        order, seen = [], set()

        def visit(v):
            if v not in seen:
                seen.add(v)
                list(map(visit, v._parents))
                order.append(v)
        visit(self)
        self.grad = 1.0
        for v in reversed(order):
            v._backward()


def evaluate(params, x, t):
    P = {k: np.vectorize(Value, otypes=[object])(v) for k, v in params.items()}
    total = Value(0.0)
    for row, target in zip(x, t):
        act = [Value(v) for v in row]
        for i, spec in enumerate(NETWORK["layers"], 1):
            W, b, nxt = P["W%d" % i], P["b%d" % i], []
            for k in range(W.shape[1]):
                s = b[k]
                for j, a in enumerate(act):
                    s = s + W[j, k] * a
                nxt.append(s.tanh() if spec["activation"] == "tanh" else s)
            act = nxt
        for y, goal in zip(act, target):
            diff = y + (-goal)
            total = total + diff * diff
    loss = total * (1.0 / len(x))
    loss.backward()
    grads = {k: np.vectorize(lambda v: v.grad, otypes=[float])(v) for k, v in P.items()}
    return loss.data, grads


if __name__ == "__main__":
    # (number of samples, scale of the parameters) -> names that differ from the reference
    EXPECTED = {(5, 1.0): {'W1', 'W2'}, (1, 1.0): set()}

    def ref_loss(p, x, t):
        y, N, C = x, len(x), t.shape[1]
        for i, spec in enumerate(NETWORK["layers"], 1):
            z = y @ p["W%d" % i] + p["b%d" % i]
            if spec["activation"] == "tanh":
                y = np.tanh(z)
            elif spec["activation"] == "linear":
                y = z
        value = np.sum((y-t)**2)/N
        return value

    def ref_grad(p, x, t, h=1e-5):
        g = {k: np.zeros_like(v) for k, v in p.items()}
        for k in p:
            for i in np.ndindex(p[k].shape):
                hi = {n: v.copy() for n, v in p.items()}
                lo = {n: v.copy() for n, v in p.items()}
                hi[k][i] += h
                lo[k][i] -= h
                g[k][i] = (ref_loss(hi, x, t) - ref_loss(lo, x, t)) / (2 * h)
        return g

    for key, names in EXPECTED.items():
        N, scale = key
        rng = np.random.default_rng(3)
        p, d = {}, NETWORK["inputs"]
        for i, spec in enumerate(NETWORK["layers"], 1):
            p["W%d" % i] = scale * rng.normal(size=(d, spec["units"]))
            p["b%d" % i] = scale * rng.normal(size=spec["units"])
            d = spec["units"]
        x = rng.normal(size=(N, NETWORK["inputs"]))
        t = rng.normal(size=(N, d))
        args = [{k: v.copy() for k, v in p.items()}, x.copy(), t.copy()]
        loss, got = evaluate(*args)
        again = evaluate({k: v.copy() for k, v in p.items()}, x.copy(), t.copy())[1]
        right = ref_grad(p, x, t)
        got, right = dict(got, loss=loss), dict(right, loss=ref_loss(p, x, t))
        assert set(got) == set(right) and all(np.shape(got[k]) == np.shape(right[k]) for k in right)
        differ = {k for k in right if not np.allclose(got[k], right[k], rtol=1e-6, atol=1e-6)}
        differ |= {"again" for k in again if not np.array_equal(again[k], got[k])}
        differ |= {"params" for k in p if not np.array_equal(p[k], args[0][k])}
        differ |= {n for n, u, w in (("x", x, args[1]), ("t", t, args[2])) if not np.array_equal(u, w)}
        assert differ == names, (key, differ)
    print("confirmed", EXPECTED)
