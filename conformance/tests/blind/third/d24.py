# nanograd: a scalar engine, and a training loop like the demo notebook
import numpy as np


class Value:
    def __init__(self, data, _prev=()):
        self.data = data
        self.grad = 0
        self._prev = set(_prev)
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
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad
        out._backward = _backward
        return out

    def relu(self):
        out = Value(0.0 if self.data < 0 else self.data, (self,))

        def _backward():
            self.grad += (out.grad > 0) * out.grad
        out._backward = _backward
        return out

    def backward(self):
        topo, visited = [], set()

        def build(v):
            if v not in visited:
                visited.add(v)
                for c in v._prev:
                    build(c)
                topo.append(v)
        build(self)
        self.grad = 1
        for v in reversed(topo):
            v._backward()

    def __radd__(self, other): return self + other
    def __rmul__(self, other): return self * other
    def __sub__(self, other): return self + (-1) * other


class MLP:
    def __init__(self, params):
        self.depth = len(params) // 2
        self.p = {k: np.array([Value(float(q)) for q in v.ravel()], dtype=object).reshape(v.shape)
                  for k, v in params.items()}

    def __call__(self, x):
        for l in range(1, self.depth + 1):
            W, b = self.p["W%d" % l], self.p["b%d" % l]
            x = [sum((W[i, j] * x[i] for i in range(len(x))), b[j]) for j in range(len(b))]
            if l < self.depth:
                x = [v.relu() for v in x]
        return x

    def parameters(self):
        return [v for a in self.p.values() for v in a.ravel()]


def train(params, x, t, lr, batches):
    model = MLP(params)
    for rows in batches:
        total = Value(0.0)
        for r in rows:
            out = model([float(v) for v in x[r]])
            for o, want in zip(out, t[r]):
                d = o - float(want)
                total = total + d * d
        loss = total * (1.0 / len(rows))
        loss.backward()
        for p in model.parameters():
            p.data -= lr * p.grad
    return {k: np.array([q.data for q in v.ravel()]).reshape(v.shape) for k, v in model.p.items()}


NETWORK = {"inputs": 2, "layers": [{"units": 4, "activation": "relu"}, {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "sum((y-t)**2) / N",
           "bias": True, "l2": None, "optimizer": {"name": "sgd"}}
