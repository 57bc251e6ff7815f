import numpy as np

NETWORK = {"inputs": 4,
           "layers": [{"units": 6, "activation": "tanh"}, {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy",
           "loss_formula": "-sum(t*log(y)) / N",
           "bias": True,
           "l2": None,
           "optimizer": {"name": "adam", "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}}


class Adam:
    def __init__(self, lr, beta1=0.9, beta2=0.999, eps=1e-8):
        self.lr, self.beta1, self.beta2, self.eps = lr, beta1, beta2, eps
        self.t = 0
        self.m, self.v = {}, {}

    def apply(self, name, param, grad):
        if name not in self.m:
            self.m[name] = np.zeros_like(param)
            self.v[name] = np.zeros_like(param)
        self.t += 1
        self.m[name] = self.beta1 * self.m[name] + (1 - self.beta1) * grad
        self.v[name] = self.beta2 * self.v[name] + (1 - self.beta2) * grad * grad
        mhat = self.m[name] / (1 - self.beta1 ** self.t)
        vhat = self.v[name] / (1 - self.beta2 ** self.t)
        return param - self.lr * mhat / (np.sqrt(vhat) + self.eps)


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def gradients(p, x, t):
    h = np.tanh(x @ p["W1"] + p["b1"])
    y = softmax(h @ p["W2"] + p["b2"])
    d2 = (y - t) / x.shape[0]
    d1 = d2 @ p["W2"].T * (1 - h ** 2)
    return {"W1": x.T @ d1, "b1": d1.sum(0), "W2": h.T @ d2, "b2": d2.sum(0)}


def train(params, x, t, lr, batches):
    p = {k: np.array(v, dtype=float) for k, v in params.items()}
    opt = Adam(lr)
    for rows in batches:
        g = gradients(p, x[rows], t[rows])
        for name in p:
            p[name] = opt.apply(name, p[name], g[name])
    return p


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

    def _reference(p, x, t, lr, batches, opt):
        m = {k: 0.0 for k in p}
        v = {k: 0.0 for k in p}
        for n, rows in enumerate(batches, 1):
            g = _numgrad(p, x[rows], t[rows])
            for k in p:
                m[k] = opt["beta1"] * m[k] + (1 - opt["beta1"]) * g[k]
                v[k] = opt["beta2"] * v[k] + (1 - opt["beta2"]) * g[k] ** 2
                p[k] = p[k] - lr * (m[k] / (1 - opt["beta1"] ** n)) / (np.sqrt(v[k] / (1 - opt["beta2"] ** n)) + opt["eps"])
        return p

    _units = [NETWORK["inputs"]] + [layer["units"] for layer in NETWORK["layers"]]
    for _seed, _widths, _n in ((0, [u + 1 + i % 2 for i, u in enumerate(_units)], 9),
                               (1, [max(2, u - 1) + (i == len(_units) - 1) for i, u in enumerate(_units)], 11)):
        p, x, t = _make(_seed, _widths, _n)
        lr, opt = 0.02, NETWORK["optimizer"]
        batches = [[3, 0, 5, 1], [2, 6, 4, 7], [8, 1, 0]]
        for count, expected in {1: ['b1', 'W2', 'b2'], 3: ['W1', 'b1', 'W2', 'b2']}.items():
            got = train(_copy(p), x.copy(), t.copy(), lr, batches[:count])
            ref = _reference(_copy(p), x, t, lr, batches[:count], opt)
            assert set(got) == set(p)
            wrong = [k for k in p if _differs(got[k], ref[k])]
            assert wrong == expected, (count, wrong)
    print("ok")
