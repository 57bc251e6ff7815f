"""Backprop with honest Jacobians: one (outputs x inputs) matrix per layer and sample."""
import numpy as np

NETWORK = {
    "inputs": 3,
    "layers": [{"units": 4, "activation": "softmax"}, {"units": 3, "activation": "softmax"}],
    "loss": "cross_entropy", "loss_formula": "-sum(t*log(y))/(N*C)",
    "bias": True, "l2": None, "optimizer": None,
}


def softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum()


def softmax_jacobian(y):
    return np.diag(y) - np.outer(y, y)


def weight_jacobian(a, units):
    """d z_k / d W_ij, arranged as (units, inputs, units)."""
    J = np.zeros((units, a.size, units))
    for k in range(units):
        J[k, :, k] = a
    return J


def evaluate(params, x, t):
    W1, b1, W2, b2 = (params[k] for k in ("W1", "b1", "W2", "b2"))
    sums = {k: np.zeros_like(v) for k, v in params.items()}
    losses = []
    for a0, goal in zip(x, t):
        a1 = softmax(a0 @ W1 + b1)
        a2 = softmax(a1 @ W2 + b2)
        losses.append(-np.log(a2[goal.argmax()]))

        row = -goal / a2                                # dL/da2
        row = row @ softmax_jacobian(a2)                # dL/dz2
        sums["b2"] += row
        sums["W2"] += np.tensordot(row, weight_jacobian(a1, b2.size), axes=1)
        row = row @ W2.T                                # dL/da1
        row = row @ softmax_jacobian(a1)                # dL/dz1
        sums["b1"] += row
        sums["W1"] += np.tensordot(row, weight_jacobian(a0, b1.size), axes=1)
    scale = 1.0 / t.size
    return scale * sum(losses), {k: scale * s for k, s in sums.items()}


if __name__ == "__main__":
    # (number of samples, scale of the parameters) -> names that differ from the reference
    EXPECTED = {(5, 1.0): set(), (1, 1.0): set()}

    def ref_loss(p, x, t):
        y, N, C = x, len(x), t.shape[1]
        for i, spec in enumerate(NETWORK["layers"], 1):
            z = y @ p["W%d" % i] + p["b%d" % i]
            y = np.exp(z - z.max(1, keepdims=True)) / np.exp(z - z.max(1, keepdims=True)).sum(1, keepdims=True)
        value = -np.sum(t*np.log(y))/(N*C)
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
