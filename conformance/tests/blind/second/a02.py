import numpy as np


class SoftmaxClassifier:
    def __init__(self, W1, b1, W2, b2):
        self.W1, self.b1, self.W2, self.b2 = W1, b1, W2, b2

    def scores(self, X):
        self.X = X
        self.pre = X.dot(self.W1) + self.b1
        self.hid = np.maximum(self.pre, 0)
        return self.hid.dot(self.W2) + self.b2

    def loss(self, X, Y):
        s = self.scores(X)
        exps = np.exp(s)
        p = exps / np.sum(exps, axis=1, keepdims=True)
        log_p = np.log(p)
        loss = -np.sum(Y * log_p) / X.shape[0]
        ds = (p - Y) / X.shape[0]
        grads = {"W2": self.hid.T.dot(ds), "b2": np.sum(ds, axis=0)}
        dpre = ds.dot(self.W2.T)
        dpre[self.pre <= 0] = 0
        grads["W1"] = self.X.T.dot(dpre)
        grads["b1"] = np.sum(dpre, axis=0)
        return loss, grads


def evaluate(params, x, t):
    loss, grads = SoftmaxClassifier(params["W1"], params["b1"], params["W2"], params["b2"]).loss(x, t)
    return {"loss": float(loss), "gradients": grads}


NETWORK = {"inputs": 3, "layers": [{"units": 5, "activation": "relu"}, {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": None}
