"""A tiny scalar autograd in the spirit of micrograd, and an MLP on top of it."""
import math
import numpy as np


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
            self.grad += out.grad
            other.grad += out.grad
        out._backward = _backward
        return out

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data * other.data, (self, other), '*')

        def _backward():
            self.grad += other.data * out.grad
            other.grad = self.data * out.grad
        out._backward = _backward
        return out

    def __pow__(self, k):
        out = Value(self.data ** k, (self,), '**')

        def _backward():
            self.grad += k * self.data ** (k - 1) * out.grad
        out._backward = _backward
        return out

    def tanh(self):
        th = math.tanh(self.data)
        out = Value(th, (self,), 'tanh')

        def _backward():
            self.grad += (1 - th * th) * out.grad
        out._backward = _backward
        return out

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + (other * -1 if isinstance(other, Value) else -other)

    __radd__ = __add__
    __rmul__ = __mul__

    def backward(self):
        order, seen = [], set()
        stack = [(self, False)]
        while stack:
            v, done = stack.pop()
            if done:
                order.append(v)
                continue
            if id(v) in seen:
                continue
            seen.add(id(v))
            stack.append((v, True))
            for c in v._prev:
                stack.append((c, False))
        self.grad = 1.0
        for v in reversed(order):
            v._backward()


class Neuron:
    def __init__(self, w, b, nonlin):
        self.w = [Value(wi) for wi in w]
        self.b = Value(b)
        self.nonlin = nonlin

    def __call__(self, x):
        act = self.b
        for wi, xi in zip(self.w, x):
            act = act + wi * xi
        return act.tanh() if self.nonlin else act


class Layer:
    def __init__(self, W, b, nonlin):
        self.neurons = [Neuron(W[:, j], b[j], nonlin) for j in range(W.shape[1])]

    def __call__(self, x):
        return [n(x) for n in self.neurons]


class MLP:
    def __init__(self, params):
        n = len(params) // 2
        self.layers = [Layer(params['W%d' % i], params['b%d' % i], i < n) for i in range(1, n + 1)]

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def evaluate(params, x, t):
    net = MLP(params)
    total = Value(0.0)
    for xi, ti in zip(x, t):
        for o, g in zip(net(list(xi)), ti):
            total = total + (o - float(g)) ** 2
    loss = total * (1.0 / len(x))
    loss.backward()
    grads = {}
    for i, layer in enumerate(net.layers, 1):
        grads['W%d' % i] = np.array([[w.grad for w in n.w] for n in layer.neurons]).T
        grads['b%d' % i] = np.array([n.b.grad for n in layer.neurons])
    return loss.data, grads


NETWORK = {"inputs": 3, "layers": [{"units": 4, "activation": "tanh"}, {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "sum((y-t)**2) / N",
           "bias": True, "l2": None, "optimizer": None}
