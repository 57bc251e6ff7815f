# A neural network in plain loops, one sample at a time.
import numpy as np

NETWORK = {"inputs": 2,
           "layers": [{"units": 4, "activation": "tanh"},
                      {"units": 3, "activation": "tanh"},
                      {"units": 1, "activation": "linear"}],
           "loss": "squared_error",
           "loss_formula": "sum((y-t)**2) / (2*N)",
           "bias": True, "l2": None, "optimizer": None}


def nonlin(v, deriv=False):
    if deriv:
        return 1 - np.tanh(v) ** 2
    return np.tanh(v)


def evaluate(params, x, t):
    syn0, syn1, syn2 = params["W1"], params["W2"], params["W3"]
    g = {k: np.zeros(p.shape) for k, p in params.items()}
    cost = 0.0
    n = len(x)
    for i in range(n):
        l0 = x[i]
        l1 = nonlin(l0.dot(syn0) + params["b1"])
        l2 = nonlin(l1.dot(syn1) + params["b2"])
        l3 = l2.dot(syn2) + params["b3"]

        l3_error = l3 - t[i]
        cost += 0.5 * (l3_error ** 2).sum()

        l3_delta = l3_error
        l2_delta = syn2.dot(l3_delta) * nonlin(l2, deriv=True)
        l1_delta = syn1.dot(l2_delta) * nonlin(l1, deriv=True)

        g["W3"] += np.outer(l2, l3_delta)
        g["W2"] += np.outer(l1, l2_delta)
        g["W1"] += np.outer(l0, l1_delta)
        g["b3"] += l3_delta
        g["b2"] += l2_delta
        g["b1"] += l1_delta
    return cost / n, {k: v / n for k, v in g.items()}


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = np.tanh(z)
        z = h @ p["W2"] + p["b2"]
        h = np.tanh(z)
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

    rng = np.random.default_rng(107)
    for *widths, n in [(3, 3, 6, 1, 9), (5, 4, 5, 2, 8), (3, 6, 6, 4, 8)]:
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
