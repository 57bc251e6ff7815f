"""Bias-free regressor with exponential linear units."""
import numpy as np

NETWORK = {"inputs": 4,
           "layers": [{"units": 6, "activation": "elu", "alpha": 0.5},
                      {"units": 5, "activation": "elu", "alpha": 0.5},
                      {"units": 2, "activation": "linear"}],
           "loss": "squared_error",
           "loss_formula": "sum((y-t)**2) / (2*N)",
           "bias": False, "l2": None, "optimizer": None}


def elu(z, alpha=0.5):
    return np.where(z > 0, z, alpha * (np.exp(np.minimum(z, 0)) - 1))


def d_elu(a):
    """Derivative of elu expressed through its output."""
    return np.where(a > 0, 1.0, a + 1.0)


def evaluate(params, x, t):
    n_layers = len(params)
    acts = [x]
    for i in range(1, n_layers + 1):
        z = acts[-1] @ params[f"W{i}"]
        acts.append(elu(z) if i < n_layers else z)
    residual = acts[-1] - t
    loss = 0.5 * np.sum(residual ** 2) / len(x)
    grads = {}
    delta = residual / len(x)
    for i in range(n_layers, 0, -1):
        grads[f"W{i}"] = acts[i - 1].T @ delta
        if i > 1:
            delta = delta @ params[f"W{i}"].T * d_elu(acts[i - 1])
    return loss, grads


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"]
        h = np.where(z > 0, z, 0.5 * np.expm1(np.minimum(z, 0.0)))
        z = h @ p["W2"]
        h = np.where(z > 0, z, 0.5 * np.expm1(np.minimum(z, 0.0)))
        z = h @ p["W3"]
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

    rng = np.random.default_rng(121)
    for *widths, n in [(3, 5, 6, 1, 5), (4, 3, 3, 4, 9), (2, 6, 4, 4, 8)]:
        p = {}
        for i, (a, b) in enumerate(zip(widths, widths[1:]), 1):
            p["W%d" % i] = rng.normal(size=(a, b)) * 0.8
        x = rng.normal(size=(n, widths[0]))
        t = rng.normal(size=(n, widths[-1]))
        loss, grads = evaluate(p, x, t)
        want = dict(right_grads(p, x, t), loss=right_loss(p, x, t))
        error = worst(dict(grads, loss=loss), want)
        assert error > 1e-4, error
        print(widths, n, "worst relative difference", error)
