import math


class Value:
    def __init__(self, data, children=(), op=''):
        self.data, self.grad = data, 0.0
        self._prev, self._op = children, op
        self._backward = lambda: None

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other), '+')
        def _backward():
            self.grad += out.grad
            other.grad += out.grad
        out._backward = _backward
        return out

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data * other.data, (self, other), '*')
        def _backward():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad
        out._backward = _backward
        return out

    def tanh(self):
        x = self.data
        t = (math.exp(2 * x) - 1) / (math.exp(2 * x) + 1)
        out = Value(t, (self,), 'tanh')
        def _backward():
            self.grad += (1 - x**2) * out.grad
        out._backward = _backward
        return out

    def exp(self):
        out = Value(math.exp(self.data), (self,), 'exp')
        def _backward():
            self.grad += out.data * out.grad
        out._backward = _backward
        return out

    def log(self):
        out = Value(math.log(self.data), (self,), 'log')
        def _backward():
            self.grad += out.grad / self.data
        out._backward = _backward
        return out

    def __neg__(self):
        return self * -1.0

    def __sub__(self, other):
        return self + (-other)

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


def mlp(layers, x):
    for k, (W, b) in enumerate(layers):
        z = []
        for j in range(len(b)):
            acc = b[j]
            for i in range(len(x)):
                acc = acc + W[i][j] * x[i]
            z.append(acc)
        x = [v.tanh() for v in z] if k < len(layers) - 1 else z
    return x


def cross_entropy(logits, target):
    total = logits[0].exp()
    for z in logits[1:]:
        total = total + z.exp()
    return total.log() - logits[target]


def evaluate(params, x, t):
    import numpy as np
    L = len(params) // 2
    layers = [([[Value(float(v)) for v in row] for row in params["W%d" % i]], [Value(float(v)) for v in params["b%d" % i]])
              for i in range(1, L + 1)]
    loss = Value(0.0)
    for row, lab in zip(x.tolist(), t.argmax(axis=1)):
        loss = loss + cross_entropy(mlp(layers, row), int(lab))
    loss = loss * (1.0 / len(x))
    loss.backward()
    grads = {}
    for i, (W, b) in enumerate(layers, 1):
        grads["W%d" % i] = np.array([[v.grad for v in r] for r in W])
        grads["b%d" % i] = np.array([v.grad for v in b])
    return {"loss": loss.data, "gradients": grads}


NETWORK = {"inputs": 2, "layers": [{"units": 4, "activation": "tanh"}, {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": None}
