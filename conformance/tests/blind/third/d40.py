import numpy as np


class NN:
    def __init__(self, W, b):
        self.W = [w.copy() for w in W]
        self.b = [v.copy() for v in b]

    def forward(self, X):
        self.A = [X]
        for i, (w, v) in enumerate(zip(self.W, self.b)):
            Z = self.A[-1] @ w + v
            if i < len(self.W) - 1:
                Z = 1 / (1 + np.exp(-Z))
            self.A.append(Z)
        return self.A[-1]

    def backward(self, T):
        dZ = 2 * (self.A[-1] - T) / T.size
        self.dW, self.db = [], []
        for i in range(len(self.W) - 1, -1, -1):
            self.dW.insert(0, self.A[i].T @ dZ)
            self.db.insert(0, dZ.sum(axis=0))
            if i:
                dZ = dZ @ self.W[i].T * self.A[i] * (1 - self.A[i])

    def update(self, lr):
        for w, dw in zip(self.W, self.dW):
            w -= lr * dw
        for v, dv in zip(self.b, self.db):
            v = v - lr * dv

    def fit_batch(self, X, T, lr):
        self.forward(X)
        self.backward(T)
        self.update(lr)


def step(params, x, t, lr):
    n = len(params) // 2
    nn = NN([params[f"W{i}"] for i in range(1, n + 1)], [params[f"b{i}"] for i in range(1, n + 1)])
    nn.fit_batch(x, t, lr)
    out = {}
    for i in range(n):
        out[f"W{i + 1}"] = nn.W[i]
        out[f"b{i + 1}"] = nn.b[i]
    return out


NETWORK = {"inputs": 3, "layers": [{"units": 5, "activation": "sigmoid"}, {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "mean((y-t)**2)",
           "bias": True, "l2": None, "optimizer": None}
