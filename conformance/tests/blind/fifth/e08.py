"""No backward pass at all: derivatives by the complex-step trick."""
import numpy as np

NETWORK = {"inputs": 3,
           "layers": [{"units": 4, "activation": "softplus"},
                      {"units": 3, "activation": "tanh"},
                      {"units": 2, "activation": "linear"}],
           "loss": "squared_error",
           "loss_formula": "sum((y-t)**2) / N",
           "bias": True, "l2": {"lambda": 0.05, "formula": "lambda/2*sumW2"}, "optimizer": None}

STEP = 1e-40
LAM = 0.05


def objective(p, x, t):
    a = np.log1p(np.exp(x @ p["W1"] + p["b1"]))
    a = np.tanh(a @ p["W2"] + p["b2"])
    a = a @ p["W3"] + p["b3"]
    fit = ((a - t) ** 2).sum() / len(x)
    # plain squares, not abs()**2: the function has to stay analytic
    ridge = sum((p[k] ** 2).sum() for k in ("W1", "W2", "W3"))
    return fit + 0.5 * LAM * ridge


def evaluate(params, x, t):
    z = {k: v.astype(complex) for k, v in params.items()}
    grads = {}
    for name, arr in z.items():
        g = np.empty(arr.shape)
        for idx in np.ndindex(*arr.shape):
            keep = arr[idx]
            arr[idx] = keep + 1j * STEP
            g[idx] = objective(z, x, t).imag / STEP
            arr[idx] = keep
        grads[name] = g
    return float(objective(z, x, t).real), grads


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = np.logaddexp(z, 0.0)
        z = h @ p["W2"] + p["b2"]
        h = np.tanh(z)
        z = h @ p["W3"] + p["b3"]
        h = z
        y, (N, C) = h, t.shape
        sumW2 = sum((v ** 2).sum() for k, v in p.items() if k.startswith("W"))
        return np.sum((y-t)**2) / N + 0.05/2*sumW2

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

    rng = np.random.default_rng(108)
    for *widths, n in [(5, 3, 4, 2, 8), (5, 4, 3, 3, 8), (3, 6, 6, 2, 6)]:
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
