"""Softplus network, one column per sample."""
import numpy as np

NETWORK = {"inputs": 3,
           "layers": [{"units": 5, "activation": "softplus"},
                      {"units": 4, "activation": "softplus"},
                      {"units": 2, "activation": "linear"}],
           "loss": "squared_error",
           "loss_formula": "sum((y-t)**2) / (2*N)",
           "bias": True, "l2": None, "optimizer": None}


def softplus(Z):
    return np.log(1 + np.exp(Z))


def softplus_derivative(Z):
    return 1 / (1 + np.exp(Z))


def evaluate(params, x, t):
    X, T = x.T, t.T
    m = X.shape[1]
    W1, W2, W3 = params["W1"].T, params["W2"].T, params["W3"].T
    b1, b2, b3 = (params[k][:, np.newaxis] for k in ("b1", "b2", "b3"))

    Z1 = W1 @ X + b1
    A1 = softplus(Z1)
    Z2 = W2 @ A1 + b2
    A2 = softplus(Z2)
    Y = W3 @ A2 + b3
    J = np.sum((Y - T) ** 2) / (2 * m)

    dZ3 = (Y - T) / m
    dW3 = dZ3 @ A2.T
    db3 = dZ3.sum(axis=1)
    dZ2 = (W3.T @ dZ3) * softplus_derivative(Z2)
    dW2 = dZ2 @ A1.T
    db2 = dZ2.sum(axis=1)
    dZ1 = (W2.T @ dZ2) * softplus_derivative(Z1)
    dW1 = dZ1 @ X.T
    db1 = dZ1.sum(axis=1)
    return J, {"W1": dW1.T, "b1": db1, "W2": dW2.T, "b2": db2, "W3": dW3.T, "b3": db3}


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = np.logaddexp(z, 0.0)
        z = h @ p["W2"] + p["b2"]
        h = np.logaddexp(z, 0.0)
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

    rng = np.random.default_rng(125)
    for *widths, n in [(5, 4, 6, 1, 9), (4, 4, 6, 2, 8), (3, 6, 3, 4, 7)]:
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
