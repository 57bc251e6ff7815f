"""One step: shrink the weights, then add what the errors say."""
import numpy as np

NETWORK = {"inputs": 4,
           "layers": [{"units": 6, "activation": "relu"},
                      {"units": 5, "activation": "tanh"},
                      {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy",
           "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": {"lambda": 0.5, "formula": "lambda/(2*N)*sumW2"}, "optimizer": None}


def step(params, x, t, lr):
    rate = lr / len(x)
    shrink = 1.0 - 0.5 * rate
    V = [params[f"W{k}"].T for k in (1, 2, 3)]
    c = [params[f"b{k}"].reshape(-1, 1) for k in (1, 2, 3)]

    h = np.maximum(V[0] @ x.T + c[0], 0)
    u = V[1] @ h + c[1]
    g = np.tanh(u)
    o = V[2] @ g + c[2]
    q = np.exp(o - np.logaddexp.reduce(o, axis=0))

    up = t.T - q                       # error signal, points downhill
    new = {}
    new["W3"] = (shrink * V[2] + rate * up @ g.T).T
    new["b3"] = (c[2].sum(axis=1) + rate * up.sum(axis=1))
    up = (V[2].T @ up) / np.cosh(u) ** 2
    new["W2"] = (shrink * V[1] + rate * up @ h.T).T
    new["b2"] = (c[1].sum(axis=1) + rate * up.sum(axis=1))
    up = (V[1].T @ up) * np.sign(h)
    new["W1"] = (shrink * V[0] + rate * up @ x).T
    new["b1"] = (c[0].sum(axis=1) + rate * up.sum(axis=1))
    return new


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
        sumW2 = sum((v ** 2).sum() for k, v in p.items() if k.startswith("W"))
        return -np.sum(t*np.log(y)) / N + 0.5/(2*N)*sumW2

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

    rng = np.random.default_rng(132)
    for *widths, n in [(4, 3, 3, 2, 8), (2, 3, 3, 4, 6), (2, 4, 3, 2, 5)]:
        p = {}
        for i, (a, b) in enumerate(zip(widths, widths[1:]), 1):
            p["W%d" % i] = rng.normal(size=(a, b)) * 0.8
            p["b%d" % i] = rng.normal(size=b) * 0.3
        x = rng.normal(size=(n, widths[0]))
        t = np.eye(widths[-1])[rng.integers(0, widths[-1], size=n)]
        g = right_grads(p, x, t)
        error = worst(step(p, x, t, 0.3), {k: p[k] - 0.3 * g[k] for k in p})
        assert error < 1e-5, error
        print(widths, n, "worst relative difference", error)
