import numpy as np


def sig(z):
    return 1.0 / (1.0 + np.exp(-z))


def swish(z):
    return z * sig(z)


def swish_grad(z):
    s = sig(z)
    return s + z * s * (1 - s)


class MLPRegressor:
    def __init__(self, coefs, intercepts):
        self.coefs_ = coefs
        self.intercepts_ = intercepts
        self.n_layers_ = len(coefs) + 1

    def _is_hidden(self, i):
        return i + 1 < self.n_layers_ - 2

    def _forward_pass(self, X):
        activations, pre = [X], []
        for i in range(self.n_layers_ - 1):
            z = activations[i] @ self.coefs_[i] + self.intercepts_[i]
            pre.append(z)
            activations.append(swish(z) if self._is_hidden(i) else z)
        return activations, pre

    def _backprop(self, X, y):
        n_samples = X.shape[0]
        activations, pre = self._forward_pass(X)
        loss = ((y - activations[-1]) ** 2).mean() / 2
        delta = (activations[-1] - y) / y.shape[1]
        coef_grads = [None] * (self.n_layers_ - 1)
        intercept_grads = [None] * (self.n_layers_ - 1)
        for i in range(self.n_layers_ - 2, -1, -1):
            if self._is_hidden(i):
                delta = delta * swish_grad(pre[i])
            coef_grads[i] = activations[i].T @ delta / n_samples
            intercept_grads[i] = np.mean(delta, 0)
            delta = delta @ self.coefs_[i].T
        return loss, coef_grads, intercept_grads


def evaluate(params, x, t):
    L = len(params) // 2
    net = MLPRegressor([params["W%d" % i] for i in range(1, L + 1)], [params["b%d" % i] for i in range(1, L + 1)])
    loss, gW, gb = net._backprop(x, t)
    g = {}
    for i in range(L):
        g["W%d" % (i + 1)], g["b%d" % (i + 1)] = gW[i], gb[i]
    return loss, g


NETWORK = {"inputs": 4, "layers": [{"units": 6, "activation": "silu"}, {"units": 5, "activation": "silu"},
                                   {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "0.5*mean((y-t)**2)",
           "bias": True, "l2": None, "optimizer": None}
