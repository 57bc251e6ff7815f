import numpy as np


class Adam:
    def __init__(self, lr=0.001, beta1=0.9, beta2=0.99):
        self.lr = lr
        self.beta1 = beta1
        self.beta2 = beta2
        self.iter = 0
        self.m = None
        self.v = None

    def update(self, params, grads):
        if self.m is None:
            self.m, self.v = {}, {}
            for key, val in params.items():
                self.m[key] = np.zeros_like(val)
                self.v[key] = np.zeros_like(val)
        self.iter += 1
        lr_t = self.lr * np.sqrt(1.0 - self.beta2 ** self.iter) / (1.0 - self.beta1 ** self.iter)
        for key in params.keys():
            self.m[key] += (1 - self.beta1) * (grads[key] - self.m[key])
            self.v[key] += (1 - self.beta2) * (grads[key] ** 2 - self.v[key])
            params[key] -= lr_t * self.m[key] / (np.sqrt(self.v[key]) + 1e-7)


def gradient(params, x, t):
    h = np.tanh(x.dot(params["W1"]) + params["b1"])
    y = np.tanh(h.dot(params["W2"]) + params["b2"])
    dy = 2.0 / y.size * (y - t) * (1 - y ** 2)
    dh = dy.dot(params["W2"].T) * (1 - h ** 2)
    return {"W1": x.T.dot(dh), "b1": dh.sum(axis=0), "W2": h.T.dot(dy), "b2": dy.sum(axis=0)}


NETWORK = {'inputs': 3,
 'layers': [{'units': 5, 'activation': 'tanh'}, {'units': 2, 'activation': 'tanh'}],
 'loss': 'squared_error',
 'loss_formula': 'sum((y-t)**2)/(N*C)',
 'bias': True,
 'l2': None,
 'optimizer': {'name': 'adam',
               'beta1': 0.9,
               'beta2': 0.99,
               'eps': 1e-07,
               'formula': 'm = beta1*m + (1-beta1)*g; v = beta2*v + (1-beta2)*g**2; w = w - '
                          'lr*sqrt(1-beta2**k)/(1-beta1**k)*m/(sqrt(v)+eps)'}}


def train(params, x, t, lr, batches):
    own = {k: v.copy() for k, v in params.items()}
    opt = Adam(lr)
    for rows in batches:
        opt.update(own, gradient(own, x[rows], t[rows]))
    return own
