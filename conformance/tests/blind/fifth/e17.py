"""Classifier trained with RMSProp."""
import numpy as np

NETWORK = {"inputs": 5,
           "layers": [{"units": 6, "activation": "relu"},
                      {"units": 4, "activation": "softmax"}],
           "loss": "cross_entropy",
           "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None,
           "optimizer": {"name": "rmsprop", "rho": 0.9, "eps": 1e-6,
                         "formula": "s = rho*s + (1-rho)*g**2; p - lr*g/(sqrt(s)+eps)"}}


class RMSProp:
    def __init__(self, params, learning_rate, decay=0.9, epsilon=1e-6):
        self.params = params
        self.learning_rate = learning_rate
        self.decay = decay
        self.epsilon = epsilon
        self.sq = {name: np.zeros(p.shape) for name, p in params.items()}

    def apply(self, grads):
        for name, g in grads.items():
            self.sq[name] *= self.decay
            self.sq[name] += (1 - self.decay) * g * g
            self.params[name] -= self.learning_rate * g / np.sqrt(self.sq[name] + self.epsilon)


def loss_gradient(params, xb, tb):
    hidden = np.maximum(0, xb @ params["W1"] + params["b1"])
    scores = hidden @ params["W2"] + params["b2"]
    scores -= scores.max(axis=1, keepdims=True)
    probs = np.exp(scores)
    probs /= probs.sum(axis=1, keepdims=True)

    dscores = (probs - tb) / xb.shape[0]
    dhidden = dscores @ params["W2"].T
    dhidden[hidden <= 0] = 0
    return {"W1": xb.T @ dhidden, "b1": dhidden.sum(axis=0),
            "W2": hidden.T @ dscores, "b2": dscores.sum(axis=0)}


def train(params, x, t, lr, batches):
    params = {name: np.array(p) for name, p in params.items()}
    optimizer = RMSProp(params, learning_rate=lr)
    for idx in batches:
        optimizer.apply(loss_gradient(params, x[idx], t[idx]))
    return params


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = np.maximum(z, 0.0)
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
        for rows in batches:
            g = right_grads(p, x[rows], t[rows])
            for k in p:
                m[k] = 0.9 * m[k] + (1 - 0.9) * g[k] ** 2
                p[k] = p[k] - lr * g[k] / (np.sqrt(m[k]) + 1e-06)
        return p

    def worst(got, want):
        assert set(got) == set(want)
        assert all(np.shape(got[k]) == np.shape(want[k]) for k in want)
        return max(np.abs(got[k] - want[k]).max() / max(np.abs(want[k]).max(), 1e-8) for k in want)

    rng = np.random.default_rng(117)
    for *widths, n in [(4, 5, 4, 9), (2, 3, 4, 8)]:
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
