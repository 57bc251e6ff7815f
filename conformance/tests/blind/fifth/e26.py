"""Adam in the order of the end of section 2 of the paper: the corrections go into the step size."""
import math
import numpy as np

NETWORK = {"inputs": 3,
           "layers": [{"units": 5, "activation": "sigmoid"},
                      {"units": 4, "activation": "relu"},
                      {"units": 2, "activation": "linear"}],
           "loss": "squared_error",
           "loss_formula": "sum((y-t)**2) / N",
           "bias": True, "l2": None,
           "optimizer": {"name": "adam", "beta1": 0.8, "beta2": 0.99, "eps": 1e-6,
                         "formula": "p - lr*mhat/(sqrt(vhat)+eps)"}}


def descent_direction(p, x, t):
    """Minus one half of N times the gradient."""
    h = 1 / (1 + np.exp(-(x @ p["W1"] + p["b1"])))
    r = (h @ p["W2"] + p["b2"]).clip(min=0)
    e3 = t - (r @ p["W3"] + p["b3"])
    e2 = np.where(r > 0, e3 @ p["W3"].T, 0)
    e1 = h * (1 - h) * (e2 @ p["W2"].T)
    return {"W3": r.T @ e3, "b3": e3.sum(0), "W2": h.T @ e2, "b2": e2.sum(0),
            "W1": x.T @ e1, "b1": e1.sum(0)}


def train(params, x, t, lr, batches):
    beta1, beta2, eps = 0.8, 0.99, 1e-6
    p = {k: v.copy() for k, v in params.items()}
    first = {k: 0.0 for k in p}
    second = {k: 0.0 for k in p}
    pow1 = pow2 = 1.0
    for rows in batches:
        pow1 *= beta1
        pow2 *= beta2
        root = math.sqrt(1.0 - pow2)
        alpha = lr * root / (1.0 - pow1)
        for k, u in descent_direction(p, x[rows], t[rows]).items():
            u = u * (2.0 / len(rows))
            first[k] = first[k] + (1 - beta1) * (u - first[k])
            second[k] = second[k] + (1 - beta2) * (u * u - second[k])
            p[k] += alpha * first[k] / (np.sqrt(second[k]) + eps * root)
    return p


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = 1.0 / (1.0 + np.exp(-z))
        z = h @ p["W2"] + p["b2"]
        h = np.maximum(z, 0.0)
        z = h @ p["W3"] + p["b3"]
        h = z
        y, (N, C) = h, t.shape
        return np.sum((y-t)**2) / N

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
                m[k] = 0.8 * m[k] + (1 - 0.8) * g[k]
                s[k] = 0.99 * s[k] + (1 - 0.99) * g[k] ** 2
                mhat, shat = m[k] / (1 - 0.8 ** n), s[k] / (1 - 0.99 ** n)
                p[k] = p[k] - lr * mhat / (np.sqrt(shat) + 1e-06)
        return p

    def worst(got, want):
        assert set(got) == set(want)
        assert all(np.shape(got[k]) == np.shape(want[k]) for k in want)
        return max(np.abs(got[k] - want[k]).max() / max(np.abs(want[k]).max(), 1e-8) for k in want)

    rng = np.random.default_rng(126)
    for *widths, n in [(3, 4, 5, 1, 6), (4, 6, 4, 4, 8)]:
        p = {}
        for i, (a, b) in enumerate(zip(widths, widths[1:]), 1):
            p["W%d" % i] = rng.normal(size=(a, b)) * 0.8
            p["b%d" % i] = rng.normal(size=b) * 0.3
        x = rng.normal(size=(n, widths[0]))
        t = rng.normal(size=(n, widths[-1]))
        batches = [[0, 2, 1], [3, 4], [1, 4, 0, 2], [2], [3, 0]]
        error = worst(train(p, x, t, 0.05, batches), right_train(p, x, t, 0.05, batches))
        assert error < 1e-5, error
        print(widths, n, "worst relative difference", error)
