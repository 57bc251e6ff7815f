"""Reverse mode on a Wengert list, the Rust way: nodes are plain records in a Vec,
a variable is an index, every node has exactly two (parent, weight) slots."""
import math
import numpy as np

NETWORK = {"inputs": 2,
           "layers": [{"units": 4, "activation": "sigmoid"},
                      {"units": 3, "activation": "relu"},
                      {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy",
           "loss_formula": "-sum(t*log(y)) / N",
           "bias": True,
           "l2": None,
           "optimizer": None}


class Tape:
    def __init__(self):
        self.nodes = []      # (dep0, weight0, dep1, weight1)
        self.val = []

    def push(self, value, d0=None, w0=0.0, d1=None, w1=0.0):
        i = len(self.nodes)
        # unused slots point at the node itself with weight zero
        self.nodes.append((i if d0 is None else d0, w0, i if d1 is None else d1, w1))
        self.val.append(value)
        return i

    def var(self, v):
        return self.push(float(v))

    def add(self, a, b):
        return self.push(self.val[a] + self.val[b], a, 1.0, b, 1.0)

    def mul(self, a, b):
        return self.push(self.val[a] * self.val[b], a, self.val[b], b, self.val[a])

    def scale(self, a, c):
        return self.push(self.val[a] * c, a, c)

    def exp(self, a):
        e = math.exp(self.val[a])
        return self.push(e, a, e)

    def ln(self, a):
        return self.push(math.log(self.val[a]), a, 1.0 / self.val[a])

    def sigmoid(self, a):
        s = 1.0 / (1.0 + math.exp(-self.val[a]))
        return self.push(s, a, s - s * s)

    def relu(self, a):
        on = 1.0 if self.val[a] > 0.0 else 0.0
        return self.push(self.val[a] * on, a, on)

    def gradient(self, i):
        adj = [0.0] * len(self.nodes)
        adj[i] = 1.0
        for k in range(i, -1, -1):
            d0, w0, d1, w1 = self.nodes[k]
            g = adj[k]
            adj[d0] += w0 * g
            adj[d1] += w1 * g
        return adj


def evaluate(params, x, t):
    tape = Tape()
    ids = {k: np.vectorize(tape.var, otypes=[int])(v) for k, v in params.items()}

    def affine(a, layer):
        W, b = ids["W%d" % layer], ids["b%d" % layer]
        zs = []
        for j in range(W.shape[1]):
            z = int(b[j])
            for i in range(W.shape[0]):
                z = tape.add(z, tape.mul(int(W[i, j]), a[i]))
            zs.append(z)
        return zs

    total = tape.var(0.0)
    for row, target in zip(x, t):
        a = [tape.var(v) for v in row]
        a = [tape.sigmoid(z) for z in affine(a, 1)]
        a = [tape.relu(z) for z in affine(a, 2)]
        z = affine(a, 3)
        norm = tape.exp(z[0])
        for zk in z[1:]:
            norm = tape.add(norm, tape.exp(zk))
        lse = tape.ln(norm)
        for zk, tk in zip(z, target):
            total = tape.add(total, tape.scale(tape.add(lse, tape.scale(zk, -1.0)), tk))
    loss = tape.scale(total, 1.0 / len(x))
    adj = np.array(tape.gradient(loss))
    return tape.val[loss], {k: adj[v] for k, v in ids.items()}


if __name__ == "__main__":
    CASES = [([3, 5, 4, 2], 4, set()), ([4, 3, 6, 4], 6, set()), ([2, 2, 3, 3], 1, set())]

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
