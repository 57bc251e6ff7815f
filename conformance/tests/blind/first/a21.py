import numpy as np


class Sigmoid:
    def __init__(self):
        self.params, self.grads = [], []
        self.out = None

    def forward(self, x):
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self, dout):
        return dout * (1.0 - self.out)


class MatMulAdd:
    def __init__(self, W, b):
        self.params = [W, b]
        self.grads = [np.zeros_like(W), np.zeros_like(b)]
        self.x = None

    def forward(self, x):
        W, b = self.params
        self.x = x
        return np.dot(x, W) + b

    def backward(self, dout):
        W, b = self.params
        self.grads[0][...] = np.dot(self.x.T, dout)
        self.grads[1][...] = np.sum(dout, axis=0)
        return np.dot(dout, W.T)


class SumSquares:
    def forward(self, y, t):
        self.e = y - t
        return 0.5 * np.sum(self.e ** 2)

    def backward(self, dout=1.0):
        return dout * self.e


class Net:
    def __init__(self, p, depth):
        self.layers = []
        for i in range(1, depth + 1):
            self.layers.append(MatMulAdd(p["W%d" % i], p["b%d" % i]))
            if i < depth:
                self.layers.append(Sigmoid())
        self.loss_layer = SumSquares()
        self.grads = sum([layer.grads for layer in self.layers], [])

    def forward(self, x, t):
        for layer in self.layers:
            x = layer.forward(x)
        return self.loss_layer.forward(x, t)

    def backward(self):
        dout = self.loss_layer.backward()
        for layer in reversed(self.layers):
            dout = layer.backward(dout)


def evaluate(params, x, t):
    depth = len(params) // 2
    net = Net(params, depth)
    loss = net.forward(x, t)
    net.backward()
    names = [k + str(i) for i in range(1, depth + 1) for k in ("W", "b")]
    return {"loss": float(loss), "gradients": dict(zip(names, net.grads))}


NETWORK = {"inputs": 3,
           "layers": [{"units": 4, "activation": "sigmoid"}, {"units": 3, "activation": "sigmoid"},
                      {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "0.5 * sum((y - t)**2)",
           "bias": True, "l2": None, "optimizer": None}
