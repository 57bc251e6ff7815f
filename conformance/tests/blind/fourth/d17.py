import numpy as np


class Dense:
    def __init__(self, n_in, n_out):
        self.weights = np.zeros((n_in, n_out))
        self.bias = np.zeros((1, n_out))

    def forward(self, inputs):
        self.inputs = inputs
        return np.dot(inputs, self.weights) + self.bias

    def backward(self, dvalues):
        dw = np.dot(dvalues.T, self.inputs)
        self.dweights = dw.reshape(self.weights.shape)
        self.dbias = np.sum(dvalues, axis=0, keepdims=True)
        return np.dot(dvalues, self.weights.T)


class ELU:
    def forward(self, z):
        self.z = z
        return np.where(z > 0, z, np.expm1(np.minimum(z, 0)))

    def backward(self, dvalues):
        return dvalues * np.where(self.z > 0, 1.0, np.exp(np.minimum(self.z, 0)))


class Sigmoid:
    def forward(self, z):
        self.out = 1 / (1 + np.exp(-z))
        return self.out

    def backward(self, dvalues):
        return dvalues * self.out * (1 - self.out)


class Model:
    def __init__(self, sizes):
        self.seq = []
        for i in range(len(sizes) - 1):
            self.seq.append(Dense(sizes[i], sizes[i + 1]))
            self.seq.append(ELU() if i < len(sizes) - 2 else Sigmoid())

    def dense(self):
        return [l for l in self.seq if isinstance(l, Dense)]

    def run(self, x, t):
        for l in self.seq:
            x = l.forward(x)
        loss = ((x - t) ** 2).sum() / (2 * len(x))
        d = (x - t) / len(x)
        for l in self.seq[::-1]:
            d = l.backward(d)
        return loss


def evaluate(params, x, t):
    n = len(params) // 2
    m = Model([x.shape[1]] + [params["W%d" % i].shape[1] for i in range(1, n + 1)])
    for i, l in enumerate(m.dense(), 1):
        l.weights[:] = params["W%d" % i]
        l.bias[0] = params["b%d" % i]
    loss = m.run(x, t)
    g = {}
    for i, l in enumerate(m.dense(), 1):
        g["W%d" % i], g["b%d" % i] = l.dweights, l.dbias[0]
    return loss, g


NETWORK = {"inputs": 3, "layers": [{"units": 5, "activation": "elu"}, {"units": 2, "activation": "sigmoid"}],
           "loss": "squared_error", "loss_formula": "sum((y-t)**2) / (2*N)",
           "bias": True, "l2": None, "optimizer": None}
