import numpy as np


class Model:
    slope = 0.05

    def __init__(self, W, b):
        self.W, self.b = W, b

    def f(self, z):
        return np.maximum(self.slope * z, z)

    def df(self, a):
        return self.slope + (1 - self.slope) * (a > 0)

    def run(self, X, Y):
        acts = [X]
        last = len(self.W) - 1
        for i, (W, b) in enumerate(zip(self.W, self.b)):
            z = W @ acts[-1] + b
            acts.append(z if i == last else self.f(z))
        m = X.shape[1]
        err = Y - acts[-1]
        J = float(np.sum(err * err)) / (2 * m)
        dW, db = [], []
        d = err
        for i in range(last, -1, -1):
            dW.append(-(d @ acts[i].T) / m)
            db.append(-d.sum(axis=1, keepdims=True) / m)
            d = (self.W[i].T @ d) * self.df(acts[i])
        return J, dW[::-1], db[::-1]


def evaluate(params, x, t):
    n = len(params) // 2
    model = Model([params["W%d" % i].T for i in range(1, n + 1)], [params["b%d" % i][:, None] for i in range(1, n + 1)])
    J, dW, db = model.run(x.T, t.T)
    grads = {}
    for i in range(n):
        grads["W%d" % (i + 1)], grads["b%d" % (i + 1)] = dW[i].T, db[i][:, 0]
    return {"loss": J, "gradients": grads}


NETWORK = {"inputs": 3,
           "layers": [{"units": 5, "activation": "leaky_relu", "slope": 0.05},
                      {"units": 4, "activation": "leaky_relu", "slope": 0.05},
                      {"units": 3, "activation": "leaky_relu", "slope": 0.05}, {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "sum((y - t)**2) / (2*N)",
           "bias": True, "l2": None, "optimizer": None}
