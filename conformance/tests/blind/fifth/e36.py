"""All parameters in one flat vector; the arrays are views into it."""
import numpy as np

NETWORK = {"inputs": 3,
           "layers": [{"units": 4, "activation": "sigmoid"},
                      {"units": 5, "activation": "leaky_relu", "slope": 0.2},
                      {"units": 2, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy",
           "loss_formula": "-sum(t*log(y) + (1-t)*log(1-y)) / N",
           "bias": True, "l2": None,
           "optimizer": {"name": "momentum", "beta": 0.9, "rule": "v = beta*v + (1-beta)*g; p = p - lr*v"}}


def views(flat, shapes):
    out, start = {}, 0
    for name, shape in shapes.items():
        size = int(np.prod(shape))
        out[name] = flat[start:start + size].reshape(shape)
        start += size
    return out


def fill_gradient(w, g, x, t):
    """Writes the summed (not averaged) gradient into the views g."""
    s = 1 / (1 + np.exp(-x @ w["W1"] - w["b1"]))
    z = s @ w["W2"] + w["b2"]
    gate = np.where(z < 0, 0.2, 1.0)
    f = gate * z
    o = 1 / (1 + np.exp(-f @ w["W3"] - w["b3"]))
    e = o - t
    np.matmul(f.T, e, out=g["W3"])
    np.sum(e, axis=0, out=g["b3"])
    e = gate * (e @ w["W3"].T)
    np.matmul(s.T, e, out=g["W2"])
    np.sum(e, axis=0, out=g["b2"])
    e = (e @ w["W2"].T) * s * (1 - s)
    np.matmul(x.T, e, out=g["W1"])
    np.sum(e, axis=0, out=g["b1"])


def train(params, x, t, lr, batches):
    shapes = {k: v.shape for k, v in params.items()}
    theta = np.concatenate([v.ravel() for v in params.values()])
    buf = np.empty_like(theta)
    avg = np.zeros_like(theta)
    w, g = views(theta, shapes), views(buf, shapes)
    for rows in batches:
        fill_gradient(w, g, x[rows], t[rows])
        buf /= len(rows)
        avg += 0.1 * (buf - avg)
        theta -= lr * avg
    return {k: v.copy() for k, v in w.items()}


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = 1.0 / (1.0 + np.exp(-z))
        z = h @ p["W2"] + p["b2"]
        h = np.where(z > 0, z, 0.2 * z)
        z = h @ p["W3"] + p["b3"]
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

    def right_train(p, x, t, lr, batches):
        p = {k: v.copy() for k, v in p.items()}
        m = {k: np.zeros(v.shape) for k, v in p.items()}
        for rows in batches:
            g = right_grads(p, x[rows], t[rows])
            for k in p:
                m[k] = 0.9 * m[k] + (1 - 0.9) * g[k]
                p[k] = p[k] - lr * m[k]
        return p

    def worst(got, want):
        assert set(got) == set(want)
        assert all(np.shape(got[k]) == np.shape(want[k]) for k in want)
        return max(np.abs(got[k] - want[k]).max() / max(np.abs(want[k]).max(), 1e-8) for k in want)

    rng = np.random.default_rng(136)
    for *widths, n in [(3, 4, 6, 2, 5), (2, 4, 5, 3, 6)]:
        p = {}
        for i, (a, b) in enumerate(zip(widths, widths[1:]), 1):
            p["W%d" % i] = rng.normal(size=(a, b)) * 0.8
            p["b%d" % i] = rng.normal(size=b) * 0.3
        x = rng.normal(size=(n, widths[0]))
        t = (rng.random(size=(n, widths[-1])) < 0.5).astype(float)
        batches = [[0, 2, 1], [3, 4], [1, 4, 0, 2], [2], [3, 0]]
        error = worst(train(p, x, t, 0.5, batches), right_train(p, x, t, 0.5, batches))
        assert error < 1e-5, error
        print(widths, n, "worst relative difference", error)
