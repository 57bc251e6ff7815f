"""RMSProp as a closure; forward and backward pass a cache dict around."""
import numpy as np

NETWORK = {
    "inputs": 3,
    "layers": [{"units": 4, "activation": "elu", "alpha": 1.0}, {"units": 4, "activation": "tanh"},
               {"units": 2, "activation": "linear"}],
    "loss": "squared_error", "loss_formula": "sum((y-t)**2)/(2*N)",
    "bias": True, "l2": None,
    "optimizer": {"name": "rmsprop", "rho": 0.9, "eps": 1e-4,
                  "formula": "s=rho*s+(1-rho)*g**2; w=w-lr*g/(sqrt(s)+eps)"},
}


def make_rmsprop(rho=0.9, eps=1e-4):
    square_avg = {}

    def apply(weights, grads, lr):
        updated = {}
        for name, g in grads.items():
            s = square_avg.get(name, 0.0)
            s = rho * s + (1 - rho) * np.square(g)
            square_avg[name] = s
            updated[name] = weights[name] - lr * g / np.sqrt(s + eps)
        return updated

    return apply


def forward(w, x):
    cache = {"A0": x}
    cache["Z1"] = x @ w["W1"] + w["b1"]
    cache["A1"] = np.where(cache["Z1"] > 0, cache["Z1"], np.expm1(np.minimum(cache["Z1"], 0)))
    cache["Z2"] = cache["A1"] @ w["W2"] + w["b2"]
    cache["A2"] = np.tanh(cache["Z2"])
    cache["Z3"] = cache["A2"] @ w["W3"] + w["b3"]
    return cache


def backward(w, cache, t):
    dZ = (cache["Z3"] - t) / t.shape[0]
    grads = {}
    for l in (3, 2, 1):
        A = cache["A%d" % (l - 1)]
        grads["W%d" % l] = A.T @ dZ
        grads["b%d" % l] = np.sum(dZ, axis=0)
        dA = dZ @ w["W%d" % l].T
        if l == 3:
            dZ = dA * (1 - A ** 2)
        elif l == 2:
            dZ = dA * np.exp(np.minimum(cache["Z1"], 0))
    return grads


def train(params, x, t, lr, batches):
    weights = params
    rmsprop = make_rmsprop()
    for batch in batches:
        xb, tb = x[batch], t[batch]
        cache = forward(weights, xb)
        weights = rmsprop(weights, backward(weights, cache, tb), lr)
    return weights


if __name__ == "__main__":
    # number of batches used -> names that differ from the reference
    EXPECTED = {1: {'W1', 'W2', 'W3', 'b1', 'b2', 'b3'}, 3: {'W1', 'W2', 'W3', 'b1', 'b2', 'b3'}}

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
        v = {k: 0 * p[k] for k in p}
        for n, rows in enumerate(batches, 1):
            g = ref_grad(right, x[rows], t[rows])
            for k in p:
                v[k] = 0.9 * v[k] + (1 - 0.9) * g[k] ** 2
                right[k] = right[k] - lr * g[k] / (np.sqrt(v[k]) + 0.0001)
        assert set(got) == set(right) and all(np.shape(got[k]) == np.shape(right[k]) for k in right)
        differ = {k for k in right if not np.allclose(got[k], right[k], rtol=1e-6, atol=1e-6)}
        differ |= {"again" for k in again if not np.array_equal(again[k], got[k])}
        differ |= {"params" for k in p if not np.array_equal(p[k], args[0][k])}
        differ |= {n for n, u, w in (("x", x, args[1]), ("t", t, args[2])) if not np.array_equal(u, w)}
        assert differ == names, (key, differ)
    print("confirmed", EXPECTED)
