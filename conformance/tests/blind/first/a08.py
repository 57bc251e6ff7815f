import numpy as np


class FeedForward:
    def __init__(self, weights, biases):
        self.weights = weights
        self.biases = biases
        self.a = []

    def _sigmoid(self, z):
        return 1.0 / (1.0 + np.exp(-z))

    def forward(self, x):
        self.a = [x]
        for w, b in zip(self.weights, self.biases):
            self.a.append(self._sigmoid(np.dot(self.a[-1], w) + b))
        return self.a[-1]

    def cost(self, target):
        return np.sum((self.a[-1] - target) ** 2) / (2 * len(target))

    def backward(self, target):
        n = len(target)
        y = self.a[-1]
        error = y
        error -= target
        delta = error * y * (1 - y) / n
        dW, dB = [], []
        for i in range(len(self.weights) - 1, -1, -1):
            dW.insert(0, np.dot(self.a[i].T, delta))
            dB.insert(0, delta.sum(axis=0))
            if i:
                delta = np.dot(delta, self.weights[i].T) * self.a[i] * (1 - self.a[i])
        return dW, dB


def evaluate(params, x, t):
    n = len(params) // 2
    net = FeedForward([params["W%d" % i] for i in range(1, n + 1)], [params["b%d" % i] for i in range(1, n + 1)])
    net.forward(x)
    loss = net.cost(t)
    dW, dB = net.backward(t)
    grads = {}
    for i in range(n):
        grads["W%d" % (i + 1)], grads["b%d" % (i + 1)] = dW[i], dB[i]
    return {"loss": float(loss), "gradients": grads}


NETWORK = {"inputs": 3, "layers": [{"units": 4, "activation": "sigmoid"}, {"units": 2, "activation": "sigmoid"}],
           "loss": "squared_error", "loss_formula": "sum((y - t)**2) / (2*N)",
           "bias": True, "l2": None, "optimizer": None}
