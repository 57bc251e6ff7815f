import numpy as np


class Dropout:
    def __init__(self, rate):
        self.rate = rate
        self.mask = None

    def forward(self, x, training):
        if not training:
            self.mask = None
            return x
        keep = 1 - self.rate
        self.mask = (np.random.rand(*x.shape) < keep) / keep
        return x * self.mask

    def backward(self, d):
        return d if self.mask is None else d * self.mask


class MLP:
    def __init__(self, params, lam=0.3, drop=0.2):
        self.p = params
        self.lam = lam
        self.dropout = Dropout(drop)

    def forward(self, X, training=True):
        self.X = X
        self.H = np.tanh(X @ self.p["W1"] + self.p["b1"])
        self.D = self.dropout.forward(self.H, training)
        S = self.D @ self.p["W2"] + self.p["b2"]
        S = S - S.max(axis=1, keepdims=True)
        self.Y = np.exp(S) / np.exp(S).sum(axis=1, keepdims=True)
        return self.Y

    def loss(self, T):
        n = len(T)
        data = -np.sum(T * np.log(self.Y)) / n
        penalty = self.lam / (2 * n) * (np.sum(self.p["W1"] ** 2) + np.sum(self.p["W2"] ** 2))
        return data + penalty

    def backward(self, T):
        n = len(T)
        dS = (self.Y - T) / n
        dH = self.dropout.backward(dS @ self.p["W2"].T) * (1 - self.H ** 2)
        return {
            "W2": self.D.T @ dS + self.lam * self.p["W2"],
            "b2": dS.sum(axis=0),
            "W1": self.X.T @ dH + self.lam * self.p["W1"],
            "b1": dH.sum(axis=0),
        }

    def check(self, X, T):
        """loss and gradient of the whole net, without dropout"""
        self.forward(X)
        return self.loss(T), self.backward(T)


def evaluate(params, x, t):
    return MLP(params).check(x, t)


NETWORK = {"inputs": 4, "layers": [{"units": 8, "activation": "tanh"}, {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": {"lambda": 0.3, "formula": "lambda / (2*N) * sum(W**2)"}, "optimizer": None}
