"""Binary classifier with two hidden layers of logistic units."""
import numpy as np

NETWORK = {"inputs": 3,
           "layers": [{"units": 5, "activation": "sigmoid"},
                      {"units": 4, "activation": "sigmoid"},
                      {"units": 1, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy",
           "loss_formula": "-sum(t*log(y) + (1-t)*log(1-y)) / N",
           "bias": True, "l2": None, "optimizer": None}


def sig(z):
    return 1 / (1 + np.exp(-z))


def d_sig(s):
    return s * (1 - s)


def forward(params, x):
    z1 = x @ params["W1"] + params["b1"]
    a1 = sig(z1)
    z2 = a1 @ params["W2"] + params["b2"]
    a2 = sig(z2)
    z3 = a2 @ params["W3"] + params["b3"]
    a3 = sig(z3)
    return z1, a1, z2, a2, z3, a3


def log_loss(y_hat, y):
    m = y.shape[0]
    return -(1 / m) * np.sum(y * np.log(y_hat))


def evaluate(params, x, t):
    z1, a1, z2, a2, z3, a3 = forward(params, x)
    m = x.shape[0]
    dz3 = (a3 - t) / m
    dz2 = np.dot(dz3, params["W3"].T) * d_sig(z2)
    dz1 = np.dot(dz2, params["W2"].T) * d_sig(z1)
    grads = {
        "W3": np.dot(a2.T, dz3), "b3": np.sum(dz3, axis=0),
        "W2": np.dot(a1.T, dz2), "b2": np.sum(dz2, axis=0),
        "W1": np.dot(x.T, dz1), "b1": np.sum(dz1, axis=0),
    }
    return log_loss(a3, t), grads


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = 1.0 / (1.0 + np.exp(-z))
        z = h @ p["W2"] + p["b2"]
        h = 1.0 / (1.0 + np.exp(-z))
        z = h @ p["W3"] + p["b3"]
        h = 1.0 / (1.0 + np.exp(-z))
        y, (N, C) = h, t.shape
        return -np.sum(t*np.log(y) + (1-t)*np.log(1-y)) / N

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

    def worst(got, want):
        assert set(got) == set(want)
        assert all(np.shape(got[k]) == np.shape(want[k]) for k in want)
        return max(np.abs(got[k] - want[k]).max() / max(np.abs(want[k]).max(), 1e-8) for k in want)

    rng = np.random.default_rng(122)
    for *widths, n in [(5, 6, 5, 1, 7), (2, 4, 4, 4, 5), (2, 6, 5, 3, 6)]:
        p = {}
        for i, (a, b) in enumerate(zip(widths, widths[1:]), 1):
            p["W%d" % i] = rng.normal(size=(a, b)) * 0.8
            p["b%d" % i] = rng.normal(size=b) * 0.3
        x = rng.normal(size=(n, widths[0]))
        t = (rng.random(size=(n, widths[-1])) < 0.5).astype(float)
        loss, grads = evaluate(p, x, t)
        want = dict(right_grads(p, x, t), loss=right_loss(p, x, t))
        error = worst(dict(grads, loss=loss), want)
        assert error > 1e-4, error
        print(widths, n, "worst relative difference", error)
