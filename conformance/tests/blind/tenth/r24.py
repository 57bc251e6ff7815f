"""Regression with one hidden layer, everything in one function."""
import numpy as np

NETWORK = {
    "inputs": 3,
    "layers": [{"units": 5, "activation": "tanh"}, {"units": 2, "activation": "linear"}],
    "loss": "squared_error",
    "loss_formula": "sum((y-t)**2)/(2*N)",
    "bias": True,
    "l2": None,
    "optimizer": None,
}


def evaluate(params, x, t):
    W1 = params["W1"]
    b1 = params["b1"]
    W2 = params["W2"]
    b2 = params["b2"]
    n = x.shape[0]

    # forward
    hidden_in = np.dot(x, W1) + b1
    hidden_out = np.tanh(hidden_in)
    y = np.dot(hidden_out, W2) + b2

    # half mean squared error
    error = y - t
    loss = 0.5 * np.mean(error ** 2)

    # backward
    d_y = error / n
    d_W2 = np.dot(hidden_out.T, d_y)
    d_b2 = d_y.sum(axis=0)
    d_hidden_out = np.dot(d_y, W2.T)
    d_hidden_in = d_hidden_out * (1.0 - hidden_in ** 2)
    d_W1 = np.dot(x.T, d_hidden_in)
    d_b1 = d_hidden_in.sum(axis=0)

    return loss, {"W1": d_W1, "b1": d_b1, "W2": d_W2, "b2": d_b2}


if __name__ == "__main__":
    # (number of samples, scale of the parameters) -> names that differ from the reference
    EXPECTED = {(6, 1.0): {'W1', 'b1', 'loss'}, (1, 0.5): {'W1', 'b1', 'loss'}}

    def ref_loss(p, x, t):
        y, N, C = x, len(x), t.shape[1]
        for i, spec in enumerate(NETWORK["layers"], 1):
            z = y @ p["W%d" % i] + p["b%d" % i]
            if spec["activation"] == "tanh":
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
