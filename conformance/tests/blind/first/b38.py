import random

import numpy as np


class Value:
    def __init__(self, data, _children=()):
        self.data = data
        self.grad = 0
        self._backward = lambda: None
        self._prev = _children

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
        out = Value(0 if self.data < 0 else self.data, (self,))

        def _backward():
            self.grad += (out.data > 0) * out.grad
        out._backward = _backward
        return out

    def backward(self):
        self.grad = 1

        def visit(v):
            v._backward()
            for child in v._prev:
                visit(child)
        visit(self)

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + (-other if isinstance(other, Value) else Value(-other))

    __radd__ = __add__
    __rmul__ = __mul__


class MLP:
    def __init__(self, sizes):
        self.W = [[[Value(random.gauss(0, 1)) for _ in range(j)] for _ in range(i)] for i, j in zip(sizes, sizes[1:])]
        self.b = [[Value(0.0) for _ in range(j)] for j in sizes[1:]]

    def __call__(self, x):
        for k, (W, b) in enumerate(zip(self.W, self.b)):
            z = [sum((x[i] * W[i][j] for i in range(len(W))), b[j]) for j in range(len(b))]
            x = z if k == len(self.W) - 1 else [v.relu() for v in z]
        return x

    def loss(self, X, Y):
        total = Value(0.0)
        for x, y in zip(X, Y):
            for o, target in zip(self([Value(v) for v in x]), y):
                d = o - target
                total = total + d * d
        return total * (1.0 / len(X))


NETWORK = {'inputs': 2,
 'layers': [{'units': 3, 'activation': 'relu'},
            {'units': 3, 'activation': 'relu'},
            {'units': 1, 'activation': 'linear'}],
 'loss': 'squared_error',
 'loss_formula': 'sum((y-t)**2)/N',
 'bias': True,
 'l2': None,
 'optimizer': None}


def evaluate(params, x, t):
    L = len(params) // 2
    m = MLP([x.shape[1]] + [params["W%d" % l].shape[1] for l in range(1, L + 1)])
    for l in range(L):
        m.W[l] = [[Value(float(v)) for v in row] for row in params["W%d" % (l + 1)]]
        m.b[l] = [Value(float(v)) for v in params["b%d" % (l + 1)]]
    loss = m.loss(x.tolist(), t.tolist())
    loss.backward()
    g = {}
    for l in range(L):
        g["W%d" % (l + 1)] = np.array([[v.grad for v in row] for row in m.W[l]], dtype=float)
        g["b%d" % (l + 1)] = np.array([v.grad for v in m.b[l]], dtype=float)
    return {"loss": float(loss.data), "gradients": g}
