"""Regression by minibatch gradient descent with momentum."""
import numpy as np

NETWORK = {"inputs": 3,
           "layers": [{"units": 5, "activation": "relu"},
                      {"units": 4, "activation": "relu"},
                      {"units": 2, "activation": "linear"}],
           "loss": "squared_error",
           "loss_formula": "sum((y-t)**2) / (2*N)",
           "bias": True, "l2": None,
           "optimizer": {"name": "momentum", "beta": 0.9, "rule": "v = beta*v + lr*g; p = p - v"}}


def forward(p, x):
    z1 = x @ p["W1"] + p["b1"]
    a1 = np.maximum(z1, 0)
    z2 = a1 @ p["W2"] + p["b2"]
    a2 = np.maximum(z2, 0)
    y = a2 @ p["W3"] + p["b3"]
    return y, (z1, a1, z2, a2)


def gradients(p, x, t):
    y, (z1, a1, z2, a2) = forward(p, x)
    d3 = (y - t) / x.shape[0]
    d2 = d3 @ p["W3"].T
    d2[z2 <= 0] = 0
    d1 = d2 @ p["W2"].T
    d1[z1 <= 0] = 0
    return dict(W1=x.T @ d1, b1=d1.sum(0), W2=a1.T @ d2, b2=d2.sum(0), W3=a2.T @ d3, b3=d3.sum(0))


def train(params, x, t, lr, batches, momentum=0.9):
    p = {k: v.copy() for k, v in params.items()}
    velocity = {k: np.zeros_like(v) for k, v in p.items()}
    for rows in batches:
        g = gradients(p, x[rows], t[rows])
        for k in p:
            velocity[k] = momentum * velocity[k] + lr * g[k]
            p[k] -= lr * velocity[k]
    return p


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = np.maximum(z, 0.0)
        z = h @ p["W2"] + p["b2"]
        h = np.maximum(z, 0.0)
        z = h @ p["W3"] + p["b3"]
        h = z
        y, (N, C) = h, t.shape
        return np.sum((y-t)**2) / (2*N)

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
                m[k] = 0.9 * m[k] + lr * g[k]
                p[k] = p[k] - m[k]
        return p

    def worst(got, want):
        assert set(got) == set(want)
        assert all(np.shape(got[k]) == np.shape(want[k]) for k in want)
        return max(np.abs(got[k] - want[k]).max() / max(np.abs(want[k]).max(), 1e-8) for k in want)

    rng = np.random.default_rng(110)
    for *widths, n in [(4, 5, 5, 1, 5), (4, 6, 4, 2, 7)]:
        p = {}
        for i, (a, b) in enumerate(zip(widths, widths[1:]), 1):
            p["W%d" % i] = rng.normal(size=(a, b)) * 0.8
            p["b%d" % i] = rng.normal(size=b) * 0.3
        x = rng.normal(size=(n, widths[0]))
        t = rng.normal(size=(n, widths[-1]))
        batches = [[0, 2, 1], [3, 4], [1, 4, 0, 2], [2], [3, 0]]
        error = worst(train(p, x, t, 0.1, batches), right_train(p, x, t, 0.1, batches))
        assert error > 1e-4, error
        print(widths, n, "worst relative difference", error)
