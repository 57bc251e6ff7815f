import numpy as np


class SimpleNN:
    def __init__(self, W1, b1, W2, b2, learning_rate):
        self.W1, self.b1, self.W2, self.b2 = W1, b1, W2, b2
        self.lr = learning_rate

    def forward(self, X):
        self.Z1 = X @ self.W1 + self.b1
        self.A1 = np.maximum(self.Z1, 0)
        Z2 = self.A1 @ self.W2 + self.b2
        E = np.exp(Z2 - Z2.max(axis=1, keepdims=True))
        return E / E.sum(axis=1, keepdims=True)

    def train_batch(self, X, Y):
        n = X.shape[0]
        order = np.random.permutation(n)
        X = X[order]
        out = self.forward(X)
        dZ2 = (out - Y) / n
        dW2 = self.A1.T @ dZ2
        db2 = dZ2.sum(axis=0)
        dZ1 = dZ2 @ self.W2.T
        dZ1[self.Z1 <= 0] = 0
        dW1 = X.T @ dZ1
        db1 = dZ1.sum(axis=0)

        self.W1 -= self.lr * dW1
        self.b1 -= db1
        self.W2 -= self.lr * dW2
        self.b2 -= db2


NETWORK = {'inputs': 3,
 'layers': [{'units': 4, 'activation': 'relu'}, {'units': 3, 'activation': 'softmax'}],
 'loss': 'cross_entropy',
 'loss_formula': '-sum(t*log(y))/N',
 'bias': True,
 'l2': None,
 'optimizer': {'name': 'sgd', 'formula': 'w = w - lr*g'}}


def train(params, x, t, lr, batches):
    nn = SimpleNN(params["W1"].copy(), params["b1"].copy(), params["W2"].copy(), params["b2"].copy(), lr)
    for rows in batches:
        nn.train_batch(x[rows], t[rows])
    return {"W1": nn.W1, "b1": nn.b1, "W2": nn.W2, "b2": nn.b2}
