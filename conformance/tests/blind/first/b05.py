import numpy as np


class MLPClassifier:
    """Two hidden layers, softmax output."""

    def __init__(self, n_in, n_h1, n_h2, n_out, seed=0):
        rng = np.random.RandomState(seed)
        self.W1 = rng.randn(n_in, n_h1) / np.sqrt(n_in)
        self.b1 = np.zeros(n_h1)
        self.W2 = rng.randn(n_h1, n_h2) / np.sqrt(n_h1)
        self.b2 = np.zeros(n_h2)
        self.W3 = rng.randn(n_h2, n_out) / np.sqrt(n_h2)
        self.b3 = np.zeros(n_out)

    @staticmethod
    def softmax(z):
        exp_z = np.exp(z - np.max(z))
        return exp_z / np.sum(exp_z)

    def forward(self, X):
        self.X = X
        self.a1 = np.tanh(X @ self.W1 + self.b1)
        self.a2 = np.tanh(self.a1 @ self.W2 + self.b2)
        self.probs = self.softmax(self.a2 @ self.W3 + self.b3)
        return self.probs

    def cross_entropy(self, Y):
        return -np.mean(np.sum(Y * np.log(self.probs + 1e-12), axis=1))

    def backward(self, Y):
        n = Y.shape[0]
        d3 = (self.probs - Y) / n
        self.dW3 = self.a2.T @ d3
        self.db3 = d3.sum(axis=0)
        d2 = (d3 @ self.W3.T) * (1 - self.a2 ** 2)
        self.dW2 = self.a1.T @ d2
        self.db2 = d2.sum(axis=0)
        d1 = (d2 @ self.W2.T) * (1 - self.a1 ** 2)
        self.dW1 = self.X.T @ d1
        self.db1 = d1.sum(axis=0)

    def fit(self, X, Y, epochs=100, lr=0.1):
        for _ in range(epochs):
            self.forward(X)
            self.backward(Y)
            for name in ("W1", "b1", "W2", "b2", "W3", "b3"):
                setattr(self, name, getattr(self, name) - lr * getattr(self, "d" + name))


NETWORK = {'inputs': 3,
 'layers': [{'units': 4, 'activation': 'tanh'},
            {'units': 4, 'activation': 'tanh'},
            {'units': 3, 'activation': 'softmax'}],
 'loss': 'cross_entropy',
 'loss_formula': '-sum(t*log(y))/N',
 'bias': True,
 'l2': None,
 'optimizer': None}


def evaluate(params, x, t):
    net = MLPClassifier(params["W1"].shape[0], params["W1"].shape[1], params["W2"].shape[1], params["W3"].shape[1])
    for k, v in params.items():
        setattr(net, k, v.copy())
    net.forward(x)
    loss = net.cross_entropy(t)
    net.backward(t)
    return {"loss": float(loss), "gradients": {k: getattr(net, "d" + k) for k in params}}
