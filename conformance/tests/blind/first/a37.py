import numpy as np


def numerical_gradient(f, x):
    h = 1e-3
    grad = np.zeros_like(x)
    it = np.nditer(x, flags=['multi_index'], op_flags=['readwrite'])
    while not it.finished:
        idx = it.multi_index
        tmp_val = x[idx]
        x[idx] = tmp_val + h
        fxh1 = f()
        x[idx] = tmp_val - h
        fxh2 = f()
        grad[idx] = (fxh1 - fxh2) / (2 * h)
        it.iternext()
    return grad


def softmax(a):
    c = np.max(a, axis=1, keepdims=True)
    exp_a = np.exp(a - c)
    return exp_a / np.sum(exp_a, axis=1, keepdims=True)


class TwoLayerNet:
    def __init__(self, params):
        self.params = {k: v.copy() for k, v in params.items()}

    def predict(self, x):
        a1 = np.dot(x, self.params['W1']) + self.params['b1']
        z1 = 1 / (1 + np.exp(-a1))
        a2 = np.dot(z1, self.params['W2']) + self.params['b2']
        return softmax(a2)

    def loss(self, x, t):
        y = self.predict(x)
        return -np.sum(t * np.log(y + 1e-12)) / y.shape[0]

    def numerical_gradient(self, x, t):
        loss_W = lambda: self.loss(x, t)
        return {k: numerical_gradient(loss_W, self.params[k]) for k in ('W1', 'b1', 'W2', 'b2')}


def evaluate(params, x, t):
    net = TwoLayerNet(params)
    return {"loss": float(net.loss(x, t)), "gradients": net.numerical_gradient(x, t)}


NETWORK = {"inputs": 3, "layers": [{"units": 4, "activation": "sigmoid"}, {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": None}
