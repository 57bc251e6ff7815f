"""Regression network; the loss is reported together with the gradients."""
import numpy as np

NETWORK = {"inputs": 5,
           "layers": [{"units": 6, "activation": "softplus"},
                      {"units": 4, "activation": "sigmoid"},
                      {"units": 2, "activation": "linear"}],
           "loss": "squared_error",
           "loss_formula": "sum((y-t)**2) / (2*N)",
           "bias": True, "l2": None, "optimizer": None}


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def forward(p, x):
    z1 = x @ p["W1"] + p["b1"]
    a1 = np.logaddexp(z1, 0)
    a2 = sigmoid(a1 @ p["W2"] + p["b2"])
    y = a2 @ p["W3"] + p["b3"]
    return z1, a1, a2, y


def half_mse(y, t):
    return ((y - t) ** 2).sum() / (2 * len(y))


def backward(p, x, t, z1, a1, a2, y):
    delta = y
    delta -= t
    delta = delta / len(x)
    grads = {"W3": a2.T @ delta, "b3": delta.sum(axis=0)}
    delta = delta @ p["W3"].T * a2 * (1 - a2)
    grads["W2"], grads["b2"] = a1.T @ delta, delta.sum(axis=0)
    delta = delta @ p["W2"].T * sigmoid(z1)
    grads["W1"], grads["b1"] = x.T @ delta, delta.sum(axis=0)
    return grads


def evaluate(params, x, t):
    z1, a1, a2, y = forward(params, x)
    grads = backward(params, x, t, z1, a1, a2, y)
    loss = half_mse(y, t)
    return loss, grads


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = np.logaddexp(z, 0.0)
        z = h @ p["W2"] + p["b2"]
        h = 1.0 / (1.0 + np.exp(-z))
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

    def worst(got, want):
        assert set(got) == set(want)
        assert all(np.shape(got[k]) == np.shape(want[k]) for k in want)
        return max(np.abs(got[k] - want[k]).max() / max(np.abs(want[k]).max(), 1e-8) for k in want)

    rng = np.random.default_rng(138)
    for *widths, n in [(3, 5, 3, 1, 5), (2, 3, 6, 2, 7), (4, 4, 5, 2, 6)]:
        p = {}
        for i, (a, b) in enumerate(zip(widths, widths[1:]), 1):
            p["W%d" % i] = rng.normal(size=(a, b)) * 0.8
            p["b%d" % i] = rng.normal(size=b) * 0.3
        x = rng.normal(size=(n, widths[0]))
        t = rng.normal(size=(n, widths[-1]))
        loss, grads = evaluate(p, x, t)
        want = dict(right_grads(p, x, t), loss=right_loss(p, x, t))
        error = worst(dict(grads, loss=loss), want)
        assert error > 1e-4, error
        print(widths, n, "worst relative difference", error)
