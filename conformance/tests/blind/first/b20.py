import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_prime(x):
    s = sigmoid(x)
    return s * (1 - s)


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_backward(dA, x):
    s = softmax(x)
    return dA * s * (1 - s)


class Network:
    def __init__(self, weights, biases):
        self.weights = weights
        self.biases = biases

    def forward(self, X):
        self.z1 = np.dot(X, self.weights[0]) + self.biases[0]
        self.a1 = sigmoid(self.z1)
        self.z2 = np.dot(self.a1, self.weights[1]) + self.biases[1]
        self.a2 = softmax(self.z2)
        return self.a2

    def cost(self, X, y):
        y_hat = self.forward(X)
        return -np.sum(y * np.log(y_hat + 1e-12)) / X.shape[0]

    def cost_prime(self, X, y):
        y_hat = self.forward(X)
        dA2 = -(y / (y_hat + 1e-12)) / X.shape[0]
        delta2 = softmax_backward(dA2, self.z2)
        dW2 = np.dot(self.a1.T, delta2)
        db2 = delta2.sum(axis=0)
        delta1 = np.dot(delta2, self.weights[1].T) * sigmoid_prime(self.z1)
        dW1 = np.dot(X.T, delta1)
        db1 = delta1.sum(axis=0)
        return dW1, db1, dW2, db2


NETWORK = {'inputs': 3,
 'layers': [{'units': 4, 'activation': 'sigmoid'}, {'units': 3, 'activation': 'softmax'}],
 'loss': 'cross_entropy',
 'loss_formula': '-sum(t*log(y))/N',
 'bias': True,
 'l2': None,
 'optimizer': None}


def evaluate(params, x, t):
    net = Network([params["W1"].copy(), params["W2"].copy()], [params["b1"].copy(), params["b2"].copy()])
    return {"loss": float(net.cost(x, t)), "gradients": dict(zip(("W1", "b1", "W2", "b2"), net.cost_prime(x, t)))}
