"""Ridge-penalised regression network, everything in one function."""
import numpy as np

NETWORK = {"inputs": 4,
           "layers": [{"units": 6, "activation": "tanh"},
                      {"units": 5, "activation": "relu"},
                      {"units": 3, "activation": "linear"}],
           "loss": "squared_error",
           "loss_formula": "sum((y-t)**2) / (N*C)",
           "bias": True, "l2": {"lambda": 0.1, "formula": "lambda/2*sumW2"}, "optimizer": None}


def evaluate(params, x, t, lam=0.1):
    W1, b1 = params["W1"], params["b1"]
    W2, b2 = params["W2"], params["b2"]
    W3, b3 = params["W3"], params["b3"]
    n = x.shape[0]

    # forward
    a1 = np.tanh(np.dot(x, W1) + b1)
    z2 = np.dot(a1, W2) + b2
    a2 = z2 * (z2 > 0)
    y = np.dot(a2, W3) + b3

    mse = np.mean((y - t) ** 2)
    penalty = 0.5 * lam * (np.sum(W1 ** 2) + np.sum(W2 ** 2) + np.sum(W3 ** 2))

    # backward
    d3 = 2.0 / n * (y - t)
    dW3 = np.dot(a2.T, d3) + lam * W3
    db3 = np.sum(d3, axis=0)
    d2 = np.dot(d3, W3.T) * (z2 > 0)
    dW2 = np.dot(a1.T, d2) + lam * W2
    db2 = np.sum(d2, axis=0)
    d1 = np.dot(d2, W2.T) * (1 - a1 ** 2)
    dW1 = np.dot(x.T, d1)
    db1 = np.sum(d1, axis=0)

    return mse + penalty, {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2, "W3": dW3, "b3": db3}


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = np.tanh(z)
        z = h @ p["W2"] + p["b2"]
        h = np.maximum(z, 0.0)
        z = h @ p["W3"] + p["b3"]
        h = z
        y, (N, C) = h, t.shape
        sumW2 = sum((v ** 2).sum() for k, v in p.items() if k.startswith("W"))
        return np.sum((y-t)**2) / (N*C) + 0.1/2*sumW2

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

    rng = np.random.default_rng(134)
    for *widths, n in [(5, 5, 5, 2, 8), (2, 5, 3, 2, 6), (5, 3, 4, 2, 8)]:
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
