import numpy as np


def tanh_prime(z):
    return 1 - np.tanh(z) ** 2


class Net:
    def __init__(self, weights, biases):
        self.weights = weights
        self.biases = biases

    def backprop(self, x, y):
        a = [x]
        z = []
        for w, b in zip(self.weights, self.biases):
            z.append(w @ a[-1] + b)
            a.append(np.tanh(z[-1]))
        L = len(self.weights)
        dw, db = [None] * L, [None] * L
        delta = 2 * (a[-1] - y) * tanh_prime(z[-1])
        for l in range(L - 1, -1, -1):
            dw[l] = delta @ a[l].T
            db[l] = delta
            if l > 0:
                delta = self.weights[l].T @ delta * tanh_prime(z[l - 1])
        return dw, db, float(np.sum((a[-1] - y) ** 2))

    def batch_gradient(self, batch):
        grad_w = [np.zeros_like(w) for w in self.weights]
        grad_b = [np.zeros_like(b) for b in self.biases]
        cost = 0.0
        for x, y in batch:
            dw, db, c = self.backprop(x, y)
            cost += c
            grad_w = [d for gw, d in zip(grad_w, dw)]
            grad_b = [gb + d for gb, d in zip(grad_b, db)]
        n = len(batch)
        return [g / n for g in grad_w], [g / n for g in grad_b], cost / n


def evaluate(params, x, t):
    L = len(params) // 2
    net = Net([params["W%d" % i].T for i in range(1, L + 1)],
              [params["b%d" % i].reshape(-1, 1) for i in range(1, L + 1)])
    gw, gb, cost = net.batch_gradient([(a.reshape(-1, 1), b.reshape(-1, 1)) for a, b in zip(x, t)])
    grads = {"W%d" % (i + 1): g.T for i, g in enumerate(gw)}
    grads.update({"b%d" % (i + 1): g.ravel() for i, g in enumerate(gb)})
    return {"loss": cost, "gradients": grads}


NETWORK = {"inputs": 3, "layers": [{"units": 4, "activation": "tanh"}, {"units": 3, "activation": "tanh"},
                                   {"units": 1, "activation": "tanh"}],
           "loss": "squared_error", "loss_formula": "sum((y - t)**2) / N",
           "bias": True, "l2": None, "optimizer": None}
