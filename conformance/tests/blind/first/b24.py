import numpy as np


class PlanarModel:
    def __init__(self, W1, b1, W2, b2):
        self.W1 = W1
        self.b1 = b1
        self.W2 = W2
        self.b2 = b2

    def tanh_prime(self, a):
        return 1.0 - a

    def forward(self, X):
        self.z1 = self.W1.dot(X) + self.b1
        self.a1 = np.tanh(self.z1)
        self.z2 = self.W2.dot(self.a1)
        exp_scores = np.exp(self.z2 - self.z2.max(axis=0))
        self.y_hat = exp_scores / exp_scores.sum(axis=0)
        return self.y_hat

    def cost(self, Y):
        return np.sum(-Y * np.log(self.y_hat + 1e-12)) / Y.shape[1]

    def backward(self, X, Y):
        m = X.shape[1]
        d2 = self.y_hat - Y
        d1 = self.W2.T.dot(d2) * self.tanh_prime(self.a1)
        return {
            "W2": d2.dot(self.a1.T) / m,
            "b2": d2.sum(axis=1, keepdims=True) / m,
            "W1": d1.dot(X.T) / m,
            "b1": d1.sum(axis=1, keepdims=True) / m,
        }


NETWORK = {'inputs': 2,
 'layers': [{'units': 5, 'activation': 'tanh'}, {'units': 2, 'activation': 'softmax'}],
 'loss': 'cross_entropy',
 'loss_formula': '-sum(t*log(y))/N',
 'bias': True,
 'l2': None,
 'optimizer': None}


def _own(params):
    return {k: (v.T.copy() if k[0] == "W" else v.reshape(-1, 1).copy()) for k, v in params.items()}


def _back(own):
    return {k: (v.T.copy() if k[0] == "W" else np.array(v).reshape(-1)) for k, v in own.items()}


def evaluate(params, x, t):
    model = PlanarModel(**_own(params))
    model.forward(x.T)
    return {"loss": float(model.cost(t.T)), "gradients": _back(model.backward(x.T, t.T))}
