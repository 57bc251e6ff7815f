"""Transformer-style feed-forward block as a regressor, GELU in the tanh form."""
import numpy as np

NETWORK = {"inputs": 4,
           "layers": [{"units": 6, "activation": "gelu"},
                      {"units": 5, "activation": "gelu"},
                      {"units": 2, "activation": "linear"}],
           "loss": "squared_error",
           "loss_formula": "sum((y-t)**2) / (N*C)",
           "bias": True, "l2": None, "optimizer": None}

C0 = np.sqrt(2.0 / np.pi)


def gelu(x):
    return 0.5 * x * (1.0 + np.tanh(C0 * (x + 0.044715 * x ** 3)))


def gelu_grad(x):
    th = np.tanh(C0 * (x + 0.044715 * x ** 3))
    inner = C0 * (1.0 + 0.044715 * x ** 2)
    return 0.5 * (1.0 + th) + 0.5 * x * (1.0 - th ** 2) * inner


def linear(x, w, b):
    return x @ w + b


def linear_grad(dout, x, w):
    return dout @ w.T, x.T @ dout, dout.sum(axis=0)


def evaluate(params, x, t):
    h1 = linear(x, params["W1"], params["b1"])
    g1 = gelu(h1)
    h2 = linear(g1, params["W2"], params["b2"])
    g2 = gelu(h2)
    y = linear(g2, params["W3"], params["b3"])
    diff = y - t
    loss = np.mean(diff ** 2)

    grads = {}
    dy = 2.0 * diff / diff.size
    dg2, grads["W3"], grads["b3"] = linear_grad(dy, g2, params["W3"])
    dh2 = dg2 * gelu_grad(h2)
    dg1, grads["W2"], grads["b2"] = linear_grad(dh2, g1, params["W2"])
    dh1 = dg1 * gelu_grad(h1)
    _, grads["W1"], grads["b1"] = linear_grad(dh1, x, params["W1"])
    return loss, grads


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = 0.5 * z * (1.0 + np.tanh(np.sqrt(2.0 / np.pi) * (z + 0.044715 * z ** 3)))
        z = h @ p["W2"] + p["b2"]
        h = 0.5 * z * (1.0 + np.tanh(np.sqrt(2.0 / np.pi) * (z + 0.044715 * z ** 3)))
        z = h @ p["W3"] + p["b3"]
        h = z
        y, (N, C) = h, t.shape
        return np.sum((y-t)**2) / (N*C)

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

    rng = np.random.default_rng(113)
    for *widths, n in [(3, 5, 3, 2, 8), (3, 5, 4, 4, 5), (5, 3, 3, 4, 5)]:
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
