import numpy as np

ACT = {
    "relu": (lambda z: np.maximum(z, 0.0), lambda z: (z > 0).astype(float)),
    "tanh": (np.tanh, lambda z: 1.0 - np.tanh(z) ** 2),
    "linear": (lambda z: z, lambda z: np.ones_like(z)),
}


class DeepNet:
    def __init__(self, weights, biases, activations):
        self.weights = weights
        self.biases = biases
        self.activations = activations

    def forward(self, X):
        self.zs = []
        self.hs = [X]
        for W, b, name in zip(self.weights, self.biases, self.activations):
            z = self.hs[-1].dot(W) + b
            self.zs.append(z)
            self.hs.append(ACT[name][0](z))
        return self.hs[-1]

    def loss(self, y):
        return np.sum((self.hs[-1] - y) ** 2) / len(y)

    def backward(self, y):
        n = len(self.weights)
        dW = [None] * n
        db = [None] * n
        grad = 2.0 * (self.hs[-1] - y) / len(y)
        for i in reversed(range(n)):
            delta = grad * ACT[self.activations[i]][1](self.zs[i])
            inputs = self.hs[0] if i == 0 else self.zs[i - 1]
            dW[i] = inputs.T.dot(delta)
            db[i] = delta.sum(axis=0)
            grad = delta.dot(self.weights[i].T)
        return dW, db


NETWORK = {'inputs': 3,
 'layers': [{'units': 4, 'activation': 'relu'},
            {'units': 4, 'activation': 'tanh'},
            {'units': 2, 'activation': 'linear'}],
 'loss': 'squared_error',
 'loss_formula': 'sum((y-t)**2)/N',
 'bias': True,
 'l2': None,
 'optimizer': None}


def evaluate(params, x, t):
    L = len(params) // 2
    net = DeepNet([params["W%d" % l].copy() for l in range(1, L + 1)], [params["b%d" % l].copy() for l in range(1, L + 1)],
                  ["relu", "tanh", "linear"])
    net.forward(x)
    dW, db = net.backward(t)
    g = {"W%d" % (i + 1): w for i, w in enumerate(dW)}
    g.update({"b%d" % (i + 1): b for i, b in enumerate(db)})
    return {"loss": float(net.loss(t)), "gradients": g}
