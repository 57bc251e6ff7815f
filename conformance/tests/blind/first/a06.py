import numpy as np


class XORNet:
    def __init__(self, params):
        self.w_hidden, self.b_hidden = params["W1"].copy(), params["b1"].copy().reshape(1, -1)
        self.w_out, self.b_out = params["W2"].copy(), params["b2"].copy().reshape(1, -1)

    @staticmethod
    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    @staticmethod
    def slope(y):
        return y * (1 - y)

    def epoch(self, X, target, eta):
        hidden = self.sigmoid(X.dot(self.w_hidden) + self.b_hidden)
        out = self.sigmoid(hidden.dot(self.w_out) + self.b_out)

        error = target - out
        d_out = error * self.slope(out)
        d_hidden = d_out.dot(self.w_out.T) * self.slope(hidden)

        self.w_out += eta * hidden.T.dot(d_out)
        self.b_out += eta * np.sum(d_out, axis=0, keepdims=True)
        self.w_hidden += eta * X.T.dot(d_hidden)
        self.b_hidden += eta * np.sum(d_hidden, axis=0, keepdims=True)


def step(params, x, t, lr):
    net = XORNet(params)
    net.epoch(x, t, lr)
    return {"W1": net.w_hidden, "b1": net.b_hidden.ravel(), "W2": net.w_out, "b2": net.b_out.ravel()}


NETWORK = {"inputs": 2, "layers": [{"units": 3, "activation": "sigmoid"}, {"units": 1, "activation": "sigmoid"}],
           "loss": "squared_error", "loss_formula": "0.5 * sum((t - y)**2)",
           "bias": True, "l2": None, "optimizer": {"name": "sgd"}}
