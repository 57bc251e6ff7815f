"""Softmax classifier; the whole Jacobian of the softmax is written out for each sample."""
import numpy as np

NETWORK = {"inputs": 4,
           "layers": [{"units": 5, "activation": "sigmoid"},
                      {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy",
           "loss_formula": "-sum(t*log(y)) / (N*C)",
           "bias": True, "l2": None, "optimizer": None}


def sigma(v):
    return 1 / (1 + np.exp(-v))


def smax(v):
    e = np.exp(v - v.max())
    return e / e.sum()


def evaluate(params, x, t):
    W1, b1, W2, b2 = (params[k] for k in ("W1", "b1", "W2", "b2"))
    N, C = t.shape
    loss = 0.0
    gW1, gb1, gW2, gb2 = (np.zeros_like(a) for a in (W1, b1, W2, b2))
    for sample, target in zip(x, t):
        net1 = sample @ W1 + b1
        o1 = sigma(net1)
        net2 = o1 @ W2 + b2
        o2 = smax(net2)
        loss -= float(target @ np.log(o2))

        dE_do2 = -target / o2                                   # row vector, C
        do2_dnet2 = np.diagflat(o2) - np.outer(o2, o2)          # C x C
        dE_dnet2 = dE_do2 @ do2_dnet2
        dnet2_do1 = W2.T                                        # C x H
        do1_dnet1 = np.diagflat(sigma(net1) * sigma(-net1))     # H x H
        dE_dnet1 = dE_dnet2 @ dnet2_do1 @ do1_dnet1

        gW2 += o1[:, None] * dE_dnet2[None, :]
        gb2 += dE_dnet2
        gW1 += sample[:, None] * dE_dnet1[None, :]
        gb1 += dE_dnet1
    scale = 1.0 / (N * C)
    return loss * scale, {"W1": gW1 * scale, "b1": gb1 * scale, "W2": gW2 * scale, "b2": gb2 * scale}


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = 1.0 / (1.0 + np.exp(-z))
        z = h @ p["W2"] + p["b2"]
        h = np.exp(z - z.max(axis=1, keepdims=True)); h = h / h.sum(axis=1, keepdims=True)
        y, (N, C) = h, t.shape
        return -np.sum(t*np.log(y)) / (N*C)

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

    rng = np.random.default_rng(115)
    for *widths, n in [(4, 6, 3, 7), (3, 5, 2, 6), (4, 4, 2, 9)]:
        p = {}
        for i, (a, b) in enumerate(zip(widths, widths[1:]), 1):
            p["W%d" % i] = rng.normal(size=(a, b)) * 0.8
            p["b%d" % i] = rng.normal(size=b) * 0.3
        x = rng.normal(size=(n, widths[0]))
        t = np.eye(widths[-1])[rng.integers(0, widths[-1], size=n)]
        loss, grads = evaluate(p, x, t)
        want = dict(right_grads(p, x, t), loss=right_loss(p, x, t))
        error = worst(dict(grads, loss=loss), want)
        assert error < 1e-5, error
        print(widths, n, "worst relative difference", error)
