"""Regression net that keeps every bias as the last row of its weight matrix."""
import numpy as np

NETWORK = {"inputs": 3,
           "layers": [{"units": 5, "activation": "sigmoid"},
                      {"units": 4, "activation": "tanh"},
                      {"units": 2, "activation": "linear"}],
           "loss": "squared_error",
           "loss_formula": "sum((y-t)**2) / (N*C)",
           "bias": True, "l2": None, "optimizer": None}


def augment(a):
    return np.concatenate([a, np.ones((len(a), 1))], axis=1)


def evaluate(params, x, t):
    T1, T2, T3 = (np.vstack([params["W%d" % k], params["b%d" % k][None]]) for k in (1, 2, 3))
    h0 = augment(x)
    s = 0.5 * (1.0 + np.tanh(0.5 * np.einsum("ni,ij->nj", h0, T1)))
    h1 = augment(s)
    r = np.einsum("nj,jk->nk", h1, T2)
    e = np.exp(2.0 * r)
    u = 1.0 - 2.0 / (e + 1.0)
    h2 = augment(u)
    miss = t - np.einsum("nk,kc->nc", h2, T3)
    loss = np.einsum("nc,nc->", miss, miss) / miss.size

    # everything below carries minus half of the usual sensitivity until the end
    G3 = np.einsum("nk,nc->kc", h2, miss)
    back2 = np.einsum("nc,kc,nk->nk", miss, T3[:-1], (1 + u) * (1 - u))
    G2 = np.einsum("nj,nk->jk", h1, back2)
    back1 = np.einsum("nk,jk,nj->nj", back2, T2[:-1], s - s * s)
    G1 = np.einsum("ni,nj->ij", h0, back1)

    grads = {}
    for k, G in enumerate((G1, G2, G3), start=1):
        G = G * (-2.0 / miss.size)
        grads["W%d" % k] = G[:-1]
        grads["b%d" % k] = G[-1]
    return loss, grads


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = 1.0 / (1.0 + np.exp(-z))
        z = h @ p["W2"] + p["b2"]
        h = np.tanh(z)
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

    rng = np.random.default_rng(102)
    for *widths, n in [(4, 4, 6, 2, 6), (5, 4, 5, 2, 9), (3, 3, 6, 2, 6)]:
        p = {}
        for i, (a, b) in enumerate(zip(widths, widths[1:]), 1):
            p["W%d" % i] = rng.normal(size=(a, b)) * 0.8
            p["b%d" % i] = rng.normal(size=b) * 0.3
        x = rng.normal(size=(n, widths[0]))
        t = rng.normal(size=(n, widths[-1]))
        loss, grads = evaluate(p, x, t)
        want = dict(right_grads(p, x, t), loss=right_loss(p, x, t))
        error = worst(dict(grads, loss=loss), want)
        assert error < 1e-5, error
        print(widths, n, "worst relative difference", error)
