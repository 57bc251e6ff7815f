"""A compact layer-by-layer trainer. Profiling showed .T all over the place, so each layer
keeps its transposed weights at hand."""
import numpy as np

NETWORK = {"inputs": 3,
           "layers": [{"units": 6, "activation": "tanh"},
                      {"units": 5, "activation": "tanh"},
                      {"units": 2, "activation": "linear"}],
           "loss": "squared_error",
           "loss_formula": "mean((y-t)**2)",
           "bias": True,
           "l2": None,
           "optimizer": {"name": "sgd"}}


class Layer:
    def __init__(self, W, b, act=True):
        self.W, self.b, self.act = W, b, act
        self.WT = W.T

    def forward(self, x):
        self.x = x
        z = x @ self.W + self.b
        self.y = np.tanh(z) if self.act else z
        return self.y

    def backward(self, g):
        if self.act:
            g = g * (1 - self.y * self.y)
        self.dW = self.x.T @ g
        self.db = g.sum(axis=0)
        return g @ self.WT

    def update(self, lr):
        self.W = self.W - lr * self.dW
        self.b = self.b - lr * self.db


def train(params, x, t, lr, batches):
    layers = [Layer(params["W1"], params["b1"]),
              Layer(params["W2"], params["b2"]),
              Layer(params["W3"], params["b3"], act=False)]
    for rows in batches:
        out = x[rows]
        for layer in layers:
            out = layer.forward(out)
        g = 2 * (out - t[rows]) / out.size
        for layer in layers[::-1]:
            g = layer.backward(g)
        for layer in layers:
            layer.update(lr)
    return {n + str(i): getattr(l, n) for i, l in enumerate(layers, 1) for n in "Wb"}


if __name__ == "__main__":
    LOW = {"W1", "b1", "W2", "b2"}
    CASES = [([4, 5, 3, 3], 9, [([[0, 1, 2]], set()),
                                ([[0, 1, 2], [3, 4, 5]], LOW),
                                ([[0, 1, 2], [3, 4, 5], [6, 7, 8]], LOW | {"W3", "b3"})]),
             ([2, 3, 4, 1], 6, [([[0, 1, 2]], set()), ([[0, 1, 2], [3, 4, 5]], LOW)])]

    # ---- reference: plain forward pass, central differences, textbook updates ----
    import copy

    def _act(L, z):
        n = L["activation"]
        if n == "relu":
            return np.where(z > 0, z, 0.0)
        if n == "leaky_relu":
            return np.where(z > 0, z, L["slope"] * z)
        if n == "elu":
            return np.where(z > 0, z, L["alpha"] * (np.exp(np.minimum(z, 0)) - 1))
        if n == "sigmoid":
            return 1 / (1 + np.exp(-z))
        if n == "tanh":
            return np.tanh(z)
        if n == "softplus":
            return np.log(1 + np.exp(z))
        if n == "silu":
            return z / (1 + np.exp(-z))
        if n == "gelu":
            return 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z ** 3)))
        if n == "softmax":
            e = np.exp(z - z.max(axis=1, keepdims=True))
            return e / e.sum(axis=1, keepdims=True)
        assert n == "linear"
        return z

    def _loss(p, x, t):
        y = x
        for i, L in enumerate(NETWORK["layers"], 1):
            y = _act(L, y @ p["W%d" % i] + p["b%d" % i])
        N, C = t.shape
        names = {"y": y, "t": t, "N": N, "C": C, "sum": np.sum, "mean": np.mean, "log": np.log}
        out = eval(NETWORK["loss_formula"], names)
        if NETWORK["l2"]:
            s = sum(np.sum(v ** 2) for k, v in p.items() if k[0] == "W")
            out = out + eval(NETWORK["l2"]["formula"].replace("lambda", "lam"),
                             {"lam": NETWORK["l2"]["lambda"], "N": N, "sumW2": s})
        return float(out)

    def _grads(p, x, t, h=1e-5):
        g = {}
        for k in p:
            g[k] = np.zeros_like(p[k])
            for i in np.ndindex(*p[k].shape):
                q = copy.deepcopy(p)
                q[k][i] += h
                up = _loss(q, x, t)
                q[k][i] -= 2 * h
                g[k][i] = (up - _loss(q, x, t)) / (2 * h)
        return g

    def _train(p, x, t, lr, batches):
        o = NETWORK["optimizer"] or {"name": "sgd"}
        p = copy.deepcopy(p)
        m = {k: np.zeros_like(v) for k, v in p.items()}
        s = {k: np.zeros_like(v) for k, v in p.items()}
        if o.get("batch") == 1:
            batches = [[r] for b in batches for r in b]
        for n, rows in enumerate(batches, 1):
            g = _grads(p, x[rows], t[rows])
            for k in p:
                if o["name"] == "sgd":
                    p[k] = p[k] - lr * g[k]
                elif o["name"] == "momentum":
                    if "lr*g" in o["rule"]:
                        m[k] = o["beta"] * m[k] + lr * g[k]
                        p[k] = p[k] - m[k]
                    else:
                        m[k] = o["beta"] * m[k] + (1 - o["beta"]) * g[k]
                        p[k] = p[k] - lr * m[k]
                elif o["name"] == "rmsprop":
                    s[k] = o["rho"] * s[k] + (1 - o["rho"]) * g[k] ** 2
                    p[k] = p[k] - lr * g[k] / (np.sqrt(s[k]) + o["eps"])
                else:
                    m[k] = o["beta1"] * m[k] + (1 - o["beta1"]) * g[k]
                    s[k] = o["beta2"] * s[k] + (1 - o["beta2"]) * g[k] ** 2
                    mh, sh = m[k] / (1 - o["beta1"] ** n), s[k] / (1 - o["beta2"] ** n)
                    p[k] = p[k] - lr * mh / (np.sqrt(sh) + o["eps"])
        return p

    def _make(widths, n, seed):
        r = np.random.default_rng(seed)
        p = {}
        for i, (a, b) in enumerate(zip(widths, widths[1:]), 1):
            p["W%d" % i] = r.normal(size=(a, b)) * 0.7
            p["b%d" % i] = r.normal(size=b) * 0.5
        x = r.normal(size=(n, widths[0]))
        c = widths[-1]
        if NETWORK["loss"] == "cross_entropy":
            t = np.eye(c)[r.permutation(np.arange(n) % c)]
        elif NETWORK["loss"] == "binary_cross_entropy":
            t = (r.random((n, c)) < 0.5).astype(float)
        else:
            t = r.random((n, c))
        return p, x, t

    def _differ(got, want):
        assert set(got) == set(want), (set(got), set(want))
        bad = set()
        for k in want:
            assert np.shape(got[k]) == np.shape(want[k]), (k, np.shape(got[k]), np.shape(want[k]))
            if not np.max(np.abs(np.asarray(got[k]) - want[k])) <= 1e-6 * (1 + np.max(np.abs(want[k]))):
                bad.add(k)
        return bad

    for seed, (widths, n, expected) in enumerate(CASES):
        p, x, t = _make(widths, n, seed + 7)
        if "evaluate" in globals():
            loss, g = evaluate(copy.deepcopy(p), x.copy(), t.copy())
            bad = _differ(dict(g, loss=loss), dict(_grads(p, x, t), loss=_loss(p, x, t)))
            assert bad == expected, (widths, n, sorted(bad))
        elif "step" in globals():
            got = step(copy.deepcopy(p), x.copy(), t.copy(), 0.3)
            bad = _differ(got, _train(p, x, t, 0.3, [list(range(n))]))
            assert bad == expected, (widths, n, sorted(bad))
        else:
            for batches, wrong in expected:
                got = train(copy.deepcopy(p), x.copy(), t.copy(), 0.05, copy.deepcopy(batches))
                bad = _differ(got, _train(p, x, t, 0.05, batches))
                assert bad == wrong, (widths, n, batches, sorted(bad))
    print("ok")
