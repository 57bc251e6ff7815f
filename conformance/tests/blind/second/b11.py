import math

import numpy as np


class Var:
    def __init__(self, data, parents=()):
        self.data = data
        self.grad = 0.0
        self.parents = parents  # pairs (Var, local derivative)

    def __add__(self, o):
        o = o if isinstance(o, Var) else Var(o)
        return Var(self.data + o.data, ((self, 1.0), (o, 1.0)))

    def __mul__(self, o):
        o = o if isinstance(o, Var) else Var(o)
        return Var(self.data * o.data, ((self, o.data), (o, self.data)))

    def __sub__(self, o):
        o = o if isinstance(o, Var) else Var(o)
        return Var(self.data - o.data, ((self, 1.0), (o, -1.0)))

    __radd__ = __add__
    __rmul__ = __mul__

    def exp(self):
        e = math.exp(self.data)
        return Var(e, ((self, e),))

    def log(self):
        return Var(math.log(self.data), ((self, 1.0 / self.data),))

    def tanh(self):
        t = math.tanh(self.data)
        return Var(t, ((self, 1.0 - t * t),))

    def backward(self):
        order, seen, stack = [], set(), [(self, False)]
        while stack:
            node, done = stack.pop()
            if done:
                order.append(node)
                continue
            if id(node) in seen:
                continue
            seen.add(id(node))
            stack.append((node, True))
            for p, _ in node.parents:
                stack.append((p, False))
        self.grad = 1.0
        for node in reversed(order):
            for p, d in node.parents:
                p.grad += d * node.grad


def layer(x, W, b):
    return [sum((W[i][j] * x[i] for i in range(len(W))), b[j]) for j in range(len(b))]


def nll(x, label, p):
    logits = layer([h.tanh() for h in layer(x, p["W1"], p["b1"])], p["W2"], p["b2"])
    biggest = max(z.data for z in logits)
    total = sum(((z - biggest).exp() for z in logits), Var(0.0))
    return total.log() + biggest - logits[label]


NETWORK = {'inputs': 2,
 'layers': [{'units': 3, 'activation': 'tanh'}, {'units': 3, 'activation': 'softmax'}],
 'loss': 'cross_entropy',
 'loss_formula': '-sum(t*log(y))/N',
 'bias': True,
 'l2': None,
 'optimizer': None}


def evaluate(params, x, t):
    p = {k: ([[Var(float(a)) for a in r] for r in v] if k[0] == "W" else [Var(float(a)) for a in v]) for k, v in params.items()}
    loss = sum((nll(row.tolist(), int(np.argmax(y)), p) for row, y in zip(x, t)), Var(0.0)) * (1.0 / len(x))
    loss.backward()
    g = {k: np.array([[a.grad for a in r] for r in v] if k[0] == "W" else [a.grad for a in v]) for k, v in p.items()}
    return {"loss": loss.data, "gradients": g}
