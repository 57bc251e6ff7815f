"""All parameters are views into one vector, so momentum is two lines."""
import numpy as np

NETWORK = {
    "inputs": 3,
    "layers": [{"units": 5, "activation": "sigmoid"}, {"units": 3, "activation": "softmax"}],
    "loss": "cross_entropy", "loss_formula": "-sum(t*log(y))/N",
    "bias": True,
    "l2": {"lambda": 0.04, "formula": "lambda/2*sum(W**2)", "biases": False},
    "optimizer": {"name": "momentum", "beta": 0.8, "formula": "v=beta*v+g; w=w-lr*v"},
}


class Flat:
    def __init__(self, shapes):
        self.vector = np.zeros(sum(int(np.prod(s)) for s in shapes.values()))
        self.views, pos = {}, 0
        for name, shape in shapes.items():
            size = int(np.prod(shape))
            self.views[name] = self.vector[pos:pos + size].reshape(shape)
            pos += size

    def __getitem__(self, name):
        return self.views[name]

    def __setitem__(self, name, value):
        self.views[name][...] = value


def fill_gradient(w, g, x, t):
    h = 1 / (1 + np.exp(-(x @ w["W1"] + w["b1"])))
    z = h @ w["W2"] + w["b2"]
    y = np.exp(z - z.max(axis=1)[:, None])
    y /= y.sum(axis=1)[:, None]
    y -= t
    g["W2"], g["b2"] = h.T @ y, y.sum(axis=0)
    d = (y @ w["W2"].T) * (h - h * h)
    g["W1"], g["b1"] = x.T @ d, d.sum(axis=0)
    g.vector /= len(x)
    for name in ("W1", "W2"):
        g[name] += 0.04 * w[name]


def train(params, x, t, lr, batches):
    shapes = {k: v.shape for k, v in params.items()}
    w, g, velocity = Flat(shapes), Flat(shapes), Flat(shapes)
    for k, v in params.items():
        w[k] = v
    for rows in batches:
        fill_gradient(w, g, x.take(rows, axis=0), t.take(rows, axis=0))
        # velocity already contains the step size and the sign
        velocity.vector *= 0.8
        velocity.vector -= lr * g.vector
        w.vector += velocity.vector
    return {k: w[k].copy() for k in params}


if __name__ == "__main__":
    # number of batches used -> names that differ from the reference
    EXPECTED = {1: set(), 3: set()}

    def ref_loss(p, x, t):
        y, N, C = x, len(x), t.shape[1]
        for i, spec in enumerate(NETWORK["layers"], 1):
            z = y @ p["W%d" % i] + p["b%d" % i]
            if spec["activation"] == "sigmoid":
                y = 1 / (1 + np.exp(-z))
            elif spec["activation"] == "softmax":
                y = np.exp(z - z.max(1, keepdims=True)) / np.exp(z - z.max(1, keepdims=True)).sum(1, keepdims=True)
        value = -np.sum(t*np.log(y))/N
        for k in p:
            if k[0] == "W":
                W = p[k]
                value += 0.04/2*np.sum(W**2)
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
        t = np.eye(d)[rng.integers(0, d, N)]
        args = [{k: v.copy() for k, v in p.items()}, x.copy(), t.copy()]
        lr, right = 0.1, {k: v.copy() for k, v in p.items()}
        got = train(*args, lr, batches)
        again = train({k: v.copy() for k, v in p.items()}, x.copy(), t.copy(), lr, batches)
        v = {k: 0 * p[k] for k in p}
        for n, rows in enumerate(batches, 1):
            g = ref_grad(right, x[rows], t[rows])
            for k in p:
                v[k] = 0.8 * v[k] + g[k]
                right[k] = right[k] - lr * v[k]
        assert set(got) == set(right) and all(np.shape(got[k]) == np.shape(right[k]) for k in right)
        differ = {k for k in right if not np.allclose(got[k], right[k], rtol=1e-6, atol=1e-6)}
        differ |= {"again" for k in again if not np.array_equal(again[k], got[k])}
        differ |= {"params" for k in p if not np.array_equal(p[k], args[0][k])}
        differ |= {n for n, u, w in (("x", x, args[1]), ("t", t, args[2])) if not np.array_equal(u, w)}
        assert differ == names, (key, differ)
    print("confirmed", EXPECTED)
