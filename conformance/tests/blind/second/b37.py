import numpy as np


class AdamNet:
    def __init__(self, params, lr):
        self.p = params
        self.lr = lr
        self.m = {k: np.zeros_like(v) for k, v in params.items()}
        self.v = {k: np.zeros_like(v) for k, v in params.items()}
        self.t = 0

    def gradient(self, X, y):
        a = 1 / (1 + np.exp(-(X @ self.p["W1"] + self.p["b1"])))
        out = a @ self.p["W2"] + self.p["b2"]
        e = (out - y) / X.shape[0]
        d = e @ self.p["W2"].T * a * (1 - a)
        return {"W1": X.T @ d, "b1": d.sum(0), "W2": a.T @ e, "b2": e.sum(0)}

    def fit_batch(self, X, y, beta1=0.9, beta2=0.999, epsilon=1e-8):
        grads = self.gradient(X, y)
        self.t += 1
        for k in self.p:
            self.m[k] = beta1 * self.m[k] + (1 - beta1) * grads[k]
            self.v[k] = beta2 * self.v[k] + (1 - beta2) * grads[k] ** 2
            self.m[k] = self.m[k] / (1 - beta1 ** self.t)
            self.v[k] = self.v[k] / (1 - beta2 ** self.t)
            self.p[k] = self.p[k] - self.lr * self.m[k] / (np.sqrt(self.v[k]) + epsilon)


NETWORK = {'inputs': 3,
 'layers': [{'units': 4, 'activation': 'sigmoid'}, {'units': 1, 'activation': 'linear'}],
 'loss': 'squared_error',
 'loss_formula': '0.5*sum((y-t)**2)/N',
 'bias': True,
 'l2': None,
 'optimizer': {'name': 'adam',
               'beta1': 0.9,
               'beta2': 0.999,
               'eps': 1e-08,
               'formula': 'm = beta1*m + (1-beta1)*g; v = beta2*v + (1-beta2)*g**2; w = w - '
                          'lr*(m/(1-beta1**k))/(sqrt(v/(1-beta2**k))+eps)'}}


def train(params, x, t, lr, batches):
    net = AdamNet({k: v.copy() for k, v in params.items()}, lr)
    for rows in batches:
        net.fit_batch(x[rows], t[rows])
    return net.p
