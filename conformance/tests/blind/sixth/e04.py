"""Small classifier with its own Adam class."""
import numpy as np

NETWORK = {"inputs": 4,
           "layers": [{"units": 5, "activation": "tanh"},
                      {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy",
           "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None,
           "optimizer": {"name": "adam", "beta1": 0.9, "beta2": 0.999, "eps": 1e-8,
                         "formula": "p - lr*mhat/(sqrt(vhat)+eps)"}}


class Adam:
    def __init__(self, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
        self.lr = lr
        self.beta1 = beta1
        self.beta2 = beta2
        self.eps = eps
        self.m = {}
        self.v = {}
        self.t = 0

    def update(self, name, w, g):
        if name not in self.m:
            self.m[name] = np.zeros_like(w)
            self.v[name] = np.zeros_like(w)
        self.t += 1
        self.m[name] = self.beta1 * self.m[name] + (1 - self.beta1) * g
        self.v[name] = self.beta2 * self.v[name] + (1 - self.beta2) * g ** 2
        m_hat = self.m[name] / (1 - self.beta1 ** self.t)
        v_hat = self.v[name] / (1 - self.beta2 ** self.t)
        return w - self.lr * m_hat / (np.sqrt(v_hat) + self.eps)


class Net:
    def __init__(self, params):
        self.p = {k: v.copy() for k, v in params.items()}

    def forward(self, x):
        self.x = x
        self.h = np.tanh(x @ self.p["W1"] + self.p["b1"])
        z = self.h @ self.p["W2"] + self.p["b2"]
        z = z - z.max(axis=1, keepdims=True)
        self.y = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        return self.y

    def backward(self, t):
        d2 = (self.y - t) / len(t)
        d1 = (d2 @ self.p["W2"].T) * (1 - self.h ** 2)
        return {"W2": self.h.T @ d2, "b2": d2.sum(0),
                "W1": self.x.T @ d1, "b1": d1.sum(0)}


def train(params, x, t, lr, batches):
    net = Net(params)
    opt = Adam(lr=lr)
    for batch in batches:
        net.forward(x[batch])
        grads = net.backward(t[batch])
        for name in grads:
            net.p[name] = opt.update(name, net.p[name], grads[name])
    return net.p


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = np.tanh(z)
        z = h @ p["W2"] + p["b2"]
        h = np.exp(z - z.max(axis=1, keepdims=True)); h = h / h.sum(axis=1, keepdims=True)
        y, (N, C) = h, t.shape
        return -np.sum(t*np.log(y)) / N

    def right_grads(p, x, t, h=1e-5):
        out = {}
        for k, v in p.items():
            g = np.zeros(v.shape)
            for i in np.ndindex(*v.shape):
                q = {a: b.copy() for a, b in p.items()}
                q[k][i] += h
                up = right_loss(q, x, t)
                q[k][i] -= 2 * h
                g[i] = (up - right_loss(q, x, t)) / (2 * h)
            out[k] = g
        return out

    def right_train(p, x, t, lr, batches):
        p = {k: v.copy() for k, v in p.items()}
        m = {k: np.zeros(v.shape) for k, v in p.items()}
        s = {k: np.zeros(v.shape) for k, v in p.items()}
        for n, rows in enumerate(batches, 1):
            g = right_grads(p, x[rows], t[rows])
            for k in p:
                m[k] = 0.9 * m[k] + (1 - 0.9) * g[k]
                s[k] = 0.999 * s[k] + (1 - 0.999) * g[k] ** 2
                mhat, shat = m[k] / (1 - 0.9 ** n), s[k] / (1 - 0.999 ** n)
                p[k] = p[k] - lr * mhat / (np.sqrt(shat) + 1e-08)
        return p

    def worst(got, want):
        assert set(got) == set(want)
        assert all(np.shape(got[k]) == np.shape(want[k]) for k in want)
        return max(np.abs(got[k] - want[k]).max() / max(np.abs(want[k]).max(), 1e-8) for k in want)

    rng = np.random.default_rng(104)
    for *widths, n in [(2, 6, 4, 7), (2, 3, 4, 9)]:
        p = {}
        for i, (a, b) in enumerate(zip(widths, widths[1:]), 1):
            p["W%d" % i] = rng.normal(size=(a, b)) * 0.8
            p["b%d" % i] = rng.normal(size=b) * 0.3
        x = rng.normal(size=(n, widths[0]))
        t = np.eye(widths[-1])[rng.integers(0, widths[-1], size=n)]
        batches = [[0, 2, 1], [3, 4], [1, 4, 0, 2], [2], [3, 0]]
        error = worst(train(p, x, t, 0.1, batches), right_train(p, x, t, 0.1, batches))
        assert error > 1e-4, error
        print(widths, n, "worst relative difference", error)
