import math


class Node:
    def __init__(self, val, deps=()):
        self.val = val
        self.deps = deps
        self.grad = 0.0

    def backward(self, g=1.0):
        self.grad += g
        for node, local in self.deps:
            node.backward(local * self.grad)

    def __add__(self, other):
        return Node(self.val + other.val, [(self, 1.0), (other, 1.0)])

    def __sub__(self, other):
        return Node(self.val - other.val, [(self, 1.0), (other, -1.0)])

    def __mul__(self, other):
        return Node(self.val * other.val, [(self, other.val), (other, self.val)])


def tanh(n):
    v = math.tanh(n.val)
    return Node(v, [(n, 1.0 - v * v)])


class TinyNet:
    def __init__(self, W1, b1, W2, b2):
        wrap = lambda a: [[Node(v) for v in row] for row in a]
        self.W1, self.W2 = wrap(W1), wrap(W2)
        self.b1, self.b2 = wrap([b1])[0], wrap([b2])[0]

    def dense(self, x, W, b):
        out = []
        for j in range(len(b)):
            s = b[j]
            for i in range(len(x)):
                s = s + x[i] * W[i][j]
            out.append(s)
        return out

    def loss(self, rows, targets):
        total = Node(0.0)
        for row, target in zip(rows, targets):
            h = [tanh(z) for z in self.dense([Node(v) for v in row], self.W1, self.b1)]
            for y, t in zip(self.dense(h, self.W2, self.b2), target):
                diff = y - Node(t)
                total = total + diff * diff
        return total * Node(1.0 / len(rows))


def evaluate(params, x, t):
    import numpy as np
    net = TinyNet(*[params[k].tolist() for k in ("W1", "b1", "W2", "b2")])
    loss = net.loss(x.tolist(), t.tolist())
    loss.backward()
    g = lambda a: np.array([[n.grad for n in row] for row in a])
    return {"loss": loss.val, "gradients": {"W1": g(net.W1), "b1": g([net.b1])[0],
                                            "W2": g(net.W2), "b2": g([net.b2])[0]}}


NETWORK = {"inputs": 2, "layers": [{"units": 3, "activation": "tanh"}, {"units": 1, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "sum((y - t)**2) / N",
           "bias": True, "l2": None, "optimizer": None}
