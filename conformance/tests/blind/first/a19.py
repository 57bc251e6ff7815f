import numpy as np


class ANN:
    def __init__(self, params):
        self.W1, self.b1, self.W2, self.b2 = params
        self.lr = 0.1

    def forward(self, X):
        Z1 = self.W1.dot(X) + self.b1
        A1 = np.tanh(Z1)
        Z2 = self.W2.dot(A1) + self.b2
        e = np.exp(Z2 - Z2.max(axis=0, keepdims=True))
        return A1, e / e.sum(axis=0, keepdims=True)

    def fit(self, X, Y, batches):
        m = X.shape[1]
        for idx in batches:
            Xb, Yb = X[:, idx], Y[:, idx]
            m = X.shape[1]
            A1, A2 = self.forward(Xb)
            dZ2 = A2 - Yb
            dW2 = dZ2.dot(A1.T) / m
            db2 = dZ2.sum(axis=1, keepdims=True) / m
            dZ1 = self.W2.T.dot(dZ2) * (1 - A1 * A1)
            dW1 = dZ1.dot(Xb.T) / m
            db1 = dZ1.sum(axis=1, keepdims=True) / m
            self.W2 = self.W2 - self.lr * dW2
            self.b2 = self.b2 - self.lr * db2
            self.W1 = self.W1 - self.lr * dW1
            self.b1 = self.b1 - self.lr * db1


def train(params, x, t, lr, batches):
    net = ANN([params["W1"].T, params["b1"][:, None], params["W2"].T, params["b2"][:, None]])
    net.lr = lr
    net.fit(x.T, t.T, batches)
    return {"W1": net.W1.T, "b1": net.b1[:, 0], "W2": net.W2.T, "b2": net.b2[:, 0]}


NETWORK = {"inputs": 3, "layers": [{"units": 4, "activation": "tanh"}, {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": {"name": "sgd", "rule": "p -= lr*g, g of the mean over the batch"}}
