import numpy as np


class Layer:
    training = True


class Affine(Layer):
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW, self.db = self.x.T @ dout, dout.sum(axis=0)
        return dout @ self.W.T


class Tanh(Layer):
    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, dout):
        return dout * (1 - self.y ** 2)


class Dropout(Layer):
    def __init__(self, ratio=0.3):
        self.ratio = ratio
        self.mask = None

    def forward(self, x):
        if self.training:
            self.mask = (np.random.rand(*x.shape) > self.ratio) / (1 - self.ratio)
            return x * self.mask
        self.mask = np.ones_like(x)
        return x

    def backward(self, dout):
        return dout * self.mask


class Net:
    def __init__(self, p):
        self.layers = [Affine(p["W1"], p["b1"]), Tanh(), Dropout(), Affine(p["W2"], p["b2"])]

    def train(self, mode=True):
        for layer in self.layers:
            layer.training = mode

    def eval(self):
        self.training = False

    def loss_and_grads(self, x, t):
        for layer in self.layers:
            x = layer.forward(x)
        p = 1 / (1 + np.exp(-x))
        loss = -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p))
        d = (p - t) / t.size
        for layer in reversed(self.layers):
            d = layer.backward(d)
        a, b = self.layers[0], self.layers[3]
        return loss, {"W1": a.dW, "b1": a.db, "W2": b.dW, "b2": b.db}


def evaluate(params, x, t):
    net = Net(params)
    net.eval()
    loss, grads = net.loss_and_grads(x, t)
    return {"loss": float(loss), "gradients": grads}


NETWORK = {"inputs": 3, "layers": [{"units": 6, "activation": "tanh"}, {"units": 1, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy", "loss_formula": "mean(-(t*log(y) + (1-t)*log(1-y)))",
           "bias": True, "l2": None, "optimizer": None}
