import numpy as np


def unbroadcast(grad, shape):
    while grad.ndim > len(shape):
        grad = grad.sum(axis=0)
    for i, dim in enumerate(shape):
        if dim == 1:
            grad = grad.sum(axis=i, keepdims=True)
    return grad


class Tensor:
    def __init__(self, data, parents=()):
        self.data = np.asarray(data, dtype=np.float64)
        self.grad = np.zeros_like(self.data)
        self.parents = parents
        self.grad_fn = lambda g: None

    def __add__(self, other):
        out = Tensor(self.data + other.data, (self, other))

        def grad_fn(g):
            self.grad = self.grad + unbroadcast(g, self.data.shape)
            other.grad = other.grad + unbroadcast(g, other.data.shape)
        out.grad_fn = grad_fn
        return out

    def __mul__(self, other):
        out = Tensor(self.data * other.data, (self, other))

        def grad_fn(g):
            self.grad = self.grad + unbroadcast(g * other.data, self.data.shape)
            other.grad = other.grad + unbroadcast(g * self.data, other.data.shape)
        out.grad_fn = grad_fn
        return out

    def __truediv__(self, other):
        out = Tensor(self.data / other.data, (self, other))

        def grad_fn(g):
            self.grad = self.grad + g / other.data
            other.grad = other.grad - g * self.data / other.data ** 2
        out.grad_fn = grad_fn
        return out

    def __matmul__(self, other):
        out = Tensor(self.data @ other.data, (self, other))

        def grad_fn(g):
            self.grad = self.grad + g @ other.data.T
            other.grad = other.grad + self.data.T @ g
        out.grad_fn = grad_fn
        return out

    def relu(self):
        out = Tensor(np.maximum(self.data, 0), (self,))

        def grad_fn(g):
            self.grad = self.grad + g * (self.data > 0)
        out.grad_fn = grad_fn
        return out

    def exp(self):
        out = Tensor(np.exp(self.data), (self,))

        def grad_fn(g):
            self.grad = self.grad + g * out.data
        out.grad_fn = grad_fn
        return out

    def log(self):
        out = Tensor(np.log(self.data), (self,))

        def grad_fn(g):
            self.grad = self.grad + g / self.data
        out.grad_fn = grad_fn
        return out

    def sum(self, axis=None):
        out = Tensor(self.data.sum(axis=axis, keepdims=axis is not None), (self,))

        def grad_fn(g):
            self.grad = self.grad + g * np.ones_like(self.data)
        out.grad_fn = grad_fn
        return out

    def softmax(self):
        e = (self + Tensor(-self.data.max(axis=1, keepdims=True))).exp()
        return e / e.sum(axis=1)

    def backward(self):
        order, seen = [], set()

        def visit(n):
            if id(n) not in seen:
                seen.add(id(n))
                for p in n.parents:
                    visit(p)
                order.append(n)
        visit(self)
        self.grad = np.ones_like(self.data)
        for n in reversed(order):
            n.grad_fn(n.grad)


def loss_fn(P, x, t):
    h = Tensor(x)
    L = len(P) // 2
    for i in range(1, L):
        h = (h @ P["W%d" % i] + P["b%d" % i]).relu()
    y = (h @ P["W%d" % L] + P["b%d" % L]).softmax()
    return (Tensor(-t / len(x)) * y.log()).sum()


def evaluate(params, x, t):
    P = {k: Tensor(v) for k, v in params.items()}
    loss = loss_fn(P, x, t)
    loss.backward()
    return float(loss.data), {k: p.grad for k, p in P.items()}


NETWORK = {"inputs": 4, "layers": [{"units": 6, "activation": "relu"}, {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": None}
