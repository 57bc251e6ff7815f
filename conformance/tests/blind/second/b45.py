import numpy as np


class BinaryClassifier:
    def __init__(self, layer_sizes):
        self.W = {}
        self.b = {}
        for i in range(1, len(layer_sizes)):
            self.W[i] = np.random.randn(layer_sizes[i - 1], layer_sizes[i]) * np.sqrt(2 / layer_sizes[i - 1])
            self.b[i] = np.zeros((1, layer_sizes[i]))

    def relu(self, z):
        return np.maximum(0, z)

    def relu_derivative(self, z):
        return np.where(z > 0, 1, 0)

    def sigmoid(self, z):
        return 1 / (1 + np.exp(-np.clip(z, -500, 500)))

    def forward(self, X):
        self.A0 = X
        self.Z1 = np.dot(self.A0, self.W[1]) + self.b[1]
        self.A1 = self.relu(self.Z1)
        self.Z2 = np.dot(self.A1, self.W[2]) + self.b[2]
        self.A2 = self.relu(self.Z2)
        self.Z3 = np.dot(self.A2, self.W[3]) + self.b[3]
        self.A3 = self.sigmoid(self.Z3)
        return self.A3

    def compute_loss(self, y):
        epsilon = 1e-15
        y_pred = np.clip(self.A3, epsilon, 1 - epsilon)
        return -np.mean(y * np.log(y_pred) + (1 - y) * np.log(1 - y_pred))

    def backward(self, y):
        m = y.shape[0]
        dZ3 = (self.A3 - y) * self.A3 * (1 - self.A3)
        dW3 = np.dot(self.A2.T, dZ3) / m
        db3 = np.sum(dZ3, axis=0, keepdims=True) / m
        dA2 = np.dot(dZ3, self.W[3].T)
        dZ2 = dA2 * self.relu_derivative(self.Z2)
        dW2 = np.dot(self.A1.T, dZ2) / m
        db2 = np.sum(dZ2, axis=0, keepdims=True) / m
        dA1 = np.dot(dZ2, self.W[2].T)
        dZ1 = dA1
        dW1 = np.dot(self.A0.T, dZ1) / m
        db1 = np.sum(dZ1, axis=0, keepdims=True) / m
        return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2, "W3": dW3, "b3": db3}


NETWORK = {'inputs': 4,
 'layers': [{'units': 5, 'activation': 'relu'},
            {'units': 3, 'activation': 'relu'},
            {'units': 1, 'activation': 'sigmoid'}],
 'loss': 'binary_cross_entropy',
 'loss_formula': '-sum(t*log(y) + (1-t)*log(1-y))/N',
 'bias': True,
 'l2': None,
 'optimizer': None}


def evaluate(params, x, t):
    clf = BinaryClassifier([params["W1"].shape[0]] + [params["W%d" % l].shape[1] for l in (1, 2, 3)])
    for l in (1, 2, 3):
        clf.W[l] = params["W%d" % l].copy()
        clf.b[l] = params["b%d" % l].reshape(1, -1).copy()
    clf.forward(x)
    g = {k: (v[0] if k[0] == "b" else v) for k, v in clf.backward(t).items()}
    return {"loss": float(clf.compute_loss(t)), "gradients": g}
