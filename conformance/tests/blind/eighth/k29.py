import numpy as np

NETWORK = {"inputs": 2,
           "layers": [{"units": 4, "activation": "silu"}, {"units": 3, "activation": "sigmoid"},
                      {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "0.5*sum((y-t)**2) / N",
           "bias": True, "l2": None,
           "optimizer": {"name": "momentum", "beta": 0.9, "rule": "v = beta*v + lr*g; p -= v"}}


def train(params, x, t, lr, batches):
    p = {n: v.copy() for n, v in params.items()}
    prev = {n: v.copy() for n, v in params.items()}
    for rows in batches:
        X, T = x[rows], t[rows]
        z1 = X @ p["W1"] + p["b1"]
        s1 = 1 / (1 + np.exp(-z1))
        a1 = z1 * s1
        a2 = 1 / (1 + np.exp(-(a1 @ p["W2"] + p["b2"])))
        err = a2 @ p["W3"] + p["b3"] - T

        g = {"W3": a2.T @ err, "b3": err.sum(0)}
        d = err @ p["W3"].T * (a2 - a2 ** 2)
        g["W2"], g["b2"] = a1.T @ d, d.sum(0)
        d = d @ p["W2"].T * (a1 + s1 * (1 - a1))
        g["W1"], g["b1"] = X.T @ d, d.sum(0)

        # heavy ball: the last move is p - prev
        for n in p:
            new = p[n] - lr / len(rows) * g[n] + 0.9 * (p[n] - prev[n])
            prev[n], p[n] = p[n], new
    return p


if __name__ == "__main__":
    ACT = {
        "relu": lambda z, s: np.where(z > 0, z, 0.0),
        "leaky_relu": lambda z, s: np.where(z > 0, z, s.get("slope", 0.01) * z),
        "elu": lambda z, s: np.where(z > 0, z, s.get("alpha", 1.0) * (np.exp(np.minimum(z, 0)) - 1)),
        "sigmoid": lambda z, s: 1 / (1 + np.exp(-z)),
        "tanh": lambda z, s: np.tanh(z),
        "softplus": lambda z, s: np.log(1 + np.exp(z)),
        "silu": lambda z, s: z / (1 + np.exp(-z)),
        "gelu": lambda z, s: 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z ** 3))),
        "softmax": lambda z, s: np.exp(z) / np.exp(z).sum(axis=1, keepdims=True),
        "linear": lambda z, s: z,
    }
    SPECS = NETWORK["layers"]

    def plain_loss(p, x, t):
        y, W2sum = x, 0.0
        for i, s in enumerate(SPECS, 1):
            y = ACT[s["activation"]](y @ p["W%d" % i] + p["b%d" % i], s)
            W2sum += np.sum(p["W%d" % i] ** 2)
        N, C = t.shape
        names = {"y": y, "t": t, "N": N, "C": C, "sum": np.sum, "mean": np.mean, "log": np.log, "sumW2": W2sum}
        value = eval(NETWORK["loss_formula"], names)
        if NETWORK["l2"]:
            names["lam"] = NETWORK["l2"]["lambda"]
            value += eval(NETWORK["l2"]["formula"].replace("lambda", "lam"), names)
        return float(value)

    def plain_grads(p, x, t, h=1e-5):
        g = {}
        for k in p:
            g[k] = np.zeros(p[k].shape)
            for ix in np.ndindex(*p[k].shape):
                q = {n: v.copy() for n, v in p.items()}
                q[k][ix] += h
                up = plain_loss(q, x, t)
                q[k][ix] -= 2 * h
                g[k][ix] = (up - plain_loss(q, x, t)) / (2 * h)
        return g

    def problem(seed, widths, N):
        r = np.random.default_rng(seed)
        p = {}
        for i in range(1, len(widths)):
            p["W%d" % i] = r.normal(0, 0.8, (widths[i - 1], widths[i]))
            p["b%d" % i] = r.normal(0, 0.5, widths[i])
        x = r.normal(0, 1, (N, widths[0]))
        if NETWORK["loss"] == "cross_entropy":
            t = np.eye(widths[-1])[r.integers(0, widths[-1], N)]
        elif NETWORK["loss"] == "binary_cross_entropy":
            t = (r.random((N, widths[-1])) > 0.5).astype(float)
        elif SPECS[-1]["activation"] == "sigmoid":
            t = r.random((N, widths[-1]))
        else:
            t = r.normal(0, 1, (N, widths[-1]))
        return p, x, t

    def copy(p):
        return {k: v.copy() for k, v in p.items()}

    def off(a, b):
        a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
        assert a.shape == b.shape, (a.shape, b.shape)
        return bool(np.max(np.abs(a - b) / np.maximum(1, np.abs(b))) > 1e-5)

    def differing(a, b):
        assert set(a) == set(b)
        return sorted(k for k in b if off(a[k], b[k]))

    L = len(SPECS)
    CASES = [(3, [4, 7, 3, 5, 6][:L] + [2], 7), (8, [5, 3, 6, 4, 2][:L] + [4], 8)]
    EXPECT = {'after': {1: [], 2: [], 3: []}}

    def plain_train(p, x, t, lr, batches):
        p, o = copy(p), NETWORK["optimizer"]
        a = {k: np.zeros(v.shape) for k, v in p.items()}
        c = {k: np.zeros(v.shape) for k, v in p.items()}
        if o.get("batch") == 1:
            batches = [[r] for rows in batches for r in rows]
        for n, rows in enumerate(batches, 1):
            g = plain_grads(p, x[rows], t[rows])
            for k in p:
                if o["name"] == "sgd":
                    p[k] = p[k] - lr * g[k]
                elif o["name"] == "momentum" and "(1-beta)" in o["rule"]:
                    a[k] = o["beta"] * a[k] + (1 - o["beta"]) * g[k]
                    p[k] = p[k] - lr * a[k]
                elif o["name"] == "momentum":
                    a[k] = o["beta"] * a[k] + lr * g[k]
                    p[k] = p[k] - a[k]
                elif o["name"] == "rmsprop":
                    c[k] = o["rho"] * c[k] + (1 - o["rho"]) * g[k] ** 2
                    p[k] = p[k] - lr * g[k] / (np.sqrt(c[k]) + o["eps"])
                elif o["name"] == "adam":
                    a[k] = o["beta1"] * a[k] + (1 - o["beta1"]) * g[k]
                    c[k] = o["beta2"] * c[k] + (1 - o["beta2"]) * g[k] ** 2
                    mh, vh = a[k] / (1 - o["beta1"] ** n), c[k] / (1 - o["beta2"] ** n)
                    p[k] = p[k] - lr * mh / (np.sqrt(vh) + o["eps"])
        return p

    for seed, widths, N in CASES:
        p, x, t = problem(seed, widths, N)
        batches = [[3, 1, 6, 0], [2, 5, 4], [6, 2]]
        for n in (1, 2, 3):
            right = plain_train(p, x, t, 0.2, batches[:n])
            got = train(copy(p), x.copy(), t.copy(), 0.2, batches[:n])
            assert differing(got, right) == EXPECT["after"][n], (n, differing(got, right))
    print("self-check ok")
