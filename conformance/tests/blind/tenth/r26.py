"""Backprop with closures: each layer leaves its own undo function on a list."""
import numpy as np

NETWORK = {
    "inputs": 3,
    "layers": [
        {"units": 5, "activation": "sigmoid"},
        {"units": 5, "activation": "sigmoid"},
        {"units": 2, "activation": "linear"},
    ],
    "loss": "squared_error", "loss_formula": "sum((y-t)**2)/(2*N)",
    "bias": True, "l2": None, "optimizer": None,
}


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


def evaluate(params, x, t):
    grads, undo = {}, []
    depth = len(params) // 2
    h = x
    for i in range(1, depth):
        z = h @ params[f"W{i}"] + params[f"b{i}"]

        def back(g, i=i, h=h):
            g = g * sigmoid(z) * (1 - sigmoid(z))
            grads[f"W{i}"] = h.T @ g
            grads[f"b{i}"] = g.sum(0)
            return g @ params[f"W{i}"].T

        undo.append(back)
        h = sigmoid(z)

    y = h @ params[f"W{depth}"] + params[f"b{depth}"]

    def back_output(g):
        grads[f"W{depth}"] = h.T @ g
        grads[f"b{depth}"] = g.sum(0)
        return g @ params[f"W{depth}"].T

    undo.append(back_output)

    loss = ((y - t) ** 2).sum() / (2 * len(x))
    g = (y - t) / len(x)
    while undo:
        g = undo.pop()(g)
    return loss, grads


if __name__ == "__main__":
    # (number of samples, scale of the parameters) -> names that differ from the reference
    EXPECTED = {(6, 1.0): {'W1', 'b1'}, (1, 1.0): {'W1', 'b1'}}

    def ref_loss(p, x, t):
        y, N, C = x, len(x), t.shape[1]
        for i, spec in enumerate(NETWORK["layers"], 1):
            z = y @ p["W%d" % i] + p["b%d" % i]
            if spec["activation"] == "sigmoid":
                y = 1 / (1 + np.exp(-z))
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
