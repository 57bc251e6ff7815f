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


class Sigmoid:
    def forward(self, x):
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self, dout):
        return dout * (1.0 - self.out) * self.out


class Tanh:
    def forward(self, x):
        self.x = x
        return np.tanh(x)

    def backward(self, dout):
        return dout / np.cosh(self.x) ** 2


class MSE:
    def forward(self, y, t):
        self.diff = y - t
        return 0.5 * np.mean(np.sum(self.diff ** 2, axis=1))

    def backward(self):
        return self.diff / len(self.diff)


class Sequential:
    def __init__(self, *layers):
        self.layers = layers

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dout):
        for layer in self.layers[::-1]:
            dout = layer.backward(dout)
        return dout


def evaluate(params, x, t):
    model = Sequential(Dense(params["W1"], params["b1"]), Sigmoid(), Dense(params["W2"], params["b2"]), Tanh(),
                       Dense(params["W3"], params["b3"]))
    crit = MSE()
    loss = crit.forward(model.forward(x), t)
    model.backward(crit.backward())
    grads = {}
    for i, layer in enumerate(model.layers[::2], 1):
        grads["W%d" % i], grads["b%d" % i] = layer.dW, layer.db
    return {"loss": float(loss), "gradients": grads}


NETWORK = {"inputs": 3,
           "layers": [{"units": 4, "activation": "sigmoid"}, {"units": 5, "activation": "tanh"},
                      {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "0.5 * sum((y - t)**2) / N",
           "bias": True, "l2": None, "optimizer": None}
