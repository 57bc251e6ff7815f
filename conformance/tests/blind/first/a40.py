import numpy as np


class MultilayerPerceptron:
    def __init__(self, W, b, lam):
        self.W, self.b, self.lam = W, b, lam
        self.L = len(W)

    def forward(self, X):
        self.A = [X]
        for i in range(self.L):
            Z = self.A[i] @ self.W[i] + self.b[i]
            self.A.append(np.tanh(Z) if i < self.L - 1 else Z)
        return self.A[-1]

    def cost(self, Y):
        N = Y.shape[0]
        data = np.sum((self.A[-1] - Y) ** 2) / (2 * N)
        penalty = sum(np.sum(w ** 2) for w in self.W)
        return data + 0.5 * self.lam * penalty

    def gradients(self, Y):
        N = Y.shape[0]
        dW, db = [0] * self.L, [0] * self.L
        delta = (self.A[-1] - Y) / N
        for i in reversed(range(self.L)):
            dW[i] = self.A[i].T @ delta + 2 * self.lam * self.W[i]
            db[i] = delta.sum(axis=0) + self.lam * self.b[i]
            if i > 0:
                delta = (delta @ self.W[i].T) * (1 - self.A[i] ** 2)
        return dW, db


def evaluate(params, x, t):
    n = len(params) // 2
    net = MultilayerPerceptron([params["W%d" % (i + 1)] for i in range(n)],
                               [params["b%d" % (i + 1)] for i in range(n)], NETWORK["l2"])
    net.forward(x)
    dW, db = net.gradients(t)
    grads = {}
    for i in range(n):
        grads["W%d" % (i + 1)], grads["b%d" % (i + 1)] = dW[i], db[i]
    return {"loss": float(net.cost(t)), "gradients": grads}


NETWORK = {"inputs": 3,
           "layers": [{"units": 4, "activation": "tanh"}, {"units": 3, "activation": "tanh"},
                      {"units": 1, "activation": "linear"}],
           "loss": "squared_error",
           "loss_formula": "sum((y - t)**2) / (2*N) + 0.5 * l2 * (sum(W1**2) + sum(W2**2) + sum(W3**2))",
           "bias": True, "l2": 0.1, "optimizer": None}
