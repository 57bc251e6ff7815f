"""Big batches do not fit in my memory: work through them in chunks, last rows first."""
import numpy as np

NETWORK = {
    "inputs": 4,
    "layers": [{"units": 5, "activation": "elu", "alpha": 0.7}, {"units": 4, "activation": "tanh"},
               {"units": 1, "activation": "linear"}],
    "loss": "squared_error", "loss_formula": "sum((y-t)**2)/(N*C)",
    "bias": True, "l2": None, "optimizer": None,
}
CHUNK = 2


def chunks(n):
    end = n
    while end > 0:
        start = max(0, end - CHUNK)
        yield slice(start, end)
        end = start


def evaluate(params, x, t):
    W1, b1, W2, b2, W3, b3 = (params[k] for k in ("W1", "b1", "W2", "b2", "W3", "b3"))
    grads = {k: np.zeros(v.shape) for k, v in params.items()}
    squares = 0.0
    for rows in chunks(len(x)):
        xc = x[rows]
        a = xc @ W1
        a += b1
        low = a < 0
        a[low] = 0.7 * (np.exp(a[low]) - 1)
        z = a @ W2 + b2
        y = np.tanh(z) @ W3 + b3

        y -= t[rows]
        squares += np.vdot(y, y)
        y *= 2
        grads["W3"] += np.tanh(z).T @ y
        grads["b3"] += y.sum(0)
        d = y @ W3.T
        d /= np.cosh(z) ** 2
        grads["W2"] += a.T @ d
        grads["b2"] += d.sum(0)
        d = d @ W2.T
        a += 0.7                      # from here on `a` holds the slope below zero
        d[low] *= a[low]
        grads["W1"] += xc.T @ d
        grads["b1"] += d.sum(0)
    for g in grads.values():
        g /= t.size
    return squares / t.size, grads


if __name__ == "__main__":
    # (number of samples, scale of the parameters) -> names that differ from the reference
    EXPECTED = {(7, 1.0): set(), (1, 1.0): set(), (4, 0.5): set()}

    def ref_loss(p, x, t):
        y, N, C = x, len(x), t.shape[1]
        for i, spec in enumerate(NETWORK["layers"], 1):
            z = y @ p["W%d" % i] + p["b%d" % i]
            if spec["activation"] == "elu":
                y = np.where(z > 0, z, spec.get('alpha', 0) * np.expm1(np.minimum(z, 0)))
            elif spec["activation"] == "tanh":
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
        N, scale = key
        rng = np.random.default_rng(3)
        p, d = {}, NETWORK["inputs"]
        for i, spec in enumerate(NETWORK["layers"], 1):
            p["W%d" % i] = scale * rng.normal(size=(d, spec["units"]))
            p["b%d" % i] = scale * rng.normal(size=spec["units"])
            d = spec["units"]
        x = rng.normal(size=(N, NETWORK["inputs"]))
        t = rng.normal(size=(N, d))
        args = [{k: v.copy() for k, v in p.items()}, x.copy(), t.copy()]
        loss, got = evaluate(*args)
        again = evaluate({k: v.copy() for k, v in p.items()}, x.copy(), t.copy())[1]
        right = ref_grad(p, x, t)
        got, right = dict(got, loss=loss), dict(right, loss=ref_loss(p, x, t))
        assert set(got) == set(right) and all(np.shape(got[k]) == np.shape(right[k]) for k in right)
        differ = {k for k in right if not np.allclose(got[k], right[k], rtol=1e-6, atol=1e-6)}
        differ |= {"again" for k in again if not np.array_equal(again[k], got[k])}
        differ |= {"params" for k in p if not np.array_equal(p[k], args[0][k])}
        differ |= {n for n, u, w in (("x", x, args[1]), ("t", t, args[2])) if not np.array_equal(u, w)}
        assert differ == names, (key, differ)
    print("confirmed", EXPECTED)
