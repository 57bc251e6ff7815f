import math


class Value:
    def __init__(self, data, _children=()):
        self.data = float(data)
        self.grad = 0.0
        self._backward = lambda: None
        self._prev = set(_children)

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
            other.grad = self.data * out.grad
        out._backward = _backward
        return out

    def __pow__(self, k):
        out = Value(self.data ** k, (self,))

        def _backward():
            self.grad += k * self.data ** (k - 1) * out.grad
        out._backward = _backward
        return out

    def tanh(self):
        t = math.tanh(self.data)
        out = Value(t, (self,))

        def _backward():
            self.grad += (1 - t ** 2) * out.grad
        out._backward = _backward
        return out

    def backward(self):
        topo, visited = [], set()

        def build(v):
            if v not in visited:
                visited.add(v)
                for child in v._prev:
                    build(child)
                topo.append(v)
        build(self)
        self.grad = 1.0
        for v in reversed(topo):
            v._backward()

    __radd__ = __add__
    __rmul__ = __mul__

    def __sub__(self, other):
        return self + (-1.0) * other if isinstance(other, Value) else self + (-other)


class Neuron:
    def __init__(self, w, b):
        self.w, self.b = [Value(v) for v in w], Value(b)

    def __call__(self, x):
        return sum((wi * xi for wi, xi in zip(self.w, x)), self.b).tanh()


class MLP:
    def __init__(self, layers):
        self.layers = layers

    def __call__(self, x):
        for layer in self.layers:
            x = [n(x) for n in layer]
        return x


def evaluate(params, x, t):
    n = len(params) // 2
    layers = [[Neuron(params["W%d" % i][:, j], params["b%d" % i][j]) for j in range(params["b%d" % i].size)]
              for i in range(1, n + 1)]
    model = MLP(layers)
    loss = Value(0.0)
    for row, target in zip(x.tolist(), t.tolist()):
        for out, want in zip(model(row), target):
            loss = loss + (out - want) ** 2
    loss = loss * (1.0 / len(x))
    loss.backward()
    grads = {}
    for i, layer in enumerate(layers, 1):
        gw = params["W%d" % i].copy()
        gb = params["b%d" % i].copy()
        for j, neuron in enumerate(layer):
            gw[:, j] = [w.grad for w in neuron.w]
            gb[j] = neuron.b.grad
        grads["W%d" % i], grads["b%d" % i] = gw, gb
    return {"loss": loss.data, "gradients": grads}


NETWORK = {"inputs": 3, "layers": [{"units": 4, "activation": "tanh"}, {"units": 1, "activation": "tanh"}],
           "loss": "squared_error", "loss_formula": "sum((y - t)**2) / N",
           "bias": True, "l2": None, "optimizer": None}
