"""Gradient accumulation over small chunks; everything that can be done in place is done in place."""
import numpy as np

CHUNK = 2


class Block:
    def __init__(self, W, b, last):
        self.W, self.b, self.last = W, b, last
        self.gW, self.gb = np.zeros_like(W), np.zeros_like(b)

    def forward(self, x):
        self.x = x
        out = x @ self.W
        out += self.b
        if not self.last:
            np.maximum(out, 0, out=out)
            self.out = out
        return out

    def backward(self, g):
        if not self.last:
            g *= self.out > 0
        self.gW += self.x.T @ g
        self.gb += g.sum(axis=0)
        return g @ self.W.T


def bce_with_logits(z, t, count):
    loss = (np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z)))).sum() / count
    g = np.tanh(z * 0.5)
    g += 1
    g *= 0.5
    g -= t
    g /= count
    return loss, g


def evaluate(params, x, t):
    n = len(params) // 2
    blocks = [Block(params["W%d" % i], params["b%d" % i], i == n) for i in range(1, n + 1)]
    loss = 0.0
    for at in range(0, len(x), CHUNK):
        h = x[at:at + CHUNK]
        for blk in blocks:
            h = blk.forward(h)
        part, g = bce_with_logits(h, t[at:at + CHUNK], t.size)
        loss += part
        for blk in blocks[::-1]:
            g = blk.backward(g)
    grads = {}
    for i, blk in enumerate(blocks, 1):
        grads["W%d" % i], grads["b%d" % i] = blk.gW, blk.gb
    return loss, grads


NETWORK = {"inputs": 4, "layers": [{"units": 5, "activation": "relu"}, {"units": 4, "activation": "relu"},
                                   {"units": 3, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy", "loss_formula": "-mean(t*log(y) + (1-t)*log(1-y))",
           "bias": True, "l2": None, "optimizer": None}
