import numpy as np


class MLPRegressor:
    def __init__(self, W1, b1, W2, b2, W3, b3):
        self.params = dict(W1=W1, b1=b1, W2=W2, b2=b2, W3=W3, b3=b3)

    def _relu(self, z):
        return np.maximum(z, 0.0)

    def forward(self, X):
        p = self.params
        self.X = X
        self.z1 = X.dot(p["W1"]) + p["b1"]
        self.h1 = self._relu(self.z1)
        self.z2 = self.h1.dot(p["W2"]) + p["b2"]
        self.h2 = self._relu(self.z2)
        self.out = self.h2.dot(p["W3"]) + p["b3"]
        return self.out

    def mse(self, y):
        return np.mean((self.out - y) ** 2)

    def backward(self, y):
        p, g = self.params, {}
        d3 = 2 * (self.out - y) / y.shape[0]
        g["W3"], g["b3"] = self.h2.T.dot(d3), d3.sum(axis=0)
        d2 = d3.dot(p["W3"].T) * (self.z2 > 0)
        g["W2"], g["b2"] = self.h1.T.dot(d2), d2.sum(axis=0)
        d1 = d2.dot(p["W2"].T) * (self.z1 > 0)
        g["W1"], g["b1"] = self.X.T.dot(d1), d1.sum(axis=0)
        return g


def evaluate(params, x, t):
    net = MLPRegressor(**params)
    net.forward(x)
    return {"loss": float(net.mse(t)), "gradients": net.backward(t)}


NETWORK = {"inputs": 3,
           "layers": [{"units": 5, "activation": "relu"}, {"units": 4, "activation": "relu"},
                      {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "mean((y - t)**2)",
           "bias": True, "l2": None, "optimizer": None}
