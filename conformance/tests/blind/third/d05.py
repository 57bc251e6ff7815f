import numpy as np


class Adam:
    def __init__(self, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        self.lr, self.beta1, self.beta2, self.eps = lr, beta1, beta2, eps
        self.t = 0
        self.m, self.v = {}, {}

    def update(self, params, grads):
        for name in sorted(params):
            g = grads[name]
            if name not in self.m:
                self.m[name] = np.zeros_like(g)
                self.v[name] = np.zeros_like(g)
            self.t += 1
            self.m[name] = self.beta1 * self.m[name] + (1 - self.beta1) * g
            self.v[name] = self.beta2 * self.v[name] + (1 - self.beta2) * g * g
            mhat = self.m[name] / (1 - self.beta1 ** self.t)
            vhat = self.v[name] / (1 - self.beta2 ** self.t)
            params[name] -= self.lr * mhat / (np.sqrt(vhat) + self.eps)


class TwoLayerNet:
    def __init__(self, params):
        self.params = {k: v.copy() for k, v in params.items()}

    def loss(self, X, y):
        p = self.params
        N = X.shape[0]
        h = np.maximum(0, X.dot(p["W1"]) + p["b1"])
        scores = h.dot(p["W2"]) + p["b2"]
        scores -= scores.max(axis=1, keepdims=True)
        logp = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        loss = -logp[np.arange(N), y].mean()
        dscores = np.exp(logp)
        dscores[np.arange(N), y] -= 1
        dscores /= N
        dh = dscores.dot(p["W2"].T)
        dh[h <= 0] = 0
        return loss, {"W2": h.T.dot(dscores), "b2": dscores.sum(axis=0),
                      "W1": X.T.dot(dh), "b1": dh.sum(axis=0)}


def train(params, x, t, lr, batches):
    net = TwoLayerNet(params)
    opt = Adam(lr)
    labels = t.argmax(axis=1)
    for idx in batches:
        _, grads = net.loss(x[idx], labels[idx])
        opt.update(net.params, grads)
    return net.params


NETWORK = {"inputs": 4, "layers": [{"units": 6, "activation": "relu"}, {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None,
           "optimizer": {"name": "adam", "beta1": 0.9, "beta2": 0.999, "eps": 1e-8,
                         "formula": "m = beta1*m + (1-beta1)*g; v = beta2*v + (1-beta2)*g**2; p -= lr * (m/(1-beta1**t)) / (sqrt(v/(1-beta2**t)) + eps)"}}
