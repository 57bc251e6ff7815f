import math
import random

import numpy as np


class Value:
    def __init__(self, data, _children=(), _op='', label=''):
        self.data = data
        self.grad = 0.0
        self._backward = lambda: None
        self._prev = set(_children)
        self._op = _op
        self.label = label

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other), '+')

        def _backward():
            self.grad += 1.0 * out.grad
            other.grad += 1.0 * out.grad
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

    def __pow__(self, other):
        out = Value(self.data ** other, (self,), f'**{other}')

        def _backward():
            self.grad += other * (self.data ** (other - 1)) * out.grad
        out._backward = _backward
        return out

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + (-other)

    def __radd__(self, other):
        return self + other

    def __rmul__(self, other):
        return self * other

    def tanh(self):
        x = self.data
        t = math.tanh(x)
        out = Value(t, (self,), 'tanh')

        def _backward():
            self.grad += (1 - t ** 2) * out.grad
        out._backward = _backward
        return out

    def backward(self):
        topo = []
        visited = set()

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


class Neuron:
    def __init__(self, nin):
        self.w = [Value(random.uniform(-1, 1)) for _ in range(nin)]
        self.b = Value(random.uniform(-1, 1))

    def __call__(self, x):
        act = sum((wi * xi for wi, xi in zip(self.w, x)), self.b)
        return act.tanh()

    def parameters(self):
        return self.w + [self.b]


class Layer:
    def __init__(self, nin, nout):
        self.neurons = [Neuron(nin) for _ in range(nout)]

    def __call__(self, x):
        return [n(x) for n in self.neurons]


class MLP:
    def __init__(self, nin, nouts):
        sz = [nin] + nouts
        self.layers = [Layer(sz[i], sz[i + 1]) for i in range(len(nouts))]

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x[0] if len(x) == 1 else x


def loss_of(model, xs, ys):
    ypred = [model(x) for x in xs]
    return sum((yout - ygt) ** 2 for ygt, yout in zip(ys, ypred))


NETWORK = {'inputs': 2,
 'layers': [{'units': 3, 'activation': 'tanh'}, {'units': 1, 'activation': 'tanh'}],
 'loss': 'squared_error',
 'loss_formula': 'sum((y-t)**2)',
 'bias': True,
 'l2': None,
 'optimizer': None}


def evaluate(params, x, t):
    L = len(params) // 2
    model = MLP(x.shape[1], [params["W%d" % l].shape[1] for l in range(1, L + 1)])
    for l, layer in enumerate(model.layers, 1):
        for j, n in enumerate(layer.neurons):
            n.w = [Value(float(v)) for v in params["W%d" % l][:, j]]
            n.b = Value(float(params["b%d" % l][j]))
    loss = loss_of(model, x.tolist(), [float(v) for v in t[:, 0]])
    loss.backward()
    g = {}
    for l, layer in enumerate(model.layers, 1):
        g["W%d" % l] = np.array([[w.grad for w in n.w] for n in layer.neurons]).T
        g["b%d" % l] = np.array([n.b.grad for n in layer.neurons])
    return {"loss": loss.data, "gradients": g}
