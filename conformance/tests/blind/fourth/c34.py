import numpy as np


class NeuralNetwork:
    def __init__(self, W1, b1, W2, b2):
        self.W1, self.b1, self.W2, self.b2 = W1, b1, W2, b2

    def sigmoid(self, s):
        return 1 / (1 + np.exp(-s))

    def forward(self, x):
        self.h = self.sigmoid(x @ self.W1 + self.b1)
        self.o = self.sigmoid(self.h @ self.W2 + self.b2)
        return self.o

    def backward(self, x, target):
        o = self.forward(x)
        o_delta = (o - target) * o * (1 - o)
        h_delta = (self.W2 @ o_delta) * self.h * (1 - self.h)
        return np.outer(x, h_delta), h_delta, np.outer(self.h, o_delta), o_delta

    def apply(self, grads, lr=0.1):
        dW1, db1, dW2, db2 = grads
        self.W1 = self.W1 - lr * dW1
        self.b1 = self.b1 - lr * db1
        self.W2 = self.W2 - lr * dW2
        self.b2 = self.b2 - lr * db2

    def train_batch(self, X, T, lr=0.1):
        for x, target in zip(X, T):
            grads = self.backward(x, target)
            self.apply(grads)
        return 0.5 * np.sum((self.forward(X) - T) ** 2)


def step(params, x, t, lr):
    nn = NeuralNetwork(params["W1"], params["b1"], params["W2"], params["b2"])
    nn.train_batch(x, t, lr)
    return {"W1": nn.W1, "b1": nn.b1, "W2": nn.W2, "b2": nn.b2}


NETWORK = {"inputs": 2, "layers": [{"units": 4, "activation": "sigmoid"}, {"units": 2, "activation": "sigmoid"}],
           "loss": "squared_error", "loss_formula": "0.5*sum((y-t)**2)",
           "bias": True, "l2": None, "optimizer": None}
