"""Softmax regression on top of a tanh and a softplus layer; short functional version."""
import numpy as np

NETWORK = {"inputs": 5,
           "layers": [{"units": 4, "activation": "tanh"},
                      {"units": 4, "activation": "softplus"},
                      {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy",
           "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": None}


def categorical_crossentropy(y_true, y_pred):
    return np.mean(-y_true * np.log(y_pred))


def net(params, x):
    a = np.tanh(x @ params["W1"] + params["b1"])
    zb = a @ params["W2"] + params["b2"]
    b = np.logaddexp(0.0, zb)
    zc = b @ params["W3"] + params["b3"]
    e = np.exp(zc - zc.max(axis=1)[:, None])
    return a, zb, b, e / e.sum(axis=1)[:, None]


def evaluate(params, x, t):
    a, zb, b, y = net(params, x)
    batch_size = x.shape[0]
    loss = categorical_crossentropy(t, y)

    gc = (y - t) / batch_size
    gb = gc.dot(params["W3"].T) / (1.0 + np.exp(-zb))
    ga = gb.dot(params["W2"].T) * (1.0 - a * a)
    grads = dict(W3=b.T.dot(gc), b3=gc.sum(0), W2=a.T.dot(gb), b2=gb.sum(0), W1=x.T.dot(ga), b1=ga.sum(0))
    return loss, grads


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = np.tanh(z)
        z = h @ p["W2"] + p["b2"]
        h = np.logaddexp(z, 0.0)
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

    def worst(got, want):
        assert set(got) == set(want)
        assert all(np.shape(got[k]) == np.shape(want[k]) for k in want)
        return max(np.abs(got[k] - want[k]).max() / max(np.abs(want[k]).max(), 1e-8) for k in want)

    rng = np.random.default_rng(129)
    for *widths, n in [(2, 5, 3, 3, 7), (2, 6, 5, 4, 6), (3, 5, 5, 3, 9)]:
        p = {}
        for i, (a, b) in enumerate(zip(widths, widths[1:]), 1):
            p["W%d" % i] = rng.normal(size=(a, b)) * 0.8
            p["b%d" % i] = rng.normal(size=b) * 0.3
        x = rng.normal(size=(n, widths[0]))
        t = np.eye(widths[-1])[rng.integers(0, widths[-1], size=n)]
        loss, grads = evaluate(p, x, t)
        want = dict(right_grads(p, x, t), loss=right_loss(p, x, t))
        error = worst(dict(grads, loss=loss), want)
        assert error > 1e-4, error
        print(widths, n, "worst relative difference", error)
