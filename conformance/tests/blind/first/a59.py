import numpy as np


class Adam:
    def __init__(self, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
        self.lr, self.beta1, self.beta2, self.eps = lr, beta1, beta2, eps
        self.m, self.v = {}, {}
        self.t = 0

    def update(self, params, grads):
        for key in params:
            self.t += 1
            if key not in self.m:
                self.m[key] = np.zeros_like(params[key])
                self.v[key] = np.zeros_like(params[key])
            self.m[key] = self.beta1 * self.m[key] + (1 - self.beta1) * grads[key]
            self.v[key] = self.beta2 * self.v[key] + (1 - self.beta2) * grads[key] ** 2
            m_hat = self.m[key] / (1 - self.beta1 ** self.t)
            v_hat = self.v[key] / (1 - self.beta2 ** self.t)
            params[key] = params[key] - self.lr * m_hat / (np.sqrt(v_hat) + self.eps)


def loss_and_grads(params, X, Y):
    h = 1 / (1 + np.exp(-(X @ params["W1"] + params["b1"])))
    z = h @ params["W2"] + params["b2"]
    z = z - z.max(axis=1, keepdims=True)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    loss = -np.mean(np.sum(Y * np.log(p), axis=1))
    dz = (p - Y) / X.shape[0]
    dh = dz @ params["W2"].T * h * (1 - h)
    return loss, {"W1": X.T @ dh, "b1": dh.sum(0), "W2": h.T @ dz, "b2": dz.sum(0)}


def fit(params, X, Y, lr, batches):
    optimizer = Adam(lr=lr)
    for idx in batches:
        loss, grads = loss_and_grads(params, X[idx], Y[idx])
        optimizer.update(params, grads)
    return params


def train(params, x, t, lr, batches):
    return fit({k: v.copy() for k, v in params.items()}, x, t, lr, batches)


NETWORK = {"inputs": 3, "layers": [{"units": 4, "activation": "sigmoid"}, {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None,
           "optimizer": {"name": "adam", "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}}
