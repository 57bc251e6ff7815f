import numpy as np


class Classifier:
    def __init__(self, p):
        self.W1, self.b1, self.W2, self.b2 = p["W1"], p["b1"], p["W2"], p["b2"]

    def forward(self, X):
        self.X = X
        self.z1 = np.dot(X, self.W1) + self.b1
        self.a1 = 1 / (1 + np.exp(-self.z1))
        self.z2 = np.dot(self.a1, self.W2) + self.b2
        exp_z = np.exp(self.z2 - np.max(self.z2, axis=1, keepdims=True))
        self.a2 = exp_z / np.sum(exp_z, axis=1, keepdims=True)
        return self.a2

    def compute_loss(self, Y):
        return -np.sum(Y * np.log(self.a2 + 0.01)) / len(Y)

    def backward(self, Y):
        n = len(Y)
        dz2 = (self.a2 - Y) / n
        dW2 = np.dot(self.z1.T, dz2)
        db2 = np.sum(dz2, axis=0)
        dz1 = np.dot(dz2, self.W2.T) * self.a1 * (1 - self.a1)
        dW1 = np.dot(self.X.T, dz1)
        db1 = np.sum(dz1, axis=0)
        return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


def evaluate(params, x, t):
    model = Classifier(params)
    model.forward(x)
    return {"loss": float(model.compute_loss(t)), "gradients": model.backward(t)}


NETWORK = {"inputs": 3, "layers": [{"units": 5, "activation": "sigmoid"}, {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": None}
