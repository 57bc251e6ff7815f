"""Logistic network, one sample after the other."""
import numpy as np

NETWORK = {
    "inputs": 3,
    "layers": [{"units": 4, "activation": "sigmoid"}, {"units": 1, "activation": "sigmoid"}],
    "loss": "binary_cross_entropy",
    "loss_formula": "-sum(t*log(y)+(1-t)*log(1-y))/N",
    "bias": True, "l2": None, "optimizer": None,
}


def sigma(u):
    return 1.0 / (1.0 + np.exp(-u))


def one_sample(params, xi):
    h = sigma(xi @ params["W1"] + params["b1"])
    y = sigma(h @ params["W2"] + params["b2"])
    return h, y


def evaluate(params, x, t):
    N = x.shape[0]
    dW1 = np.zeros(params["W1"].shape)
    db1 = np.zeros(params["b1"].shape)
    dW2 = np.zeros(params["W2"].shape)
    db2 = np.zeros(params["b2"].shape)
    cost = 0.0
    for n in range(N):
        xi, ti = x[n], t[n]
        h, y = one_sample(params, xi)
        cost -= np.sum(ti * np.log(y))

        e2 = y - ti
        e1 = (params["W2"] @ e2) * h * (1 - h)

        dW2 += np.outer(h, e2)
        db2 += e2
        dW1 += np.outer(xi, e1)
        db1 = e1
    return cost / N, {"W1": dW1 / N, "b1": db1 / N, "W2": dW2 / N, "b2": db2 / N}


if __name__ == "__main__":
    # (number of samples, scale of the parameters) -> names that differ from the reference
    EXPECTED = {(6, 1.0): {'b1', 'loss'}}

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
        N, scale = key
        rng = np.random.default_rng(3)
        p, d = {}, NETWORK["inputs"]
        for i, spec in enumerate(NETWORK["layers"], 1):
            p["W%d" % i] = scale * rng.normal(size=(d, spec["units"]))
            p["b%d" % i] = scale * rng.normal(size=spec["units"])
            d = spec["units"]
        x = rng.normal(size=(N, NETWORK["inputs"]))
        t = rng.integers(0, 2, (N, d)).astype(float)
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
