import numpy as np


class Softmax_MLP:
    def __init__(self, params):
        self.w1, self.b1 = params["W1"], params["b1"]
        self.w2, self.b2 = params["W2"], params["b2"]

    def softmax(self, z):
        exp = np.exp(z - np.max(z, axis=1, keepdims=True))
        return exp / np.sum(exp, axis=1, keepdims=True)

    def feed_forward(self, x):
        self.a1 = np.tanh(x @ self.w1 + self.b1)
        self.a2 = self.softmax(self.a1 @ self.w2 + self.b2)

    def cost(self, y):
        return -np.sum(y * np.log(self.a2)) / len(y)

    def back_propagation(self, x, y):
        m = len(y)
        delta2 = (self.a2 - y) * self.a2 * (1 - self.a2)
        delta1 = np.dot(delta2, self.w2.T) * (1 - self.a1 ** 2)
        self.d_w2 = np.dot(self.a1.T, delta2) / m
        self.d_b2 = np.sum(delta2, axis=0) / m
        self.d_w1 = np.dot(x.T, delta1) / m
        self.d_b1 = np.sum(delta1, axis=0) / m


def evaluate(params, x, t):
    nn = Softmax_MLP(params)
    nn.feed_forward(x)
    nn.back_propagation(x, t)
    return {"loss": float(nn.cost(t)), "gradients": {"W1": nn.d_w1, "b1": nn.d_b1, "W2": nn.d_w2, "b2": nn.d_b2}}


NETWORK = {"inputs": 4, "layers": [{"units": 6, "activation": "tanh"}, {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": None}
