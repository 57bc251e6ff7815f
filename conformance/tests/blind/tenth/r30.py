"""Old-school notation: error = target - output, minus signs until the very end."""
import numpy as np

NETWORK = {
    "inputs": 3,
    "layers": [{"units": 5, "activation": "sigmoid"}, {"units": 4, "activation": "softplus"},
               {"units": 3, "activation": "softmax"}],
    "loss": "cross_entropy", "loss_formula": "-sum(t*log(y))/N",
    "bias": True, "l2": None, "optimizer": None,
}


def logistic(z):
    return np.exp(-np.logaddexp(0, -z))


def with_one(a):
    return np.concatenate([a, np.ones((a.shape[0], 1))], axis=1)


def evaluate(params, x, t):
    M1, M2, M3 = (np.vstack([params["W%d" % i], params["b%d" % i]]) for i in (1, 2, 3))

    x1 = with_one(x)
    z1 = x1 @ M1
    h1 = with_one(logistic(z1))
    z2 = h1 @ M2
    h2 = with_one(np.logaddexp(0, z2))
    z3 = h2 @ M3

    log_norm = np.logaddexp.reduce(z3, axis=1, keepdims=True)
    loss = np.mean(log_norm) - np.mean(np.sum(t * z3, axis=1))

    e3 = t - np.exp(z3 - log_norm)
    # derivative of softplus: 1 - exp(-softplus)
    e2 = (e3 @ M3[:-1].T) * (1 - np.exp(-h2[:, :-1]))
    # s'(z) = s(z) * s(-z)
    e1 = (e2 @ M2[:-1].T) * logistic(z1) * logistic(-z1)

    N = -float(x.shape[0])
    G1, G2, G3 = x1.T @ e1 / N, h1.T @ e2 / N, h2.T @ e3 / N
    out = {}
    for i, G in enumerate((G1, G2, G3), 1):
        out["W%d" % i] = G[:-1]
        out["b%d" % i] = G[-1]
    return loss, out


if __name__ == "__main__":
    # (number of samples, scale of the parameters) -> names that differ from the reference
    EXPECTED = {(6, 1.0): set(), (1, 1.0): set()}

    def ref_loss(p, x, t):
        y, N, C = x, len(x), t.shape[1]
        for i, spec in enumerate(NETWORK["layers"], 1):
            z = y @ p["W%d" % i] + p["b%d" % i]
            if spec["activation"] == "sigmoid":
                y = 1 / (1 + np.exp(-z))
            elif spec["activation"] == "softplus":
                y = np.logaddexp(0, z)
            elif spec["activation"] == "softmax":
                y = np.exp(z - z.max(1, keepdims=True)) / np.exp(z - z.max(1, keepdims=True)).sum(1, keepdims=True)
        value = -np.sum(t*np.log(y))/N
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
        t = np.eye(d)[rng.integers(0, d, N)]
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
