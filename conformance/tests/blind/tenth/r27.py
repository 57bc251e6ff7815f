"""Momentum training, plain functions."""
import numpy as np

NETWORK = {
    "inputs": 3,
    "layers": [{"units": 4, "activation": "softplus"}, {"units": 2, "activation": "linear"}],
    "loss": "squared_error", "loss_formula": "sum((y-t)**2)/(2*N)",
    "bias": True,
    "l2": {"lambda": 0.01, "formula": "lambda*sum(W**2)", "biases": False},
    "optimizer": {"name": "momentum", "beta": 0.9, "formula": "v=beta*v+g; w=w-lr*v"},
}
weight_decay = 0.01


def softplus(z):
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def compute_gradients(weights, inputs, targets):
    z = inputs @ weights["W1"] + weights["b1"]
    hidden = softplus(z)
    output = hidden @ weights["W2"] + weights["b2"]
    delta_out = (output - targets) / len(inputs)
    delta_hidden = delta_out @ weights["W2"].T / (1 + np.exp(-z))
    return {
        "W1": inputs.T @ delta_hidden + 2 * weight_decay * weights["W1"],
        "b1": delta_hidden.sum(axis=0),
        "W2": hidden.T @ delta_out + 2 * weight_decay * weights["W2"],
        "b2": delta_out.sum(axis=0),
    }


def momentum_update(weights, gradients, rate, beta=0.9, velocity={}):
    result = {}
    for name, gradient in gradients.items():
        velocity[name] = beta * velocity.get(name, np.zeros_like(gradient)) + gradient
        result[name] = weights[name] - rate * velocity[name]
    return result


def train(params, x, t, lr, batches):
    weights = {name: value.copy() for name, value in params.items()}
    for batch in batches:
        gradients = compute_gradients(weights, x[batch], t[batch])
        weights = momentum_update(weights, gradients, lr)
    return weights


if __name__ == "__main__":
    # number of batches used -> names that differ from the reference
    EXPECTED = {3: {'again'}}

    def ref_loss(p, x, t):
        y, N, C = x, len(x), t.shape[1]
        for i, spec in enumerate(NETWORK["layers"], 1):
            z = y @ p["W%d" % i] + p["b%d" % i]
            if spec["activation"] == "softplus":
                y = np.logaddexp(0, z)
            elif spec["activation"] == "linear":
                y = z
        value = np.sum((y-t)**2)/(2*N)
        for k in p:
            if k[0] == "W":
                W = p[k]
                value += 0.01*np.sum(W**2)
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
                v[k] = 0.9 * v[k] + g[k]
                right[k] = right[k] - lr * v[k]
        assert set(got) == set(right) and all(np.shape(got[k]) == np.shape(right[k]) for k in right)
        differ = {k for k in right if not np.allclose(got[k], right[k], rtol=1e-6, atol=1e-6)}
        differ |= {"again" for k in again if not np.array_equal(again[k], got[k])}
        differ |= {"params" for k in p if not np.array_equal(p[k], args[0][k])}
        differ |= {n for n, u, w in (("x", x, args[1]), ("t", t, args[2])) if not np.array_equal(u, w)}
        assert differ == names, (key, differ)
    print("confirmed", EXPECTED)
