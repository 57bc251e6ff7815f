"""numpy tensor autograd with a global tape"""
import numpy as np

_TAPE = []


def _fit(g, shape):
    while g.ndim > len(shape):
        g = g.sum(axis=0)
    for ax, n in enumerate(shape):
        if n == 1 and g.shape[ax] != 1:
            g = g.sum(axis=ax, keepdims=True)
    return g


class T:
    __array_priority__ = 100

    def __init__(self, data, rule=None):
        self.data = np.asarray(data, dtype=float)
        self.grad = np.zeros_like(self.data)
        self.rule = rule
        if rule is not None:
            _TAPE.append(self)

    def give(self, g):
        self.grad = self.grad + _fit(g, self.data.shape)

    def __add__(self, o):
        o = o if isinstance(o, T) else T(o)

        def rule(g):
            self.give(g)
            o.give(g)
        return T(self.data + o.data, rule)

    def __mul__(self, o):
        o = o if isinstance(o, T) else T(o)

        def rule(g):
            self.give(g * o.data)
            o.give(g * self.data)
        return T(self.data * o.data, rule)

    def __sub__(self, o):
        return self + o * -1.0

    def __matmul__(self, o):
        def rule(g):
            self.give(g @ o.data.T)
            o.give(self.data.T @ g)
        return T(self.data @ o.data, rule)

    def sigmoid(self):
        s = 0.5 * (1 + np.tanh(0.5 * self.data))
        return T(s, lambda g: self.give(g * s * (1 - s)))

    def logsumexp(self):
        m = self.data.max(axis=1, keepdims=True)
        e = np.exp(self.data - m)
        s = e.sum(axis=1, keepdims=True)
        return T(m + np.log(s), lambda g: self.give(g * e / s))

    def sum(self):
        return T(self.data.sum(), lambda g: self.give(np.broadcast_to(g, self.data.shape)))


def backward(node):
    node.grad = np.ones_like(node.data)
    while _TAPE:
        n = _TAPE.pop()
        n.rule(n.grad)


def silu(z):
    return z * z.sigmoid()


def nll(params, x, t):
    h = T(x)
    n = len(params) // 2
    for i in range(1, n):
        h = silu(h @ params["W%d" % i] + params["b%d" % i])
    z = h @ params["W%d" % n] + params["b%d" % n]
    # t sums to one in every row, so  -sum(t*logp) = sum(logsumexp) - sum(t*z)
    return z.logsumexp().sum() - (z * t).sum()


def evaluate(params, x, t):
    del _TAPE[:]
    P = {k: T(v) for k, v in params.items()}
    loss = nll(P, x, t)
    backward(loss)
    return float(loss.data), {k: p.grad for k, p in P.items()}


NETWORK = {"inputs": 4, "layers": [{"units": 5, "activation": "silu"}, {"units": 4, "activation": "silu"},
                                   {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y))",
           "bias": True, "l2": None, "optimizer": None}
