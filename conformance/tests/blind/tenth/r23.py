# backprop from scratch with plain python lists (numpy only at the door)
from math import exp, log
import numpy as np

NETWORK = {"inputs": 3,
           "layers": [{"units": 4, "activation": "leaky_relu", "slope": 0.1},
                      {"units": 2, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y))/N",
           "bias": True, "l2": None, "optimizer": None}


def zeros(rows, cols):
    return [[0.0] * cols] * rows


def affine(v, W, b):
    return [b[k] + sum(v[j] * W[j][k] for j in range(len(v))) for k in range(len(b))]


def softmax(z):
    top = max(z)
    e = [exp(v - top) for v in z]
    s = sum(e)
    return [v / s for v in e]


def evaluate(params, x, t):
    W1, b1, W2, b2 = [params[k].tolist() for k in ("W1", "b1", "W2", "b2")]
    X, T = x.tolist(), t.tolist()
    n, d, h, c = len(X), len(W1), len(b1), len(b2)
    dW1, db1 = zeros(d, h), [0.0] * h
    dW2, db2 = zeros(h, c), [0.0] * c
    loss = 0.0
    for v, goal in zip(X, T):
        z = affine(v, W1, b1)
        a = [u if u > 0 else 0.1 * u for u in z]
        y = softmax(affine(a, W2, b2))
        loss -= sum(g * log(p) for g, p in zip(goal, y) if g) / n
        dy = [(p - g) / n for p, g in zip(y, goal)]
        dz = [sum(dy[k] * W2[j][k] for k in range(c)) * (1.0 if z[j] > 0 else 0.1)
              for j in range(h)]
        for j in range(h):
            for k in range(c):
                dW2[j][k] += a[j] * dy[k]
        for i in range(d):
            for j in range(h):
                dW1[i][j] += v[i] * dz[j]
        db1 = [g + s for g, s in zip(db1, dz)]
        db2 = [g + s for g, s in zip(db2, dy)]
    grads = {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}
    return loss, {k: np.array(g) for k, g in grads.items()}


if __name__ == "__main__":
    # (number of samples, scale of the parameters) -> names that differ from the reference
    EXPECTED = {(5, 1.0): {'W1', 'W2'}, (1, 1.0): {'W1', 'W2'}}

    def ref_loss(p, x, t):
        y, N, C = x, len(x), t.shape[1]
        for i, spec in enumerate(NETWORK["layers"], 1):
            z = y @ p["W%d" % i] + p["b%d" % i]
            if spec["activation"] == "leaky_relu":
                y = np.where(z > 0, z, spec.get('slope', 0) * z)
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
