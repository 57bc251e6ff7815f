import numpy as np


class Momentum:
    """v = mu*v + g ; p -= lr*v"""

    def __init__(self, lr, mu=0.9):
        self.lr, self.mu = lr, mu
        self.velocity = {}

    def step(self, pairs):
        for p, g in pairs:
            v = self.velocity.get(p.shape, np.zeros_like(p))
            v = self.mu * v + g
            self.velocity[p.shape] = v
            p -= self.lr * v


class Dense:
    def __init__(self, W, b, squash):
        self.W, self.b, self.squash = W.copy(), b.copy(), squash

    def forward(self, x):
        self.x = x
        z = x @ self.W + self.b
        self.a = np.tanh(z) if self.squash else z
        return self.a

    def backward(self, d):
        if self.squash:
            d = d * (1 - self.a * self.a)
        self.gW = self.x.T @ d
        self.gb = d.sum(axis=0)
        return d @ self.W.T

    def pairs(self):
        return [(self.W, self.gW), (self.b, self.gb)]


class Net:
    def __init__(self, layers):
        self.layers = layers

    def fit_batch(self, x, t, opt):
        for l in self.layers:
            x = l.forward(x)
        x = np.exp(x - x.max(axis=1, keepdims=True))
        p = x / x.sum(axis=1, keepdims=True)
        d = (p - t) / len(t)
        for l in self.layers[::-1]:
            d = l.backward(d)
        opt.step([pg for l in self.layers for pg in l.pairs()])


def train(params, x, t, lr, batches):
    n = len(params) // 2
    net = Net([Dense(params["W%d" % i], params["b%d" % i], i < n) for i in range(1, n + 1)])
    opt = Momentum(lr)
    for b in batches:
        net.fit_batch(x[b], t[b], opt)
    out = {}
    for i, l in enumerate(net.layers, 1):
        out["W%d" % i], out["b%d" % i] = l.W, l.b
    return out


NETWORK = {"inputs": 4, "layers": [{"units": 4, "activation": "tanh"}, {"units": 4, "activation": "tanh"},
                                   {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None,
           "optimizer": {"name": "momentum", "beta": 0.9, "formula": "v = beta*v + g; p -= lr*v"}}
