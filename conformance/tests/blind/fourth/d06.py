import numpy as np


def unbroadcast(grad, shape):
    """Undo numpy broadcasting of a bias (or any smaller operand)."""
    if shape == ():
        return grad.sum()
    if grad.shape[0] != shape[0]:
        grad = grad.sum(axis=0)
    return grad


class Tensor:
    def __init__(self, data, parents=(), backward_fn=None):
        self.data = np.asarray(data, dtype=np.float64)
        self.parents = parents
        self.backward_fn = backward_fn
        self.grad = None

    def __add__(self, other):
        def fn(g):
            return unbroadcast(g, self.data.shape), unbroadcast(g, other.data.shape)
        return Tensor(self.data + other.data, (self, other), fn)

    def __sub__(self, other):
        def fn(g):
            return unbroadcast(g, self.data.shape), -unbroadcast(g, other.data.shape)
        return Tensor(self.data - other.data, (self, other), fn)

    def __matmul__(self, other):
        return Tensor(self.data @ other.data, (self, other),
                      lambda g: (g @ other.data.T, self.data.T @ g))

    def square(self):
        return Tensor(self.data ** 2, (self,), lambda g: (2 * self.data * g,))

    def sigmoid(self):
        s = 1.0 / (1.0 + np.exp(-self.data))
        return Tensor(s, (self,), lambda g: (g * s * (1 - s),))

    def mean(self):
        n = self.data.size
        return Tensor(self.data.mean(), (self,), lambda g: (g * np.ones(self.data.shape) / n,))

    def backward(self):
        topo, seen = [], set()

        def visit(node):
            if node not in seen:
                seen.add(node)
                for p in node.parents:
                    visit(p)
                topo.append(node)
        visit(self)
        self.grad = np.ones_like(self.data)
        for node in reversed(topo):
            if node.backward_fn is None:
                continue
            for p, g in zip(node.parents, node.backward_fn(node.grad)):
                p.grad = g if p.grad is None else p.grad + g


class MLP:
    def __init__(self, params):
        self.p = {k: Tensor(v) for k, v in params.items()}
        self.depth = len(params) // 2

    def __call__(self, x):
        h = Tensor(x)
        for i in range(1, self.depth + 1):
            h = h @ self.p[f"W{i}"] + self.p[f"b{i}"]
            if i < self.depth:
                h = h.sigmoid()
        return h


def evaluate(params, x, t):
    net = MLP(params)
    loss = (net(x) - Tensor(t)).square().mean()
    loss.backward()
    return float(loss.data), {k: v.grad for k, v in net.p.items()}


NETWORK = {"inputs": 3, "layers": [{"units": 6, "activation": "sigmoid"}, {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "mean((y-t)**2)",
           "bias": True, "l2": None, "optimizer": None}
