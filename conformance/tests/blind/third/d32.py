import numpy as np


class Tensor:
    def __init__(self, data, deps=()):
        self.data = np.array(data, dtype=float)
        self.grad = np.zeros_like(self.data)
        self.deps = deps
        self.push = None

    def __matmul__(self, o):
        out = Tensor(self.data @ o.data, (self, o))

        def push():
            self.grad += out.grad @ o.data.T
            o.grad += self.data.T @ out.grad
        out.push = push
        return out

    def add_bias(self, b):
        out = Tensor(self.data + b.data, (self, b))

        def push():
            self.grad += out.grad
            b.grad += out.grad.sum(axis=0)
        out.push = push
        return out

    def relu(self):
        out = Tensor(np.maximum(self.data, 0), (self,))

        def push():
            self.grad += out.grad * (self.data > 0)
        out.push = push
        return out

    def cross_entropy(self, t):
        z = self.data - self.data.max(axis=1, keepdims=True)
        logp = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        out = Tensor(-(t * logp).sum(axis=1).mean(), (self,))

        def push():
            self.grad += out.grad * (np.exp(logp) - t) / len(t)
        out.push = push
        return out

    def backward(self):
        order, done = [], set()

        def visit(n):
            if id(n) not in done:
                done.add(id(n))
                for d in n.deps:
                    visit(d)
                order.append(n)
        visit(self)
        self.grad += 1.0
        for n in reversed(order):
            if n.push:
                n.push()


class SGD:
    def __init__(self, params, lr, momentum=0.9):
        self.params, self.lr, self.momentum = params, lr, momentum
        self.bufs = [None] * len(params)

    def zero_grad(self):
        for p in self.params:
            p.grad.fill(0.0)

    def step(self):
        for i, p in enumerate(self.params):
            if self.bufs[i] is None:
                self.bufs[i] = p.grad
            else:
                self.bufs[i] *= self.momentum
                self.bufs[i] += p.grad
            p.data -= self.lr * self.bufs[i]


class MLP:
    def __init__(self, params):
        self.depth = len(params) // 2
        self.p = {k: Tensor(v) for k, v in params.items()}

    def __call__(self, x):
        h = Tensor(x)
        for i in range(1, self.depth + 1):
            h = (h @ self.p["W%d" % i]).add_bias(self.p["b%d" % i])
            if i < self.depth:
                h = h.relu()
        return h


def train(params, x, t, lr, batches):
    net = MLP(params)
    opt = SGD(list(net.p.values()), lr)
    for rows in batches:
        opt.zero_grad()
        net(x[rows]).cross_entropy(t[rows]).backward()
        opt.step()
    return {k: v.data for k, v in net.p.items()}


NETWORK = {"inputs": 3, "layers": [{"units": 6, "activation": "relu"}, {"units": 4, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None,
           "optimizer": {"name": "momentum", "beta": 0.9, "formula": "v = beta*v + g; p -= lr*v"}}
