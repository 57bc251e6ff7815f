import numpy as np


def linear_forward(a, w, b):
    return a @ w + b, (a, w)


def linear_backward(dz, cache):
    a, w = cache
    return dz @ w.T, a.T @ dz, np.sum(dz, axis=0)


def leaky_relu_forward(z, slope=0.01):
    return np.where(z >= 0, z, slope * z), z


def leaky_relu_backward(da, z, slope=0.01):
    dz = np.array(da, copy=True)
    dz[z < 0] *= slope
    return dz


def softmax_loss(scores, t):
    n = scores.shape[0]
    shifted = scores - np.max(scores, axis=1, keepdims=True)
    logp = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    return -np.sum(t * logp) / n, (np.exp(logp) - t) / n


class ThreeLayerNet:
    def __init__(self, params, slope):
        self.params = params
        self.slope = slope

    def loss(self, x, t):
        p, g = self.params, {}
        z1, c1 = linear_forward(x, p["W1"], p["b1"])
        a1, r1 = leaky_relu_forward(z1, self.slope)
        z2, c2 = linear_forward(a1, p["W2"], p["b2"])
        a2, r2 = leaky_relu_forward(z2, self.slope)
        z3, c3 = linear_forward(a2, p["W3"], p["b3"])
        loss, dz3 = softmax_loss(z3, t)
        da2, g["W3"], g["b3"] = linear_backward(dz3, c3)
        dz2 = leaky_relu_backward(da2, r2, self.slope)
        da1, g["W2"], g["b2"] = linear_backward(dz2, c2)
        dz1 = leaky_relu_backward(da1, r1)
        _, g["W1"], g["b1"] = linear_backward(dz1, c1)
        return loss, g


def evaluate(params, x, t):
    return ThreeLayerNet(params, 0.2).loss(x, t)


NETWORK = {"inputs": 4, "layers": [{"units": 6, "activation": "leaky_relu", "slope": 0.2},
                                   {"units": 5, "activation": "leaky_relu", "slope": 0.2},
                                   {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": None}
