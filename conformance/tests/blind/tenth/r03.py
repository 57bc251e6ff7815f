# flattened theta + adam, no classes
import numpy as np

NETWORK = {
    "inputs": 2,
    "layers": [{"units": 5, "activation": "sigmoid"}, {"units": 1, "activation": "sigmoid"}],
    "loss": "binary_cross_entropy",
    "loss_formula": "-sum(t*log(y)+(1-t)*log(1-y))/N",
    "bias": True, "l2": None,
    "optimizer": {"name": "adam", "beta1": 0.8, "beta2": 0.95, "eps": 1e-8,
                  "formula": "m=beta1*m+(1-beta1)*g; v=beta2*v+(1-beta2)*g**2; "
                             "w=w-lr*(m/(1-beta1**t))/(sqrt(v/(1-beta2**t))+eps)"},
}
beta1, beta2, eps = 0.8, 0.95, 1e-8
ORDER = ("W1", "b1", "W2", "b2")


def roll(d):
    return np.concatenate([d[k].ravel() for k in ORDER])


def unroll(theta, like):
    cuts = np.cumsum([like[k].size for k in ORDER])[:-1]
    return {k: part.reshape(like[k].shape) for k, part in zip(ORDER, np.split(theta, cuts))}


def grad(theta, like, x, t):
    p = unroll(theta, like)
    h = 1 / (1 + np.exp(-(x @ p["W1"] + p["b1"])))
    y = 1 / (1 + np.exp(-(h @ p["W2"] + p["b2"])))
    d2 = (y - t) / len(x)
    d1 = d2 @ p["W2"].T * h * (1 - h)
    return roll({"W1": x.T @ d1, "b1": d1.sum(0), "W2": h.T @ d2, "b2": d2.sum(0)})


def train(params, x, t, lr, batches):
    theta = roll(params)
    m = np.zeros_like(theta)
    v = np.zeros_like(theta)
    for it, idx in enumerate(batches, start=1):
        g = grad(theta, params, x[idx], t[idx])
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        mhat = m / (1 - beta1 ** it)
        vhat = v / (1 - beta1 ** it)
        theta = theta - lr * mhat / (np.sqrt(vhat) + eps)
    return unroll(theta, params)


if __name__ == "__main__":
    # number of batches used -> names that differ from the reference
    EXPECTED = {1: {'W1', 'W2', 'b1', 'b2'}, 3: {'W1', 'W2', 'b1', 'b2'}}

    def ref_loss(p, x, t):
        y, N, C = x, len(x), t.shape[1]
        for i, spec in enumerate(NETWORK["layers"], 1):
            z = y @ p["W%d" % i] + p["b%d" % i]
            y = 1 / (1 + np.exp(-z))
        value = -np.sum(t*np.log(y)+(1-t)*np.log(1-y))/N
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
        t = rng.integers(0, 2, (N, d)).astype(float)
        args = [{k: v.copy() for k, v in p.items()}, x.copy(), t.copy()]
        lr, right = 0.1, {k: v.copy() for k, v in p.items()}
        got = train(*args, lr, batches)
        again = train({k: v.copy() for k, v in p.items()}, x.copy(), t.copy(), lr, batches)
        m, v = {k: 0 * p[k] for k in p}, {k: 0 * p[k] for k in p}
        for n, rows in enumerate(batches, 1):
            g = ref_grad(right, x[rows], t[rows])
            for k in p:
                m[k] = 0.8 * m[k] + (1 - 0.8) * g[k]
                v[k] = 0.95 * v[k] + (1 - 0.95) * g[k] ** 2
                right[k] = right[k] - lr * (m[k] / (1 - 0.8 ** n)) / (np.sqrt(v[k] / (1 - 0.95 ** n)) + 1e-08)
        assert set(got) == set(right) and all(np.shape(got[k]) == np.shape(right[k]) for k in right)
        differ = {k for k in right if not np.allclose(got[k], right[k], rtol=1e-6, atol=1e-6)}
        differ |= {"again" for k in again if not np.array_equal(again[k], got[k])}
        differ |= {"params" for k in p if not np.array_equal(p[k], args[0][k])}
        differ |= {n for n, u, w in (("x", x, args[1]), ("t", t, args[2])) if not np.array_equal(u, w)}
        assert differ == names, (key, differ)
    print("confirmed", EXPECTED)
