# fc_net.py : affine - leaky relu - affine - softmax with weight penalty
import numpy as np

NETWORK = {"inputs": 4,
           "layers": [{"units": 6, "activation": "leaky_relu", "slope": 0.01},
                      {"units": 4, "activation": "softmax"}],
           "loss": "cross_entropy",
           "loss_formula": "-sum(t*log(y))/N",
           "bias": True,
           "l2": {"lambda": 0.2, "formula": "lambda/2*sumW2"},
           "optimizer": None}


def affine_forward(x, w, b):
    return x.dot(w) + b, (x, w)


def affine_backward(dout, cache):
    x, w = cache
    return dout.dot(w.T), x.T.dot(dout), np.sum(dout, axis=0)


def leaky_forward(x):
    return np.maximum(0.01 * x, x), x


def leaky_backward(dout, cache):
    dx = np.ones_like(cache)
    dx[cache < 0] = 0.01
    return dout * dx


def softmax_loss(scores, t):
    shifted = scores - scores.max(axis=1, keepdims=True)
    logp = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    n = scores.shape[0]
    return -np.sum(t * logp) / n, (np.exp(logp) - t) / n


def evaluate(params, x, t):
    reg = 0.2
    out1, c1 = affine_forward(x, params["W1"], params["b1"])
    act, c2 = leaky_forward(out1)
    scores, c3 = affine_forward(act, params["W2"], params["b2"])
    loss, dscores = softmax_loss(scores, t)
    for w in ("W1", "W2"):
        loss += 0.5 * reg * np.linalg.norm(params[w])

    grads = {}
    dact, grads["W2"], grads["b2"] = affine_backward(dscores, c3)
    dout1 = leaky_backward(dact, c2)
    _, grads["W1"], grads["b1"] = affine_backward(dout1, c1)
    for w in ("W1", "W2"):
        grads[w] += reg * params[w]
    return loss, grads


if __name__ == "__main__":
    # ---- self-check: plain forward pass, central differences, plain update rules ----
    expected = {"loss"}

    def f(z, layer):
        a = layer["activation"]
        if a == "linear":
            return z
        if a == "relu":
            return np.where(z > 0, z, 0.0)
        if a == "leaky_relu":
            return np.where(z > 0, z, layer["slope"] * z)
        if a == "elu":
            return np.where(z > 0, z, layer["alpha"] * (np.exp(z) - 1))
        if a == "sigmoid":
            return 1 / (1 + np.exp(-z))
        if a == "tanh":
            return np.tanh(z)
        if a == "softplus":
            return np.log(1 + np.exp(z))
        if a == "silu":
            return z / (1 + np.exp(-z))
        if a == "gelu":
            return 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z ** 3)))
        if a == "softmax":
            e = np.exp(z - z.max(1, keepdims=True))
            return e / e.sum(1, keepdims=True)
        raise ValueError(a)

    def right_loss(p, x, t):
        y = x
        for l, layer in enumerate(NETWORK["layers"], 1):
            y = f(y @ p["W%d" % l] + p["b%d" % l], layer)
        N, C = t.shape
        names = {"y": y, "t": t, "N": N, "C": C, "sum": np.sum, "mean": np.mean, "log": np.log}
        loss = eval(NETWORK["loss_formula"], dict(names))
        if NETWORK["l2"]:
            w2 = sum(np.sum(v ** 2) for k, v in p.items() if k[0] == "W")
            loss += eval(NETWORK["l2"]["formula"].replace("lambda", "lam"),
                         {"lam": NETWORK["l2"]["lambda"], "N": N, "sumW2": w2})
        return float(loss)

    def right_grads(p, x, t, h=1e-5):
        g = {}
        for k in p:
            g[k] = np.zeros_like(p[k])
            for i in np.ndindex(p[k].shape):
                q = {n: v.copy() for n, v in p.items()}
                q[k][i] += h
                up = right_loss(q, x, t)
                q[k][i] -= 2 * h
                g[k][i] = (up - right_loss(q, x, t)) / (2 * h)
        return g

    def differs(a, b):
        a, b = np.asarray(a, float), np.asarray(b, float)
        assert a.shape == b.shape, (a.shape, b.shape)
        d = np.max(np.abs(a - b))
        assert d < 1e-6 or d > 1e-4 or np.isnan(d), d
        return not d < 1e-6

    def problem(seed, widths, n):
        r = np.random.default_rng(seed)
        p = {}
        for l in range(1, len(widths)):
            p["W%d" % l] = r.normal(size=(widths[l - 1], widths[l])) * 0.8
            p["b%d" % l] = r.normal(size=widths[l]) * 0.4
        x = r.normal(size=(n, widths[0]))
        c = widths[-1]
        if NETWORK["loss"] == "cross_entropy":
            t = np.eye(c)[r.integers(0, c, n)]
        elif NETWORK["loss"] == "binary_cross_entropy":
            t = r.integers(0, 2, (n, c)).astype(float)
        else:
            t = r.normal(size=(n, c))
        return p, x, t

    own = [NETWORK["inputs"]] + [layer["units"] for layer in NETWORK["layers"]]
    n_layers = len(NETWORK["layers"])
    copy = lambda p: {k: v.copy() for k, v in p.items()}
    for seed, widths, n in ((1, own, 7), (2, [5, 3, 6, 4][:n_layers + 1], 8), (3, [2, 7, 4, 3][:n_layers + 1], 5)):
        p, x, t = problem(seed, widths, n)
        loss, grads = evaluate(copy(p), x.copy(), t.copy())
        found = {"loss"} if differs(loss, right_loss(p, x, t)) else set()
        ref = right_grads(p, x, t)
        assert set(grads) == set(p)
        found |= {k for k in p if differs(grads[k], ref[k])}
        assert found == expected, (widths, sorted(found))
    print("ok: differs from the right numbers in", sorted(expected) or "nothing")
