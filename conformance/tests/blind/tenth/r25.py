# gradients live in preallocated arrays, filled from the last layer to the first
import numpy as np

NETWORK = dict(
    inputs=3,
    layers=[dict(units=4, activation="relu"), dict(units=3, activation="tanh"),
            dict(units=2, activation="sigmoid")],
    loss="squared_error", loss_formula="sum((y-t)**2)/(2*N)",
    bias=True, l2=None, optimizer=None,
)

F = {"relu": lambda z: z * (z > 0), "tanh": np.tanh, "sigmoid": lambda z: 1 / (1 + np.exp(-z))}
DF = {"relu": lambda a: (a > 0).astype(float), "tanh": lambda a: 1 - a ** 2,
      "sigmoid": lambda a: a * (1 - a)}


def evaluate(params, x, t):
    kinds = [spec["activation"] for spec in NETWORK["layers"]]
    a = [x]
    for l, kind in enumerate(kinds):
        a.append(F[kind](a[l] @ params[f"W{l + 1}"] + params[f"b{l + 1}"]))

    grads = {name: np.empty_like(p) for name, p in params.items()}
    err = (a[-1] - t) / x.shape[0]
    for l in range(len(kinds), 0, -1):
        err = err * DF[kinds[l - 1]](a[l])
        np.dot(a[l - 1].T, err, out=grads[f"W{l}"])
        grads[f"b{l}"][:] = np.squeeze(err).sum(axis=0)
        err = err @ params[f"W{l}"].T

    loss = ((a[-1] - t) ** 2).sum() / 2 / x.shape[0]
    return loss, grads


if __name__ == "__main__":
    # (number of samples, scale of the parameters) -> names that differ from the reference
    EXPECTED = {(5, 1.0): set(), (1, 1.0): {'b1', 'b2', 'b3'}}

    def ref_loss(p, x, t):
        y, N, C = x, len(x), t.shape[1]
        for i, spec in enumerate(NETWORK["layers"], 1):
            z = y @ p["W%d" % i] + p["b%d" % i]
            if spec["activation"] == "relu":
                y = np.where(z > 0, z, 0.0)
            elif spec["activation"] == "tanh":
                y = np.tanh(z)
            elif spec["activation"] == "sigmoid":
                y = 1 / (1 + np.exp(-z))
        value = np.sum((y-t)**2)/(2*N)
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
