import numpy as np


class Regressor:
    def __init__(self, params, lr, mu=0.9):
        self.W = [params["W1"].copy(), params["W2"].copy()]
        self.b = [params["b1"].copy(), params["b2"].copy()]
        self.lr, self.mu = lr, mu
        self.vW = [np.zeros_like(w) for w in self.W]
        self.vb = [np.zeros_like(b) for b in self.b]

    def forward(self, X):
        self.X = X
        self.h = np.tanh(X @ self.W[0] + self.b[0])
        return self.h @ self.W[1] + self.b[1]

    def backward(self, yhat, y):
        n = len(y)
        d2 = 2.0 * (yhat - y) / n
        d1 = (d2 @ self.W[1].T) * (1.0 - self.h ** 2)
        return [self.X.T @ d1, self.h.T @ d2], [d1.sum(axis=0), d2.sum(axis=0)]

    def update(self, gW, gb):
        for i in range(2):
            self.vW[i] = self.mu * self.vW[i] - self.lr * gW[i]
            self.vb[i] = self.mu * self.vb[i] - self.lr * gb[i]
            self.W[i] += self.vW[i]
            self.b[i] += self.vb[i]

    def fit(self, X, y, batches):
        for rows in batches:
            yhat = self.forward(X[rows])
            self.update(*self.backward(yhat, y[rows]))


def train(params, x, t, lr, batches):
    net = Regressor(params, lr)
    net.fit(x, t, batches)
    return {"W1": net.W[0], "b1": net.b[0], "W2": net.W[1], "b2": net.b[1]}


NETWORK = {"inputs": 3, "layers": [{"units": 5, "activation": "tanh"}, {"units": 1, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "sum((y - t)**2) / N",
           "bias": True, "l2": None,
           "optimizer": {"name": "momentum", "beta": 0.9, "rule": "v = beta*v - lr*g; p += v"}}
