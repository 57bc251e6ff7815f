"""All parameters live in one flat vector; layers see views.  Adam in the 'efficient' form of the paper."""
import numpy as np


class FlatNet:
    def __init__(self, shapes):
        self.theta = np.zeros(sum(int(np.prod(s)) for s in shapes))
        self.grad = np.zeros_like(self.theta)
        self.p, self.g = [], []
        at = 0
        for s in shapes:
            n = int(np.prod(s))
            self.p.append(self.theta[at:at + n].reshape(s))
            self.g.append(self.grad[at:at + n].reshape(s))
            at += n

    def forward(self, x):
        self.acts = [x]
        for k in range(0, len(self.p), 2):
            z = self.acts[-1] @ self.p[k] + self.p[k + 1]
            self.acts.append(z if k + 2 == len(self.p) else 0.5 + 0.5 * np.tanh(0.5 * z))
        return self.acts[-1]

    def backward(self, d):
        for k in range(len(self.p) - 2, -1, -2):
            a = self.acts[k // 2]
            np.matmul(a.T, d, out=self.g[k])
            np.sum(d, axis=0, out=self.g[k + 1])
            if k:
                d = d @ self.p[k].T
                d *= a
                d *= 1 - a


class Adam:
    def __init__(self, size, lr, b1=0.9, b2=0.99, eps=1e-6):
        self.lr, self.b1, self.b2, self.eps = lr, b1, b2, eps
        self.m, self.s = np.zeros(size), np.zeros(size)
        self.b1t = self.b2t = 1.0

    def apply(self, theta, g):
        self.b1t *= self.b1
        self.b2t *= self.b2
        self.m += (1 - self.b1) * (g - self.m)
        self.s += (1 - self.b2) * (g * g - self.s)
        c = np.sqrt(1 - self.b2t)
        theta -= self.lr * c / (1 - self.b1t) * self.m / (np.sqrt(self.s) + self.eps * c)


def train(params, x, t, lr, batches):
    names = sorted(params, key=lambda k: (int(k[1:]), k[0]))       # W1 b1 W2 b2 ...
    net = FlatNet([params[k].shape for k in names])
    for k, v in zip(names, net.p):
        v[...] = params[k]
    opt = Adam(net.theta.size, lr)
    for rows in batches:
        y = net.forward(x[rows])
        net.backward(2.0 * (y - t[rows]) / y.size)
        opt.apply(net.theta, net.grad)
    return {k: v.copy() for k, v in zip(names, net.p)}


NETWORK = {"inputs": 3, "layers": [{"units": 5, "activation": "sigmoid"}, {"units": 4, "activation": "sigmoid"},
                                   {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "mean((y-t)**2)",
           "bias": True, "l2": None,
           "optimizer": {"name": "adam", "beta1": 0.9, "beta2": 0.99, "eps": 1e-6,
                         "formula": "m = beta1*m + (1-beta1)*g; v = beta2*v + (1-beta2)*g**2; p -= lr * (m/(1-beta1**t)) / (sqrt(v/(1-beta2**t)) + eps)"}}
