"""I do not trust my calculus, so I measure every slope instead."""
import numpy as np

NETWORK = {
    "inputs": 2,
    "layers": [{"units": 3, "activation": "softplus"}, {"units": 2, "activation": "softmax"}],
    "loss": "cross_entropy", "loss_formula": "-sum(t*log(y))/N",
    "bias": True, "l2": None, "optimizer": None,
}

STEP = 1e-4
DTYPE = np.float32


def predict(theta, x, shapes):
    a, pos = x, 0
    pieces = []
    for shape in shapes:
        size = int(np.prod(shape))
        pieces.append(theta[pos:pos + size].reshape(shape))
        pos += size
    W1, b1, W2, b2 = pieces
    a = np.log1p(np.exp(x @ W1 + b1))
    z = a @ W2 + b2
    return z - z.max(axis=1, keepdims=True)


def loss_of(theta, x, t, shapes):
    z = predict(theta, x, shapes)
    log_norm = np.log(np.exp(z).sum(axis=1))
    return np.mean(log_norm - (t * z).sum(axis=1))


def slopes(theta, x, t, shapes):
    g = np.zeros(theta.size)
    for k in range(theta.size):
        keep = theta[k]
        theta[k] = keep + STEP
        up = loss_of(theta, x, t, shapes)
        theta[k] = keep - STEP
        down = loss_of(theta, x, t, shapes)
        theta[k] = keep
        g[k] = (up - down) / (2 * STEP)
    return g


def evaluate(params, x, t):
    names = ["W1", "b1", "W2", "b2"]
    shapes = [params[n].shape for n in names]
    theta = np.concatenate([params[n].ravel() for n in names]).astype(DTYPE)
    x, t = x.astype(DTYPE), t.astype(DTYPE)
    loss = float(loss_of(theta, x, t, shapes))
    g = slopes(theta, x, t, shapes)
    grads, pos = {}, 0
    for name, shape in zip(names, shapes):
        size = int(np.prod(shape))
        grads[name] = g[pos:pos + size].reshape(shape)
        pos += size
    return loss, grads


if __name__ == "__main__":
    # (number of samples, scale of the parameters) -> names that differ from the reference
    EXPECTED = {(5, 1.0): {'W1', 'W2', 'b1', 'b2'}, (2, 0.5): {'W1', 'W2', 'b1', 'b2'}}

    def ref_loss(p, x, t):
        y, N, C = x, len(x), t.shape[1]
        for i, spec in enumerate(NETWORK["layers"], 1):
            z = y @ p["W%d" % i] + p["b%d" % i]
            if spec["activation"] == "softplus":
                y = np.logaddexp(0, z)
            elif spec["activation"] == "softmax":
                y = np.exp(z - z.max(1, keepdims=True)) / np.exp(z - z.max(1, keepdims=True)).sum(1, keepdims=True)
        value = -np.sum(t*np.log(y))/N
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
        t = np.eye(d)[rng.integers(0, d, N)]
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
