"""Functional style: the network is a fold over its layers."""
from functools import reduce
import numpy as np

NETWORK = {
    "inputs": 2,
    "layers": [{"units": 4, "activation": "elu", "alpha": 0.5},
               {"units": 3, "activation": "tanh"},
               {"units": 2, "activation": "linear"}],
    "loss": "squared_error", "loss_formula": "sum((y-t)**2)/N",
    "bias": True, "l2": None, "optimizer": None,
}

elu = lambda z: np.where(z > 0, z, 0.5 * np.expm1(np.minimum(z, 0)))
elu_slope = lambda a: np.where(a > 0, 1.0, a + 0.5)          # from the output
tanh_slope = lambda a: 1 - a * a
one = lambda a: np.ones_like(a)

LAYERS = (("1", elu, elu_slope), ("2", np.tanh, tanh_slope), ("3", lambda z: z, one))


def to_arrays(x, t):
    """Accept lists as well as arrays."""
    x = np.asarray(x, dtype=float)
    t = np.array(t, dtype=int).reshape(len(x), -1)
    return x, t


def evaluate(params, x, t):
    x, t = to_arrays(x, t)

    def forward(trace, layer):
        name, f, _ = layer
        return trace + [f(trace[-1] @ params["W" + name] + params["b" + name])]

    trace = reduce(forward, LAYERS, [x])
    residual = trace[-1] - t

    def backward(carry, item):
        grads, g = carry
        (name, _, slope), a_in, a_out = item
        g = g * slope(a_out)
        return ({**grads, "W" + name: a_in.T @ g, "b" + name: g.sum(axis=0)},
                g @ params["W" + name].T)

    items = zip(reversed(LAYERS), reversed(trace[:-1]), reversed(trace))
    grads, _ = reduce(backward, items, ({}, 2 * residual / len(x)))
    return float(np.sum(residual ** 2) / len(x)), grads


if __name__ == "__main__":
    # (number of samples, scale of the parameters) -> names that differ from the reference
    EXPECTED = {(6, 1.0): {'W1', 'W2', 'W3', 'b1', 'b2', 'b3', 'loss'}, (1, 1.0): {'W1', 'W2', 'W3', 'b1', 'b2', 'b3', 'loss'}}

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
        value = np.sum((y-t)**2)/N
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
