import numpy as np


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


class NeuralNetwork:
    """
    Homework 2.  X has one example per column.
    """

    def __init__(self, w1, b1, w2, b2):
        self.w1, self.b1 = w1, b1
        self.w2, self.b2 = w2, b2

    def forward(self, X):
        self.a1 = sigmoid(self.w1 @ X + self.b1)
        self.a2 = sigmoid(self.w2 @ self.a1 + self.b2)
        return self.a2

    def cost(self, Y):
        m = Y.shape[1]
        return np.sum((self.a2 - Y) ** 2) / (2 * m)

    def gradients(self, X, Y):
        m = X.shape[1]
        d2 = self.a2 - Y
        d1 = (self.w2.T @ d2) * self.a1 * (1 - self.a1)
        return (d1 @ X.T / m, d1.sum(axis=1, keepdims=True) / m,
                d2 @ self.a1.T / m, d2.sum(axis=1, keepdims=True) / m)


def evaluate(params, x, t):
    nn = NeuralNetwork(params["W1"].T, params["b1"].reshape(-1, 1), params["W2"].T, params["b2"].reshape(-1, 1))
    nn.forward(x.T)
    g1, gb1, g2, gb2 = nn.gradients(x.T, t.T)
    return nn.cost(t.T), {"W1": g1.T, "b1": gb1.ravel(), "W2": g2.T, "b2": gb2.ravel()}


NETWORK = {"inputs": 3, "layers": [{"units": 4, "activation": "sigmoid"}, {"units": 2, "activation": "sigmoid"}],
           "loss": "squared_error", "loss_formula": "sum((y-t)**2) / (2*N)",
           "bias": True, "l2": None, "optimizer": None}
