import numpy as np


class Tensor:
    """tiny reverse-mode engine: the graph is a tape of closures"""

    tape = []

    def __init__(self, data):
        self.data = np.asarray(data, dtype=float)
        self.grad = None

    def _acc(self, g):
        while g.ndim > self.data.ndim:
            g = g.sum(axis=0)
        for ax, n in enumerate(self.data.shape):
            if n == 1 and g.shape[ax] != 1:
                g = g.sum(axis=ax, keepdims=True)
        self.grad = g if self.grad is None else self.grad + g

    @staticmethod
    def _push(out, fn):
        def run():
            if out.grad is not None:
                fn(out.grad)
        Tensor.tape.append(run)
        return out

    def __add__(self, o):
        def fn(g):
            self._acc(g)
            o._acc(g)
        return Tensor._push(Tensor(self.data + o.data), fn)

    def __sub__(self, o):
        def fn(g):
            self._acc(g)
            o._acc(-g)
        return Tensor._push(Tensor(self.data - o.data), fn)

    def __mul__(self, o):
        def fn(g):
            self._acc(g * o.data)
            o._acc(g * self.data)
        return Tensor._push(Tensor(self.data * o.data), fn)

    def __matmul__(self, o):
        def fn(g):
            self._acc(g @ o.data.T)
            o._acc(self.data.T @ g)
        return Tensor._push(Tensor(self.data @ o.data), fn)

    def tanh(self):
        out = Tensor(np.tanh(self.data))
        return Tensor._push(out, lambda g: self._acc(g * (1 - out.data ** 2)))

    def logsumexp(self):
        m = self.data.max(axis=1, keepdims=True)
        s = np.exp(self.data - m)
        tot = s.sum(axis=1, keepdims=True)
        return Tensor._push(Tensor(np.log(tot) + m), lambda g: self._acc(g * (s / tot)))

    def sum(self):
        return Tensor._push(Tensor(self.data.sum()), lambda g: self._acc(np.broadcast_to(g, self.data.shape)))

    def scale(self, c):
        return Tensor._push(Tensor(self.data * c), lambda g: self._acc(g * c))


def backward(loss):
    loss.grad = np.ones_like(loss.data)
    while Tensor.tape:
        Tensor.tape.pop()()


def evaluate(params, x, t):
    Tensor.tape.clear()
    P = {k: Tensor(v) for k, v in params.items()}
    L = len(P) // 2
    h = Tensor(x)
    for i in range(1, L + 1):
        h = h @ P["W%d" % i] + P["b%d" % i]
        if i < L:
            h = h.tanh()
    T = Tensor(t)
    loss = ((h.logsumexp() - h) * T).sum().scale(1.0 / len(x))
    backward(loss)
    return float(loss.data), {k: p.grad for k, p in P.items()}


NETWORK = {"inputs": 3, "layers": [{"units": 5, "activation": "tanh"}, {"units": 4, "activation": "tanh"},
                                   {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": None}
