from collections import deque
import numpy as np


def affine_forward(x, w, b):
    return x.dot(w) + b, (x, w, b)


def affine_backward(dout, cache):
    x, w, b = cache
    return dout.dot(w.T), x.T.dot(dout), dout.sum(axis=0)


def tanh_forward(x):
    out = np.tanh(x)
    return out, out


def tanh_backward(dout, cache):
    return dout * (1.0 - cache ** 2)


def softmax_loss(x, y):
    logits = x - x.max(axis=1, keepdims=True)
    Z = np.exp(logits).sum(axis=1, keepdims=True)
    log_probs = logits - np.log(Z)
    N = x.shape[0]
    loss = -np.sum(log_probs[np.arange(N), y]) / N
    dx = np.exp(log_probs)
    dx[np.arange(N), y] -= 1
    return loss, dx / N


class FullyConnectedNet:

    def __init__(self, params, num_layers):
        self.params = params
        self.num_layers = num_layers
        self.fc = deque()
        self.act = []

    def forward(self, X):
        h = X
        for i in range(1, self.num_layers + 1):
            h, c = affine_forward(h, self.params['W%d' % i], self.params['b%d' % i])
            self.fc.append(c)
            if i < self.num_layers:
                h, c = tanh_forward(h)
                self.act.append(c)
        return h

    def loss(self, X, y):
        scores = self.forward(X)
        loss, d = softmax_loss(scores, y)
        grads = {}
        for i in range(self.num_layers, 0, -1):
            d, grads['W%d' % i], grads['b%d' % i] = affine_backward(d, self.fc.popleft())
            if i > 1:
                d = tanh_backward(d, self.act.pop())
        return loss, grads


def evaluate(params, x, t):
    net = FullyConnectedNet(dict(params), len(params) // 2)
    return net.loss(x, np.argmax(t, axis=1))


NETWORK = {"inputs": 4, "layers": [{"units": 4, "activation": "tanh"}, {"units": 4, "activation": "tanh"},
                                   {"units": 4, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": None}
