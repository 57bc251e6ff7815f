"""Backpropagation as generators: each layer yields its output, then is sent its gradient."""
import numpy as np

NETWORK = {
    "inputs": 3,
    "layers": [
        {"units": 6, "activation": "relu"},
        {"units": 4, "activation": "relu"},
        {"units": 2, "activation": "linear"},
    ],
    "loss": "squared_error", "loss_formula": "sum((y-t)**2)/(N*C)",
    "bias": True, "l2": None, "optimizer": None,
}


def layer(a, W, b, rectify, store, i):
    out = a @ W + b
    if rectify:
        out = np.maximum(out, 0)
    g = yield out
    if rectify:
        g = g * (out >= 0)
    store["W%d" % i] = a.T @ g
    store["b%d" % i] = g.sum(axis=0)
    yield g @ W.T


def network(params, x, store):
    depth = sum(k.startswith("W") for k in params)
    running, a = [], x
    for i in range(1, depth + 1):
        gen = layer(a, params["W%d" % i], params["b%d" % i], i < depth, store, i)
        a = next(gen)
        running.append(gen)
    g = yield a
    for gen in reversed(running):
        g = gen.send(g)
    yield g


def evaluate(params, x, t):
    grads = {}
    net = network(params, x, grads)
    y = next(net)
    loss = np.mean((y - t) ** 2)
    net.send(2 * (y - t) / t.size)
    return loss, {k: grads[k] for k in params}


if __name__ == "__main__":
    # (number of samples, scale of the parameters) -> names that differ from the reference
    EXPECTED = {(6, 1.0): {'W1', 'W2', 'b1', 'b2'}}

    def ref_loss(p, x, t):
        y, N, C = x, len(x), t.shape[1]
        for i, spec in enumerate(NETWORK["layers"], 1):
            z = y @ p["W%d" % i] + p["b%d" % i]
            if spec["activation"] == "relu":
                y = np.where(z > 0, z, 0.0)
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
