import numpy as np


class DataLoader:
    def __init__(self, x, t, batches, seed=0):
        self.x, self.t, self.batches = x, t, batches
        self.rng = np.random.default_rng(seed)

    def shuffled(self, a):
        return a[self.rng.permutation(len(a))]

    def __iter__(self):
        for rows in self.batches:
            yield self.shuffled(self.x[rows]), self.shuffled(self.t[rows])


class MLPRegressor:
    def __init__(self, params):
        self.W1, self.b1 = params["W1"].copy(), params["b1"].copy()
        self.W2, self.b2 = params["W2"].copy(), params["b2"].copy()

    def forward(self, x):
        self.x = x
        self.h = np.logaddexp(0, x @ self.W1 + self.b1)
        return self.h @ self.W2 + self.b2

    def backward(self, y, t):
        dy = 2 * (y - t) / len(t)
        self.dW2 = self.h.T @ dy
        self.db2 = dy.sum(0)
        dh = dy @ self.W2.T
        dz = dh * (1 - np.exp(-self.h))     # softplus' = 1 - exp(-softplus)
        self.dW1 = self.x.T @ dz
        self.db1 = dz.sum(0)

    def update(self, lr):
        for name in ("W1", "b1", "W2", "b2"):
            getattr(self, name).__isub__(lr * getattr(self, "d" + name))


def train(params, x, t, lr, batches):
    model = MLPRegressor(params)
    for xb, tb in DataLoader(x, t, batches):
        y = model.forward(xb)
        model.backward(y, tb)
        model.update(lr)
    return {k: getattr(model, k) for k in ("W1", "b1", "W2", "b2")}


NETWORK = {"inputs": 3, "layers": [{"units": 5, "activation": "softplus"}, {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "sum((y-t)**2) / N",
           "bias": True, "l2": None, "optimizer": {"name": "sgd"}}
