import numpy as np


class Layer:
    def __init__(self, w, b, fn, dfn):
        self.w, self.b, self.fn, self.dfn = w, b, fn, dfn

    def __call__(self, x):
        self.inp = x
        self.pre = np.einsum("ni,io->no", x, self.w) + self.b
        return self.fn(self.pre)

    def back(self, g):
        if self.dfn is not None:
            g = g * self.dfn(self.pre)
        self.gw = np.einsum("ni,no->io", self.inp, g)
        self.gb = np.einsum("no->o", g)
        return np.einsum("no,io->ni", g, self.w)


def leaky(z, a=0.1):
    return np.where(z > 0, z, a * z)


def dleaky(z, a=0.1):
    return np.where(z > 0, 1.0, a)


def logistic(z):
    return np.where(z >= 0, 1 / (1 + np.exp(-np.abs(z))), np.exp(-np.abs(z)) / (1 + np.exp(-np.abs(z))))


class BinaryClassifier:
    def __init__(self, params):
        self.layers = [Layer(params["W1"], params["b1"], leaky, dleaky),
                       Layer(params["W2"], params["b2"], logistic, None)]

    def predict(self, x):
        for layer in self.layers:
            x = layer(x)
        return x

    def loss(self, t):
        log_y = -np.logaddexp(0, -self.layers[-1].pre)
        return -np.sum(t * log_y) / t.shape[0]

    def backward(self, y, t):
        g = (y - t) / t.shape[0]      # BCE and sigmoid together
        for layer in reversed(self.layers):
            g = layer.back(g)


def evaluate(params, x, t):
    net = BinaryClassifier(params)
    y = net.predict(x)
    net.backward(y, t)
    a, b = net.layers
    return net.loss(t), {"W1": a.gw, "b1": a.gb, "W2": b.gw, "b2": b.gb}


NETWORK = {"inputs": 3, "layers": [{"units": 4, "activation": "leaky_relu", "slope": 0.1}, {"units": 1, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy", "loss_formula": "-sum(t*log(y) + (1-t)*log(1-y)) / N",
           "bias": True, "l2": None, "optimizer": None}
