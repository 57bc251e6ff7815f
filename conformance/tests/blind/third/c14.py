import numpy as np


class Adam:
    def __init__(self, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
        self.lr = lr
        self.beta1 = beta1
        self.beta2 = beta2
        self.eps = eps
        self.t = 0
        self.m = None
        self.v = None

    def update(self, params, grads):
        if self.m is None:
            self.m, self.v = {}, {}
            for key, val in params.items():
                self.m[key] = np.zeros_like(val)
                self.v[key] = np.zeros_like(val)

        for key in params.keys():
            self.t += 1
            self.m[key] = self.beta1 * self.m[key] + (1 - self.beta1) * grads[key]
            self.v[key] = self.beta2 * self.v[key] + (1 - self.beta2) * grads[key] ** 2
            m_hat = self.m[key] / (1 - self.beta1 ** self.t)
            v_hat = self.v[key] / (1 - self.beta2 ** self.t)
            params[key] -= self.lr * m_hat / (np.sqrt(v_hat) + self.eps)


def relu(x):
    return np.where(x > 0, x, 0.0)


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


class MLP:
    def __init__(self, params):
        self.params = params

    def gradient(self, x, t):
        p = self.params
        z1 = x @ p["W1"] + p["b1"]
        h = relu(z1)
        y = softmax(h @ p["W2"] + p["b2"])
        d2 = (y - t) / x.shape[0]
        d1 = (d2 @ p["W2"].T) * (z1 > 0)
        return {"W1": x.T @ d1, "b1": d1.sum(axis=0), "W2": h.T @ d2, "b2": d2.sum(axis=0)}


def train(params, x, t, lr, batches):
    net = MLP({k: params[k].copy() for k in ("W1", "b1", "W2", "b2")})
    opt = Adam(lr=lr)
    for rows in batches:
        grads = net.gradient(x[rows], t[rows])
        opt.update(net.params, grads)
    return net.params


NETWORK = {"inputs": 4, "layers": [{"units": 6, "activation": "relu"}, {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N", "bias": True, "l2": None,
           "optimizer": {"name": "adam", "beta1": 0.9, "beta2": 0.999, "eps": 1e-8,
                         "formula": "m = beta1*m + (1-beta1)*g; v = beta2*v + (1-beta2)*g**2; p -= lr * (m/(1-beta1**k)) / (sqrt(v/(1-beta2**k)) + eps)"}}
