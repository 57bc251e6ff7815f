import numpy as np

NETWORK = {"inputs": 3,
           "layers": [{"units": 4, "activation": "sigmoid"}, {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None,
           "optimizer": {"name": "adam", "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}}


class Adam:
    def __init__(self, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
        self.lr, self.beta1, self.beta2, self.eps = lr, beta1, beta2, eps
        self.t = 0
        self.m, self.v = {}, {}

    def update(self, name, w, dw):
        if name not in self.m:
            self.m[name] = np.zeros_like(w)
            self.v[name] = np.zeros_like(w)
        self.t += 1
        self.m[name] = self.beta1 * self.m[name] + (1 - self.beta1) * dw
        self.v[name] = self.beta2 * self.v[name] + (1 - self.beta2) * (dw ** 2)
        m_corr = self.m[name] / (1 - self.beta1 ** self.t)
        v_corr = self.v[name] / (1 - self.beta2 ** self.t)
        return w - self.lr * m_corr / (np.sqrt(v_corr) + self.eps)


class Classifier:
    def __init__(self, params):
        self.params = {k: v.copy() for k, v in params.items()}

    def forward(self, X):
        p = self.params
        self.X = X
        self.h = 1 / (1 + np.exp(-(X @ p["W1"] + p["b1"])))
        logits = self.h @ p["W2"] + p["b2"]
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        self.probs = e / e.sum(axis=1, keepdims=True)

    def backward(self, y):
        d = (self.probs - y) / len(y)
        dh = d @ self.params["W2"].T * self.h * (1 - self.h)
        return {"W1": self.X.T @ dh, "b1": dh.sum(0), "W2": self.h.T @ d, "b2": d.sum(0)}

    def fit(self, X, y, opt, batches):
        for rows in batches:
            self.forward(X[rows])
            grads = self.backward(y[rows])
            for name in ("W1", "b1", "W2", "b2"):
                self.params[name] = opt.update(name, self.params[name], grads[name])


def train(params, x, t, lr, batches):
    clf = Classifier(params)
    clf.fit(x, t, Adam(lr=lr), batches)
    return clf.params


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
    EXPECT = {'after': {1: ['W2', 'b1', 'b2'], 2: ['W1', 'W2', 'b1', 'b2'], 3: ['W1', 'W2', 'b1', 'b2']}}

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
