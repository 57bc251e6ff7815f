import numpy as np


class MLP:
    def __init__(self, params, lr):
        self.p = {k: v.copy() for k, v in params.items()}
        self.lr, self.rho, self.eps = lr, 0.9, 1e-6
        self.cache = {k: np.zeros_like(v) for k, v in params.items()}

    def grads(self, X, T):
        p = self.p
        H = np.tanh(X @ p["W1"] + p["b1"])
        S = H @ p["W2"] + p["b2"]
        E = np.exp(S - S.max(axis=1, keepdims=True))
        D = E / E.sum(axis=1, keepdims=True) - T
        D /= len(X)
        G = (D @ p["W2"].T) * (1 - H ** 2)
        return {"W1": X.T @ G, "b1": G.sum(axis=0), "W2": H.T @ D, "b2": D.sum(axis=0)}

    def partial_fit(self, X, T):
        for k, g in self.grads(X, T).items():
            self.cache[k] = self.rho * self.cache[k] + (1 - self.rho) * g ** 2
            self.p[k] -= self.lr * g / (np.sqrt(self.cache[k]) + self.eps)


def train(params, x, t, lr, batches):
    net = MLP(params, lr)
    for rows in batches:
        net.partial_fit(x[rows], t[rows])
    return net.p


NETWORK = {"inputs": 3, "layers": [{"units": 4, "activation": "tanh"}, {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None,
           "optimizer": {"name": "rmsprop", "rho": 0.9, "eps": 1e-6, "rule": "s = rho*s + (1-rho)*g**2; p -= lr*g/(sqrt(s)+eps)"}}
