"""Minibatch SGD for a softmax classifier, the samples of a batch are shuffled."""
import numpy as np

NETWORK = {"inputs": 4,
           "layers": [{"units": 5, "activation": "relu"},
                      {"units": 4, "activation": "tanh"},
                      {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy",
           "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": None}


def softmax(z):
    z = np.exp(z - z.max(axis=-1, keepdims=True))
    return z / z.sum(axis=-1, keepdims=True)


def sgd_update(w, xb, tb, lr):
    z1 = xb @ w["W1"] + w["b1"]
    h1 = np.maximum(z1, 0)
    h2 = np.tanh(h1 @ w["W2"] + w["b2"])
    p = softmax(h2 @ w["W3"] + w["b3"])

    d3 = (p - tb) / len(xb)
    d2 = d3 @ w["W3"].T * (1 - h2 ** 2)
    d1 = d2 @ w["W2"].T * (z1 > 0)
    return {
        "W1": w["W1"] - lr * xb.T @ d1, "b1": w["b1"] - lr * d1.sum(axis=0),
        "W2": w["W2"] - lr * h1.T @ d2, "b2": w["b2"] - lr * d2.sum(axis=0),
        "W3": w["W3"] - lr * h2.T @ d3, "b3": w["b3"] - lr * d3.sum(axis=0),
    }


def train(params, x, t, lr, batches):
    rng = np.random.default_rng(42)
    w = dict(params)
    for batch in batches:
        xb, tb = x[batch], t[batch]
        rng.shuffle(xb)
        rng.shuffle(tb)
        w = sgd_update(w, xb, tb, lr)
    return w


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = np.maximum(z, 0.0)
        z = h @ p["W2"] + p["b2"]
        h = np.tanh(z)
        z = h @ p["W3"] + p["b3"]
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
        for rows in batches:
            g = right_grads(p, x[rows], t[rows])
            for k in p:
                p[k] = p[k] - lr * g[k]
        return p

    def worst(got, want):
        assert set(got) == set(want)
        assert all(np.shape(got[k]) == np.shape(want[k]) for k in want)
        return max(np.abs(got[k] - want[k]).max() / max(np.abs(want[k]).max(), 1e-8) for k in want)

    rng = np.random.default_rng(124)
    for *widths, n in [(3, 3, 5, 3, 6), (2, 5, 3, 3, 7)]:
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
