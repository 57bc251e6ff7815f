import numpy as np


class LeakyNet:
    def __init__(self, params):
        self.p = params

    def lrelu(self, z, alpha=0.01):
        return np.where(z > 0, z, alpha * z)

    def lrelu_grad(self, z, alpha=0.1):
        g = np.ones_like(z)
        g[z < 0] = alpha
        return g

    def forward(self, X):
        self.X = X
        self.z1 = X @ self.p["W1"] + self.p["b1"]
        self.a1 = self.lrelu(self.z1)
        self.z2 = self.a1 @ self.p["W2"] + self.p["b2"]
        self.a2 = self.lrelu(self.z2)
        self.z3 = self.a2 @ self.p["W3"] + self.p["b3"]
        return self.z3

    def loss(self, y):
        return 0.5 * np.mean((self.z3 - y) ** 2)

    def backward(self, y):
        n = y.shape[0]
        grads = {}
        dz3 = (self.z3 - y) / n
        grads["W3"] = self.a2.T @ dz3
        grads["b3"] = np.mean(dz3, axis=0)
        dz2 = dz3 @ self.p["W3"].T * self.lrelu_grad(self.z2)
        grads["W2"] = self.a1.T @ dz2
        grads["b2"] = np.mean(dz2, axis=0)
        dz1 = dz2 @ self.p["W2"].T * self.lrelu_grad(self.z1)
        grads["W1"] = self.X.T @ dz1
        grads["b1"] = np.mean(dz1, axis=0)
        return grads


def evaluate(params, x, t):
    net = LeakyNet(params)
    net.forward(x)
    return {"loss": float(net.loss(t)), "gradients": net.backward(t)}


NETWORK = {"inputs": 4,
           "layers": [{"units": 5, "activation": "leaky_relu", "slope": 0.01},
                      {"units": 4, "activation": "leaky_relu", "slope": 0.01}, {"units": 1, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "0.5 * sum((y - t)**2) / N",
           "bias": True, "l2": None, "optimizer": None}
