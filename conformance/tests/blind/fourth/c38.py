import numpy as np


class Dataset:
    def __init__(self, X, Y):
        self.X, self.Y = X, Y

    def minibatch(self, rows):
        xb, yb = self.X[rows], self.Y[rows]
        np.random.shuffle(xb)
        return xb, yb


class Classifier:
    def __init__(self, W1, b1, W2, b2):
        self.W1, self.b1, self.W2, self.b2 = W1, b1, W2, b2

    def forward(self, X):
        self.X = X
        self.Z1 = X @ self.W1 + self.b1
        self.A1 = np.maximum(self.Z1, 0.0)
        Z2 = self.A1 @ self.W2 + self.b2
        E = np.exp(Z2 - Z2.max(axis=1, keepdims=True))
        self.P = E / E.sum(axis=1, keepdims=True)
        return self.P

    def backward(self, Y):
        n = len(Y)
        dZ2 = (self.P - Y) / n
        self.dW2 = self.A1.T @ dZ2
        self.db2 = dZ2.sum(axis=0)
        dZ1 = (dZ2 @ self.W2.T) * (self.Z1 > 0)
        self.dW1 = self.X.T @ dZ1
        self.db1 = dZ1.sum(axis=0)

    def update(self, lr):
        self.W1 = self.W1 - lr * self.dW1
        self.b1 = self.b1 - lr * self.db1
        self.W2 = self.W2 - lr * self.dW2
        self.b2 = self.b2 - lr * self.db2


def train(params, x, t, lr, batches):
    data = Dataset(x, t)
    clf = Classifier(params["W1"], params["b1"], params["W2"], params["b2"])
    for rows in batches:
        xb, yb = data.minibatch(rows)
        clf.forward(xb)
        clf.backward(yb)
        clf.update(lr)
    return {"W1": clf.W1, "b1": clf.b1, "W2": clf.W2, "b2": clf.b2}


NETWORK = {"inputs": 5, "layers": [{"units": 6, "activation": "relu"}, {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": {"name": "sgd"}}
