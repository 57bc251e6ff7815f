"""Per-sample accumulation into gradient buffers that are kept between calls."""
import numpy as np

NETWORK = {"inputs": 3,
           "layers": [{"units": 4, "activation": "sigmoid"},
                      {"units": 1, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy",
           "loss_formula": "-sum(t*log(y) + (1-t)*log(1-y)) / N",
           "bias": True, "l2": None, "optimizer": None}

_buffers = {}


def get_buffer(name, shape):
    buf = _buffers.get(name)
    if buf is None or buf.shape != shape:
        buf = np.zeros(shape)
        _buffers[name] = buf
    return buf


def logistic(a):
    return 1.0 / (1.0 + np.exp(-a))


def evaluate(params, x, t):
    acc = {}
    for name, p in params.items():
        acc[name] = get_buffer(name, p.shape)
    n = x.shape[0]
    loss = 0.0
    for i in range(n):
        hidden = logistic(params["W1"].T.dot(x[i]) + params["b1"])
        prob = logistic(params["W2"].T.dot(hidden) + params["b2"])
        loss -= np.sum(t[i] * np.log(prob) + (1 - t[i]) * np.log(1 - prob))
        d_out = prob - t[i]
        d_hid = params["W2"].dot(d_out) * hidden * (1 - hidden)
        acc["W2"] += np.outer(hidden, d_out)
        acc["b2"] += d_out
        acc["W1"] += np.outer(x[i], d_hid)
        acc["b1"] += d_hid
    grads = {name: buf / n for name, buf in acc.items()}
    return loss / n, grads


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = 1.0 / (1.0 + np.exp(-z))
        z = h @ p["W2"] + p["b2"]
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

    rng = np.random.default_rng(118)
    for *widths, n in [(2, 6, 1, 5), (2, 5, 4, 6), (4, 5, 4, 6)]:
        p = {}
        for i, (a, b) in enumerate(zip(widths, widths[1:]), 1):
            p["W%d" % i] = rng.normal(size=(a, b)) * 0.8
            p["b%d" % i] = rng.normal(size=b) * 0.3
        x = rng.normal(size=(n, widths[0]))
        t = (rng.random(size=(n, widths[-1])) < 0.5).astype(float)
        evaluate(p, x, t)
        loss, grads = evaluate(p, x, t)
        want = dict(right_grads(p, x, t), loss=right_loss(p, x, t))
        error = worst(dict(grads, loss=loss), want)
        assert error > 1e-4, error
        print(widths, n, "worst relative difference", error)
