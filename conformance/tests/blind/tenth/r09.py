"""Adam with both bias corrections folded into the step size."""
import numpy as np

NETWORK = {
    "inputs": 3,
    "layers": [{"units": 4, "activation": "tanh"}, {"units": 2, "activation": "linear"}],
    "loss": "squared_error", "loss_formula": "sum((y-t)**2)/(N*C)",
    "bias": True, "l2": None,
    "optimizer": {"name": "adam", "beta1": 0.9, "beta2": 0.99, "eps": 1e-6,
                  "formula": "m=beta1*m+(1-beta1)*g; v=beta2*v+(1-beta2)*g**2; "
                             "w=w-lr*(m/(1-beta1**t))/(sqrt(v/(1-beta2**t))+eps)"},
}


def gradient(p, x, t):
    h = np.tanh(x @ p["W1"] + p["b1"])
    d2 = (h @ p["W2"] + p["b2"] - t) * (2.0 / t.size)
    d1 = (1 + h) * (1 - h) * (d2 @ p["W2"].T)
    ones = np.ones(len(x))
    return {"W1": x.T @ d1, "b1": ones @ d1, "W2": h.T @ d2, "b2": ones @ d2}


def adam(p, gradients, lr):
    """Consumes a function of p for each batch."""
    m = {k: np.zeros_like(v) for k, v in p.items()}
    v = {k: np.zeros_like(w) for k, w in p.items()}
    decay1 = decay2 = 1.0
    for gradient_at in gradients:
        g = gradient_at(p)
        decay1 *= 0.9
        decay2 *= 0.99
        root = (1 - decay2) ** 0.5
        rate = lr * root / (1 - decay1)
        for k in p:
            m[k] += (1 - 0.9) * (g[k] - m[k])
            v[k] += (1 - 0.99) * (g[k] ** 2 - v[k])
            p[k] = p[k] - rate * m[k] / (np.sqrt(v[k]) + 1e-6 * root)
    return p


def train(params, x, t, lr, batches):
    gradients = (lambda p, rows=rows: gradient(p, x[rows], t[rows]) for rows in batches)
    return adam(dict(params), gradients, lr)


if __name__ == "__main__":
    # number of batches used -> names that differ from the reference
    EXPECTED = {1: set(), 3: set()}

    def ref_loss(p, x, t):
        y, N, C = x, len(x), t.shape[1]
        for i, spec in enumerate(NETWORK["layers"], 1):
            z = y @ p["W%d" % i] + p["b%d" % i]
            if spec["activation"] == "tanh":
                y = np.tanh(z)
            elif spec["activation"] == "linear":
                y = z
        value = np.sum((y-t)**2)/(N*C)
        return value

    def ref_grad(p, x, t, h=1e-5):
        g = {k: np.zeros_like(v) for k, v in p.items()}
        for k in p:
            for i in np.ndindex(p[k].shape):
                hi = {n: v.copy() for n, v in p.items()}
                lo = {n: v.copy() for n, v in p.items()}
                hi[k][i] += h
                lo[k][i] -= h
                g[k][i] = (ref_loss(hi, x, t) - ref_loss(lo, x, t)) / (2 * h)
        return g

    for key, names in EXPECTED.items():
        N, scale = 7, 0.8
        batches = [[4, 1, 3], [0, 6, 2], [5, 1]][:key]
        rng = np.random.default_rng(3)
        p, d = {}, NETWORK["inputs"]
        for i, spec in enumerate(NETWORK["layers"], 1):
            p["W%d" % i] = scale * rng.normal(size=(d, spec["units"]))
            p["b%d" % i] = scale * rng.normal(size=spec["units"])
            d = spec["units"]
        x = rng.normal(size=(N, NETWORK["inputs"]))
        t = rng.normal(size=(N, d))
        args = [{k: v.copy() for k, v in p.items()}, x.copy(), t.copy()]
        lr, right = 0.1, {k: v.copy() for k, v in p.items()}
        got = train(*args, lr, batches)
        again = train({k: v.copy() for k, v in p.items()}, x.copy(), t.copy(), lr, batches)
        m, v = {k: 0 * p[k] for k in p}, {k: 0 * p[k] for k in p}
        for n, rows in enumerate(batches, 1):
            g = ref_grad(right, x[rows], t[rows])
            for k in p:
                m[k] = 0.9 * m[k] + (1 - 0.9) * g[k]
                v[k] = 0.99 * v[k] + (1 - 0.99) * g[k] ** 2
                right[k] = right[k] - lr * (m[k] / (1 - 0.9 ** n)) / (np.sqrt(v[k] / (1 - 0.99 ** n)) + 1e-06)
        assert set(got) == set(right) and all(np.shape(got[k]) == np.shape(right[k]) for k in right)
        differ = {k for k in right if not np.allclose(got[k], right[k], rtol=1e-6, atol=1e-6)}
        differ |= {"again" for k in again if not np.array_equal(again[k], got[k])}
        differ |= {"params" for k in p if not np.array_equal(p[k], args[0][k])}
        differ |= {n for n, u, w in (("x", x, args[1]), ("t", t, args[2])) if not np.array_equal(u, w)}
        assert differ == names, (key, differ)
    print("confirmed", EXPECTED)
