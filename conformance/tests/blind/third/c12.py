import numpy as np


class Layer:
    def __init__(self, W, b, act):
        self.W, self.b, self.act = W, b, act

    def forward(self, x):
        self.x = x
        z = x @ self.W + self.b
        self.out = np.tanh(z) if self.act == "tanh" else z
        return self.out

    def backward(self, grad):
        if self.act == "tanh":
            grad = grad * (1 - self.out ** 2)
        self.dW = self.x.T @ grad
        self.db = grad.sum(axis=0)
        return grad @ self.W.T


class MomentumSGD:
    def __init__(self, layers, lr=0.01, momentum=0.9):
        self.layers = layers
        self.lr = lr
        self.momentum = momentum
        self.vW = [np.zeros_like(layers[0].W)] * len(layers)
        self.vb = [np.zeros_like(layers[0].b)] * len(layers)

    def step(self):
        for layer, vW, vb in zip(self.layers, self.vW, self.vb):
            vW *= self.momentum
            vW += layer.dW
            vb *= self.momentum
            vb += layer.db
            layer.W -= self.lr * vW
            layer.b -= self.lr * vb


class Regressor:
    def __init__(self, layers, optimizer):
        self.layers, self.optimizer = layers, optimizer

    def train_batch(self, x, t):
        y = x
        for layer in self.layers:
            y = layer.forward(y)
        grad = (y - t) / len(x)
        for layer in self.layers[::-1]:
            grad = layer.backward(grad)
        self.optimizer.step()
        return 0.5 * np.sum((y - t) ** 2) / len(x)


def train(params, x, t, lr, batches):
    L = len(params) // 2
    layers = [Layer(params["W%d" % i].copy(), params["b%d" % i].copy(), "tanh" if i < L else None)
              for i in range(1, L + 1)]
    net = Regressor(layers, MomentumSGD(layers, lr, 0.9))
    for rows in batches:
        net.train_batch(x[rows], t[rows])
    out = {}
    for i, layer in enumerate(layers, 1):
        out["W%d" % i], out["b%d" % i] = layer.W, layer.b
    return out


NETWORK = {"inputs": 3, "layers": [{"units": 3, "activation": "tanh"}, {"units": 3, "activation": "tanh"},
                                   {"units": 3, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "0.5*sum((y-t)**2) / N",
           "bias": True, "l2": None, "optimizer": {"name": "momentum", "beta": 0.9, "formula": "v = beta*v + g; p -= lr*v"}}
