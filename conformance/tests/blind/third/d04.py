import numpy as np


class Module:
    def forward(self, x):
        raise NotImplementedError

    def backward(self, grad):
        raise NotImplementedError


class Linear(Module):
    def __init__(self, W, b):
        self.W, self.b = np.array(W), np.array(b)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, grad):
        self.dW = self.x.T @ grad
        self.db = grad.sum(axis=0)
        return grad @ self.W.T


class Tanh(Module):
    def forward(self, x):
        self.out = np.tanh(x)
        return self.out

    def backward(self, grad):
        return grad * (1 - self.out ** 2)


class SoftmaxCrossEntropy:
    def forward(self, logits, t):
        z = logits - logits.max(axis=1, keepdims=True)
        e = np.exp(z)
        self.p = e / e.sum(axis=1, keepdims=True)
        self.t = t
        return -np.sum(t * (z - np.log(e.sum(axis=1, keepdims=True)))) / len(t)

    def backward(self):
        return (self.p - self.t) / len(self.t)


class Sequential(Module):
    def __init__(self, *mods):
        self.mods = mods

    def forward(self, x):
        for m in self.mods:
            x = m.forward(x)
        return x

    def backward(self, grad):
        for m in reversed(self.mods):
            grad = m.backward(grad)
        return grad


def make_mlp(weights, biases, activation):
    mods = []
    for k, (W, b) in enumerate(zip(weights, biases)):
        mods.append(Linear(W, b))
        if k < len(weights) - 1:
            mods.append(activation)
    return Sequential(*mods)


def evaluate(params, x, t):
    n = len(params) // 2
    net = make_mlp([params["W%d" % i] for i in range(1, n + 1)],
                   [params["b%d" % i] for i in range(1, n + 1)], Tanh())
    crit = SoftmaxCrossEntropy()
    loss = crit.forward(net.forward(x), t)
    net.backward(crit.backward())
    lin = [m for m in net.mods if isinstance(m, Linear)]
    grads = {}
    for i, m in enumerate(lin, 1):
        grads["W%d" % i], grads["b%d" % i] = m.dW, m.db
    return loss, grads


NETWORK = {"inputs": 3, "layers": [{"units": 5, "activation": "tanh"}, {"units": 5, "activation": "tanh"},
                                   {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": None}
