"""Derivatives without backpropagation: a tiny imaginary step (no subtraction, no rounding)."""
import numpy as np

NETWORK = {
    "inputs": 2,
    "layers": [{"units": 4, "activation": "tanh"}, {"units": 3, "activation": "sigmoid"},
               {"units": 2, "activation": "linear"}],
    "loss": "squared_error", "loss_formula": "sum((y-t)**2)/(2*N)",
    "bias": True,
    "l2": {"lambda": 0.02, "formula": "lambda/2*sum(W**2)", "biases": False},
    "optimizer": None,
}

TINY = 1e-30


def objective(p, x, t):
    h = np.tanh(x @ p["W1"] + p["b1"])
    h = 0.5 + 0.5 * np.tanh(0.5 * (h @ p["W2"] + p["b2"]))
    r = h @ p["W3"] + p["b3"] - t
    fit = (r * r).sum() / (2 * len(x))
    decay = sum((p[k] * p[k]).sum() for k in p if k.startswith("W"))
    return fit + 0.01 * decay


def evaluate(params, x, t):
    p = {k: v.astype(complex) for k, v in params.items()}
    grads = {}
    for k in p:
        g = np.zeros(p[k].shape)
        it = np.nditer(g, flags=["multi_index"], op_flags=["writeonly"])
        for cell in it:
            p[k][it.multi_index] += 1j * TINY
            cell[...] = objective(p, x, t).imag / TINY
            p[k][it.multi_index] -= 1j * TINY
        grads[k] = g
    return objective(p, x, t).real, grads


if __name__ == "__main__":
    # (number of samples, scale of the parameters) -> names that differ from the reference
    EXPECTED = {(5, 1.0): set(), (1, 1.0): set()}

    def ref_loss(p, x, t):
        y, N, C = x, len(x), t.shape[1]
        for i, spec in enumerate(NETWORK["layers"], 1):
            z = y @ p["W%d" % i] + p["b%d" % i]
            if spec["activation"] == "tanh":
                y = np.tanh(z)
            elif spec["activation"] == "sigmoid":
                y = 1 / (1 + np.exp(-z))
            elif spec["activation"] == "linear":
                y = z
        value = np.sum((y-t)**2)/(2*N)
        for k in p:
            if k[0] == "W":
                W = p[k]
                value += 0.02/2*np.sum(W**2)
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
