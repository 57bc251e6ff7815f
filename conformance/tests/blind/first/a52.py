import numpy as np


class T:
    def __init__(self, data, src=()):
        self.data = np.asarray(data, float)
        self.src = src
        self.grad = None

    def _acc(self, g):
        g = np.asarray(g)
        while g.ndim > self.data.ndim:
            g = g.sum(axis=0)
        for ax, n in enumerate(self.data.shape):
            if n == 1 and g.shape[ax] > 1:
                g = g.sum(axis=ax, keepdims=True)
        self.grad = g if self.grad is None else self.grad + g

    def __add__(self, o):
        return T(self.data + o.data, [(self, lambda g: g), (o, lambda g: g)])

    def __mul__(self, o):
        return T(self.data * o.data, [(self, lambda g: g * o.data), (o, lambda g: g * self.data)])

    def __matmul__(self, o):
        return T(self.data @ o.data, [(self, lambda g: g @ o.data.T), (o, lambda g: self.data.T @ g)])

    def sigmoid(self):
        s = 1 / (1 + np.exp(-self.data))
        return T(s, [(self, lambda g: g * s * (1 - s))])

    def log_softmax(self):
        s = self.data - self.data.max(axis=1, keepdims=True)
        out = s - np.log(np.exp(s).sum(axis=1, keepdims=True))
        return T(out, [(self, lambda g: g - np.exp(out) * g.sum(axis=1, keepdims=True))])

    def sum(self):
        return T(self.data.sum(), [(self, lambda g: np.broadcast_to(g, self.data.shape))])

    def backward(self):
        topo, seen = [], set()

        def walk(n):
            if n in seen:
                return
            seen.add(n)
            for s, _ in n.src:
                walk(s)
            topo.append(n)
        walk(self)
        self.grad = np.array(1.0)
        for n in topo[::-1]:
            for s, f in n.src:
                s._acc(f(n.grad))


def loss_fn(p, x, t, lam):
    h = T(x)
    for i in (1, 2):
        h = (h @ p["W%d" % i] + p["b%d" % i]).sigmoid()
    logp = (h @ p["W3"] + p["b3"]).log_softmax()
    loss = (logp * T(t)).sum() * T(-1.0 / len(x))
    for i in (1, 2, 3):
        loss = loss + (p["W%d" % i] * p["W%d" % i]).sum() * T(lam)
    return loss


def evaluate(params, x, t):
    p = {k: T(v) for k, v in params.items()}
    loss = loss_fn(p, x, t, NETWORK["l2"])
    loss.backward()
    return {"loss": float(loss.data), "gradients": {k: v.grad for k, v in p.items()}}


NETWORK = {"inputs": 3,
           "layers": [{"units": 4, "activation": "sigmoid"}, {"units": 4, "activation": "sigmoid"},
                      {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy",
           "loss_formula": "-sum(t*log(y)) / N + l2 * (sum(W1**2) + sum(W2**2) + sum(W3**2))",
           "bias": True, "l2": 0.02, "optimizer": None}
