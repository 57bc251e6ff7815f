import numpy as np


def softmax(v):
    e = np.exp(v - np.max(v))
    return e / e.sum()


def dsigmoid(a):
    return a * (1 - a)


class Perceptron:
    def __init__(self, w_ih, b_h, w_ho, b_o):
        self.w_ih, self.b_h, self.w_ho, self.b_o = w_ih, b_h, w_ho, b_o

    def predict(self, x):
        h = 1 / (1 + np.exp(-(x @ self.w_ih + self.b_h)))
        return h, softmax(h @ self.w_ho + self.b_o)

    def batch(self, X, T):
        g_ih = np.zeros_like(self.w_ih)
        g_bh = np.zeros_like(self.b_h)
        g_ho = np.zeros_like(self.w_ho)
        g_bo = np.zeros_like(self.b_o)
        loss = 0.0
        for x, t in zip(X, T):
            h, o = self.predict(x)
            loss -= np.sum(t * np.log(o))
            out_delta = (o - t) * o * (1 - o)
            hid_delta = (self.w_ho @ out_delta) * dsigmoid(h)
            g_ho += np.outer(h, out_delta)
            g_bo += out_delta
            g_ih += np.outer(x, hid_delta)
            g_bh += hid_delta
        n = len(X)
        return loss / n, (g_ih / n, g_bh / n, g_ho / n, g_bo / n)


def evaluate(params, x, t):
    net = Perceptron(params["W1"], params["b1"], params["W2"], params["b2"])
    loss, g = net.batch(x, t)
    return loss, dict(zip(("W1", "b1", "W2", "b2"), g))


NETWORK = {"inputs": 4, "layers": [{"units": 5, "activation": "sigmoid"}, {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": None}
