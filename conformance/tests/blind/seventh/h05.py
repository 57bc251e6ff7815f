# tapegrad: every op appends a record to a list, backward walks the list from the end.
import numpy as np

NETWORK = {"inputs": 4,
           "layers": [{"units": 5, "activation": "elu", "alpha": 1.0},
                      {"units": 4, "activation": "tanh"},
                      {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy",
           "loss_formula": "-sum(t*log(y)) / N",
           "bias": True,
           "l2": None,
           "optimizer": None}


class Tape:
    def __init__(self):
        self.vals = []
        self.recs = []

    def leaf(self, arr):
        self.vals.append(np.asarray(arr, dtype=float))
        return len(self.vals) - 1

    def emit(self, val, *pulls):
        """pulls: (index of the input, function from output gradient to input gradient)"""
        idx = self.leaf(val)
        self.recs.append((idx, pulls))
        return idx

    def affine(self, a, W, b):
        A, M, c = self.vals[a], self.vals[W], self.vals[b]
        return self.emit(A @ M + c,
                         (a, lambda g: g @ M.T),
                         (W, lambda g: A.T @ g),
                         (b, lambda g: np.ones(len(g)) @ g))

    def elu(self, a):
        out = np.where(self.vals[a] > 0, self.vals[a], np.expm1(np.minimum(self.vals[a], 0)))
        return self.emit(out, (a, lambda g: g * np.minimum(out + 1, 1)))

    def tanh(self, a):
        out = np.tanh(self.vals[a])
        return self.emit(out, (a, lambda g: g - g * out * out))

    def xent(self, a, t):
        z = self.vals[a]
        z = z - z.max(1, keepdims=True)
        lse = np.log(np.exp(z).sum(1, keepdims=True))
        n = len(z)
        val = ((lse - z) * t).sum() / n
        # rows of t may not be normalised, hence the sum in front
        return self.emit(val, (a, lambda g: g * (t.sum(1, keepdims=True) * np.exp(z - lse) - t) / n))

    def pull(self, root):
        bar = {root: 1.0}
        for idx, pulls in reversed(self.recs):
            if idx not in bar:
                continue
            g = bar.pop(idx)
            for src, f in pulls:
                bar[src] = bar[src] + f(g) if src in bar else f(g)
        return bar


def evaluate(params, x, t):
    tp = Tape()
    ids = {k: tp.leaf(v) for k, v in params.items()}
    h = tp.leaf(x)
    h = tp.elu(tp.affine(h, ids["W1"], ids["b1"]))
    h = tp.tanh(tp.affine(h, ids["W2"], ids["b2"]))
    out = tp.xent(tp.affine(h, ids["W3"], ids["b3"]), t)
    bar = tp.pull(out)
    return float(tp.vals[out]), {k: bar[i] for k, i in ids.items()}


if __name__ == "__main__":
    # ---- self-check: plain forward pass and central differences at other widths
    def _act(z, layer):
        kind = layer["activation"]
        if kind == "softmax":
            e = np.exp(z - z.max(axis=1, keepdims=True))
            return e / e.sum(axis=1, keepdims=True)
        return {"relu": lambda: np.maximum(z, 0),
                "leaky_relu": lambda: np.where(z > 0, z, layer.get("slope", 0) * z),
                "elu": lambda: np.where(z > 0, z, layer.get("alpha", 0) * (np.exp(np.minimum(z, 0)) - 1)),
                "sigmoid": lambda: 1 / (1 + np.exp(-z)),
                "tanh": lambda: np.tanh(z),
                "softplus": lambda: np.log(1 + np.exp(z)),
                "silu": lambda: z / (1 + np.exp(-z)),
                "gelu": lambda: 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z ** 3))),
                "linear": lambda: z}[kind]()

    def _loss(p, x, t):
        y = x
        for i, layer in enumerate(NETWORK["layers"], 1):
            y = _act(y @ p[f"W{i}"] + p[f"b{i}"], layer)
        env = {"y": y, "t": t, "N": len(x), "C": t.shape[1], "sum": np.sum, "mean": np.mean, "log": np.log}
        value = eval(NETWORK["loss_formula"], dict(env))
        if NETWORK["l2"]:
            env["lam"] = NETWORK["l2"]["lambda"]
            env["sumW2"] = sum((p[k] ** 2).sum() for k in p if k.startswith("W"))
            value = value + eval(NETWORK["l2"]["formula"].replace("lambda", "lam"), env)
        return float(value)

    def _numgrad(p, x, t, h=1e-5):
        out = {}
        for k in p:
            out[k] = np.zeros(p[k].shape)
            for i in np.ndindex(*p[k].shape):
                q = {n: v.copy() for n, v in p.items()}
                q[k][i] += h
                up = _loss(q, x, t)
                q[k][i] -= 2 * h
                out[k][i] = (up - _loss(q, x, t)) / (2 * h)
        return out

    def _make(seed, widths, n):
        r = np.random.default_rng(seed)
        p = {}
        for i in range(1, len(widths)):
            p[f"W{i}"] = r.normal(size=(widths[i - 1], widths[i])) * 0.7
            p[f"b{i}"] = r.normal(size=widths[i]) * 0.5
        x = r.normal(size=(n, widths[0]))
        if NETWORK["loss"] == "cross_entropy":
            t = np.eye(widths[-1])[r.integers(0, widths[-1], n)]
        elif NETWORK["loss"] == "binary_cross_entropy":
            t = r.integers(0, 2, (n, widths[-1])).astype(float)
        else:
            t = r.uniform(0, 1, (n, widths[-1]))
        return p, x, t

    def _differs(got, want):
        assert np.shape(got) == np.shape(want), (np.shape(got), np.shape(want))
        return bool(np.max(np.abs(np.asarray(got) - want)) > 1e-5 * max(1.0, np.max(np.abs(want))))

    def _copy(p):
        return {k: v.copy() for k, v in p.items()}

    _units = [NETWORK["inputs"]] + [layer["units"] for layer in NETWORK["layers"]]
    for _seed, _widths, _n in ((0, [u + 1 + i % 2 for i, u in enumerate(_units)], 9),
                               (1, [max(2, u - 1) + (i == len(_units) - 1) for i, u in enumerate(_units)], 11)):
        p, x, t = _make(_seed, _widths, _n)
        loss, grads = evaluate(_copy(p), x.copy(), t.copy())
        ref = _numgrad(p, x, t)
        assert set(grads) == set(p)
        assert _differs(loss, _loss(p, x, t)) == False, ("loss", loss, _loss(p, x, t))
        wrong = [k for k in p if _differs(grads[k], ref[k])]
        assert wrong == [], wrong
    print("ok")
