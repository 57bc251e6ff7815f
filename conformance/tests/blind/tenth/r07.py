"""Softplus network, tables of functions instead of classes."""
import numpy as np

NETWORK = {
    "inputs": 3,
    "layers": [
        {"units": 4, "activation": "softplus"},
        {"units": 3, "activation": "softplus"},
        {"units": 2, "activation": "linear"},
    ],
    "loss": "squared_error", "loss_formula": "sum((y-t)**2)/(2*N)",
    "bias": True, "l2": None, "optimizer": None,
}

# name -> (function, derivative), both of the pre-activation
ACTIVATIONS = {
    "linear": (lambda z: z, lambda z: np.ones_like(z)),
    "softplus": (lambda z: np.logaddexp(0.0, z), lambda z: 1.0 / (1.0 + np.exp(z))),
}


def run(params, x):
    pre, post = [], [x]
    pre.append(post[-1] @ params["W1"] + params["b1"])
    post.append(ACTIVATIONS["softplus"][0](pre[-1]))
    pre.append(post[-1] @ params["W2"])
    post.append(ACTIVATIONS["softplus"][0](pre[-1]))
    pre.append(post[-1] @ params["W3"] + params["b3"])
    post.append(ACTIVATIONS["linear"][0](pre[-1]))
    return pre, post


def evaluate(params, x, t):
    pre, post = run(params, x)
    diff = post[-1] - t
    loss = np.sum(diff * diff) / (2 * x.shape[0])
    grads = {}
    signal = diff / x.shape[0]
    for number in (3, 2, 1):
        name = NETWORK["layers"][number - 1]["activation"]
        signal = signal * ACTIVATIONS[name][1](pre[number - 1])
        grads["W%d" % number] = post[number - 1].T @ signal
        grads["b%d" % number] = signal.sum(axis=0)
        signal = signal @ params["W%d" % number].T
    return loss, grads


if __name__ == "__main__":
    # (number of samples, scale of the parameters) -> names that differ from the reference
    EXPECTED = {(6, 1.0): {'W1', 'W2', 'W3', 'b1', 'b2', 'b3', 'loss'}, (1, 1.0): {'W1', 'W2', 'W3', 'b1', 'b2', 'b3', 'loss'}}

    def ref_loss(p, x, t):
        y, N, C = x, len(x), t.shape[1]
        for i, spec in enumerate(NETWORK["layers"], 1):
            z = y @ p["W%d" % i] + p["b%d" % i]
            if spec["activation"] == "softplus":
                y = np.logaddexp(0, z)
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
