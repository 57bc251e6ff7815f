import numpy as np


class DeepNet:
    def __init__(self, p):
        self.W1, self.W2, self.W3 = p["W1"], p["W2"], p["W3"]
        self.b1, self.b2, self.b3 = p["b1"], p["b2"], p["b3"]

    def sigmoid(self, s, deriv=False):
        if deriv:
            return s * (1 - s)
        return 1 / (1 + np.exp(-s))

    def forward(self, X):
        self.l0 = X
        self.l1 = self.sigmoid(X.dot(self.W1) + self.b1)
        self.l2 = self.sigmoid(self.l1.dot(self.W2) + self.b2)
        self.l3 = self.l2.dot(self.W3) + self.b3
        return self.l3

    def loss(self, y):
        return np.sum((self.l3 - y) ** 2) / len(y)

    def backward(self, y):
        m = len(y)
        l3_delta = (self.l3 - y) / m
        l2_error = l3_delta.dot(self.W3.T)
        l2_delta = l2_error * self.sigmoid(self.l2, deriv=True)
        l1_error = l2_delta.dot(self.W2.T)
        l1_delta = l1_error * self.sigmoid(self.l1, deriv=True)
        return {"W3": self.l2.T.dot(l3_delta), "b3": l3_delta.sum(0),
                "W2": self.l1.T.dot(l2_delta), "b2": l2_delta.sum(0) / m,
                "W1": self.l0.T.dot(l1_error), "b1": l1_delta.sum(0)}


def evaluate(params, x, t):
    net = DeepNet(params)
    net.forward(x)
    return {"loss": float(net.loss(t)), "gradients": net.backward(t)}


NETWORK = {"inputs": 4,
           "layers": [{"units": 5, "activation": "sigmoid"}, {"units": 3, "activation": "sigmoid"},
                      {"units": 1, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "sum((y - t)**2) / (2*N)",
           "bias": True, "l2": None, "optimizer": None}
