import numpy as np


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def dsigmoid(z):
    return np.exp(-np.abs(z)) / (1.0 + np.exp(-np.abs(z))) ** 2


class Network:
    def __init__(self, sizes):
        self.sizes = sizes
        self.num_layers = len(sizes)
        self.weights = [np.random.randn(n, m) for m, n in zip(sizes[:-1], sizes[1:])]
        self.biases = [np.random.randn(n, 1) for n in sizes[1:]]

    def backprop(self, x, y):
        a = x
        acts, zs = [x], []
        for w, b in zip(self.weights, self.biases):
            zs.append(w @ a + b)
            a = sigmoid(zs[-1])
            acts.append(a)
        cost = 0.5 * float(np.sum((a - y) ** 2))

        gw = [None] * len(self.weights)
        gb = [None] * len(self.biases)
        delta = (acts[-1] - y) * dsigmoid(zs[-1])
        gw[-1], gb[-1] = delta @ acts[-2].T, delta
        for l in range(2, self.num_layers):
            delta = (self.weights[-l].T @ delta) * dsigmoid(zs[-l])
            gw[-l], gb[-l] = delta @ acts[-l - 1].T, delta
        return cost, gw, gb

    def total(self, data):
        cost, W, B = 0.0, [0] * len(self.weights), [0] * len(self.biases)
        for x, y in data:
            c, gw, gb = self.backprop(x, y)
            cost += c
            W = [s + d for s, d in zip(W, gw)]
            B = [s + d for s, d in zip(B, gb)]
        return cost, W, B


NETWORK = {'inputs': 3,
 'layers': [{'units': 3, 'activation': 'sigmoid'},
            {'units': 3, 'activation': 'sigmoid'},
            {'units': 3, 'activation': 'sigmoid'}],
 'loss': 'squared_error',
 'loss_formula': '0.5*sum((y-t)**2)',
 'bias': True,
 'l2': None,
 'optimizer': None}


def _network(params):
    L = len([k for k in params if k[0] == "W"])
    net = Network([params["W1"].shape[0]] + [params["W%d" % l].shape[1] for l in range(1, L + 1)])
    net.weights = [params["W%d" % l].T.copy() for l in range(1, L + 1)]
    net.biases = [params["b%d" % l].reshape(-1, 1).copy() for l in range(1, L + 1)]
    return net


def _pairs(x, t):
    return [(a.reshape(-1, 1), b.reshape(-1, 1)) for a, b in zip(x, t)]


def evaluate(params, x, t):
    cost, W, B = _network(params).total(_pairs(x, t))
    g = {}
    for i in range(len(W)):
        g["W%d" % (i + 1)], g["b%d" % (i + 1)] = W[i].T, B[i].ravel()
    return {"loss": cost, "gradients": g}
