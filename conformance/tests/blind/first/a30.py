import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class BinaryClassifier:
    def __init__(self, W1, b1, W2, b2):
        self.W1, self.b1, self.W2, self.b2 = W1, b1, W2, b2

    def forward(self, X):
        self.X = X
        self.z1 = X @ self.W1 + self.b1
        self.a1 = np.maximum(self.z1, 0)
        self.z2 = self.a1 @ self.W2 + self.b2
        self.y_hat = sigmoid(self.z2)
        return self.y_hat

    def loss(self, y):
        eps = 1e-12
        return -np.mean(y * np.log(self.y_hat + eps))

    def backward(self, y):
        n = y.shape[0]
        dz2 = (self.y_hat - y) / n
        self.dW2 = self.a1.T @ dz2
        self.db2 = dz2.sum(axis=0)
        da1 = dz2 @ self.W2.T
        dz1 = np.where(self.z1 > 0, da1, 0)
        self.dW1 = self.X.T @ dz1
        self.db1 = dz1.sum(axis=0)


def evaluate(params, x, t):
    net = BinaryClassifier(params["W1"], params["b1"], params["W2"], params["b2"])
    net.forward(x)
    net.backward(t)
    return {"loss": float(net.loss(t)), "gradients": {"W1": net.dW1, "b1": net.db1, "W2": net.dW2, "b2": net.db2}}


NETWORK = {"inputs": 3, "layers": [{"units": 5, "activation": "relu"}, {"units": 1, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy", "loss_formula": "mean(-(t*log(y) + (1-t)*log(1-y)))",
           "bias": True, "l2": None, "optimizer": None}
