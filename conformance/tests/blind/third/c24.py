import numpy as np


class Dense:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T


class ELU:
    def forward(self, x):
        self.x = x
        out = x
        neg = x < 0
        out[neg] = np.exp(out[neg]) - 1
        return out

    def backward(self, dout):
        dx = dout.copy()
        neg = self.x < 0
        dx[neg] *= np.exp(self.x[neg])
        return dx


class Sigmoid:
    def forward(self, x):
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self, dout):
        return dout * self.out * (1 - self.out)


class HalfSquaredError:
    def forward(self, y, t):
        self.diff = y - t
        return 0.5 * np.sum(self.diff ** 2)

    def backward(self):
        return self.diff


def run(layers, loss, x, t):
    for layer in layers:
        x = layer.forward(x)
    value = loss.forward(x, t)
    d = loss.backward()
    for layer in layers[::-1]:
        d = layer.backward(d)
    return value


def evaluate(params, x, t):
    d1, d2, d3 = (Dense(params["W%d" % i], params["b%d" % i]) for i in (1, 2, 3))
    loss = run([d1, ELU(), d2, Sigmoid(), d3], HalfSquaredError(), x, t)
    return loss, {"W1": d1.dW, "b1": d1.db, "W2": d2.dW, "b2": d2.db, "W3": d3.dW, "b3": d3.db}


NETWORK = {"inputs": 4, "layers": [{"units": 6, "activation": "elu"}, {"units": 5, "activation": "sigmoid"},
                                   {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "0.5*sum((y-t)**2)",
           "bias": True, "l2": None, "optimizer": None}
