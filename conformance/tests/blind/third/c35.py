import numpy as np


class Param:
    def __init__(self, value):
        self.value = value
        self.grad = None
        self.m = np.zeros(value.shape)
        self.v = np.zeros(value.shape)


class Linear:
    def __init__(self, W, b):
        self.W, self.b = Param(W), Param(b)

    def __call__(self, x):
        self.x = x
        return x.dot(self.W.value) + self.b.value

    def back(self, d):
        self.W.grad = self.x.T.dot(d)
        self.b.grad = d.sum(axis=0)
        return d.dot(self.W.value.T)


class ELU:
    def __call__(self, x):
        self.y = np.where(x > 0, x, np.expm1(np.minimum(x, 0)))
        return self.y

    def back(self, d):
        return d * np.minimum(self.y + 1, 1)


class Adam:
    """the 'efficient' order of the computation: the step size carries both corrections"""

    def __init__(self, lr, b1=0.9, b2=0.99, eps=1e-6):
        self.lr, self.b1, self.b2, self.eps = lr, b1, b2, eps
        self.p1 = self.p2 = 1.0

    def step(self, params):
        self.p1 *= self.b1
        self.p2 *= self.b2
        alpha = self.lr * np.sqrt(1 - self.p2) / (1 - self.p1)
        for p in params:
            p.m += (1 - self.b1) * (p.grad - p.m)
            p.v += (1 - self.b2) * (p.grad * p.grad - p.v)
            p.value -= alpha * p.m / (np.sqrt(p.v) + self.eps)


def train(params, x, t, lr, batches):
    L = len(params) // 2
    linears = [Linear(params["W%d" % i].copy(), params["b%d" % i].copy()) for i in range(1, L + 1)]
    chain = [linears[0]]
    for lin in linears[1:]:
        chain += [ELU(), lin]
    weights = [p for lin in linears for p in (lin.b, lin.W)]
    opt = Adam(lr)
    for rows in batches:
        h = x[rows]
        for f in chain:
            h = f(h)
        d = (h - t[rows]) / len(rows)
        for f in reversed(chain):
            d = f.back(d)
        opt.step(weights)
    out = {}
    for i, lin in enumerate(linears, 1):
        out["W%d" % i], out["b%d" % i] = lin.W.value, lin.b.value
    return out


NETWORK = {"inputs": 4, "layers": [{"units": 5, "activation": "elu"}, {"units": 4, "activation": "elu"},
                                   {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "0.5*sum((y-t)**2) / N", "bias": True, "l2": None,
           "optimizer": {"name": "adam", "beta1": 0.9, "beta2": 0.99, "eps": 1e-6,
                         "formula": "m = beta1*m + (1-beta1)*g; v = beta2*v + (1-beta2)*g**2; p -= lr*sqrt(1-beta2**k)/(1-beta1**k) * m/(sqrt(v) + eps)"}}
