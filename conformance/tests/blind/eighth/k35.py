# following the micrograd video, with a swish neuron instead of tanh
import math
import numpy as np

NETWORK = {"inputs": 2,
           "layers": [{"units": 3, "activation": "silu"}, {"units": 1, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "sum((y-t)**2) / N",
           "bias": True, "l2": None, "optimizer": None}


class Value:
    def __init__(self, data, _children=(), _op=''):
        self.data = float(data)
        self.grad = 0.0
        self._backward = lambda: None
        self._prev = _children
        self._op = _op

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other), '+')

        def _backward():
            self.grad = 1.0 * out.grad
            other.grad = 1.0 * out.grad
        out._backward = _backward
        return out

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data * other.data, (self, other), '*')

        def _backward():
            self.grad = other.data * out.grad
            other.grad = self.data * out.grad
        out._backward = _backward
        return out

    def __pow__(self, k):
        out = Value(self.data ** k, (self,), '**')

        def _backward():
            self.grad = k * self.data ** (k - 1) * out.grad
        out._backward = _backward
        return out

    def sigmoid(self):
        s = 1 / (1 + math.exp(-self.data))
        out = Value(s, (self,), 'sigmoid')

        def _backward():
            self.grad = s * (1 - s) * out.grad
        out._backward = _backward
        return out

    def __neg__(self): return self * -1
    def __sub__(self, other): return self + (-other if isinstance(other, Value) else Value(-other))
    def __radd__(self, other): return self + other
    def __rmul__(self, other): return self * other

    def backward(self):
        topo, visited = [], set()

        def build_topo(v):
            if v not in visited:
                visited.add(v)
                for child in v._prev:
                    build_topo(child)
                topo.append(v)
        build_topo(self)
        self.grad = 1.0
        for node in reversed(topo):
            node._backward()


def evaluate(params, x, t):
    import sys
    sys.setrecursionlimit(100000)
    P = {k: np.vectorize(Value, otypes=[object])(v) for k, v in params.items()}
    N = x.shape[0]
    total = Value(0.0)
    for n in range(N):
        hidden = []
        for j in range(P["W1"].shape[1]):
            z = P["b1"][j]
            for i in range(x.shape[1]):
                z = z + P["W1"][i, j] * x[n, i]
            hidden.append(z * z.sigmoid())
        for k in range(P["W2"].shape[1]):
            y = P["b2"][k]
            for j, h in enumerate(hidden):
                y = y + P["W2"][j, k] * h
            total = total + (y - t[n, k]) ** 2
    loss = total * (1.0 / N)
    loss.backward()
    return loss.data, {k: np.vectorize(lambda v: v.grad, otypes=[float])(v) for k, v in P.items()}


if __name__ == "__main__":
    ACT = {
        "relu": lambda z, s: np.where(z > 0, z, 0.0),
        "leaky_relu": lambda z, s: np.where(z > 0, z, s.get("slope", 0.01) * z),
        "elu": lambda z, s: np.where(z > 0, z, s.get("alpha", 1.0) * (np.exp(np.minimum(z, 0)) - 1)),
        "sigmoid": lambda z, s: 1 / (1 + np.exp(-z)),
        "tanh": lambda z, s: np.tanh(z),
        "softplus": lambda z, s: np.log(1 + np.exp(z)),
        "silu": lambda z, s: z / (1 + np.exp(-z)),
        "gelu": lambda z, s: 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z ** 3))),
        "softmax": lambda z, s: np.exp(z) / np.exp(z).sum(axis=1, keepdims=True),
        "linear": lambda z, s: z,
    }
    SPECS = NETWORK["layers"]

    def plain_loss(p, x, t):
        y, W2sum = x, 0.0
        for i, s in enumerate(SPECS, 1):
            y = ACT[s["activation"]](y @ p["W%d" % i] + p["b%d" % i], s)
            W2sum += np.sum(p["W%d" % i] ** 2)
        N, C = t.shape
        names = {"y": y, "t": t, "N": N, "C": C, "sum": np.sum, "mean": np.mean, "log": np.log, "sumW2": W2sum}
        value = eval(NETWORK["loss_formula"], names)
        if NETWORK["l2"]:
            names["lam"] = NETWORK["l2"]["lambda"]
            value += eval(NETWORK["l2"]["formula"].replace("lambda", "lam"), names)
        return float(value)

    def plain_grads(p, x, t, h=1e-5):
        g = {}
        for k in p:
            g[k] = np.zeros(p[k].shape)
            for ix in np.ndindex(*p[k].shape):
                q = {n: v.copy() for n, v in p.items()}
                q[k][ix] += h
                up = plain_loss(q, x, t)
                q[k][ix] -= 2 * h
                g[k][ix] = (up - plain_loss(q, x, t)) / (2 * h)
        return g

    def problem(seed, widths, N):
        r = np.random.default_rng(seed)
        p = {}
        for i in range(1, len(widths)):
            p["W%d" % i] = r.normal(0, 0.8, (widths[i - 1], widths[i]))
            p["b%d" % i] = r.normal(0, 0.5, widths[i])
        x = r.normal(0, 1, (N, widths[0]))
        if NETWORK["loss"] == "cross_entropy":
            t = np.eye(widths[-1])[r.integers(0, widths[-1], N)]
        elif NETWORK["loss"] == "binary_cross_entropy":
            t = (r.random((N, widths[-1])) > 0.5).astype(float)
        elif SPECS[-1]["activation"] == "sigmoid":
            t = r.random((N, widths[-1]))
        else:
            t = r.normal(0, 1, (N, widths[-1]))
        return p, x, t

    def copy(p):
        return {k: v.copy() for k, v in p.items()}

    def off(a, b):
        a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
        assert a.shape == b.shape, (a.shape, b.shape)
        return bool(np.max(np.abs(a - b) / np.maximum(1, np.abs(b))) > 1e-5)

    def differing(a, b):
        assert set(a) == set(b)
        return sorted(k for k in b if off(a[k], b[k]))

    L = len(SPECS)
    CASES = [(3, [4, 7, 3, 5, 6][:L] + [2], 7), (8, [5, 3, 6, 4, 2][:L] + [4], 8)]
    EXPECT = {'loss': False, 'grads': ['W1', 'W2', 'b1', 'b2']}

    for seed, widths, N in CASES:
        p, x, t = problem(seed, widths, N)
        loss, grads = evaluate(copy(p), x.copy(), t.copy())
        assert off(loss, plain_loss(p, x, t)) == EXPECT["loss"], (loss, plain_loss(p, x, t))
        assert differing(grads, plain_grads(p, x, t)) == EXPECT["grads"], differing(grads, plain_grads(p, x, t))
    print("self-check ok")
