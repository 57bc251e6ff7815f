import numpy as np

NETWORK = {"inputs": 3,
           "layers": [{"units": 6, "activation": "tanh"}, {"units": 2, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy",
           "loss_formula": "-sum(t*log(y)+(1-t)*log(1-y)) / N",
           "bias": True,
           "l2": None,
           "optimizer": {"name": "rmsprop", "rho": 0.9, "eps": 1e-8}}


class RMSprop:
    def __init__(self, learning_rate=0.01, rho=0.9, epsilon=1e-8):
        self.learning_rate = learning_rate
        self.rho = rho
        self.epsilon = epsilon
        self.cache = None

    def update(self, w, grad_wrt_w):
        if self.cache is None:
            self.cache = np.zeros(np.shape(grad_wrt_w))
        self.cache = self.rho * self.cache + np.power(grad_wrt_w, 2)
        return w - self.learning_rate * grad_wrt_w / (np.sqrt(self.cache) + self.epsilon)


class MultilayerPerceptron:
    def __init__(self, params, learning_rate):
        self.W, self.w0 = params["W1"].copy(), params["b1"].copy()
        self.V, self.v0 = params["W2"].copy(), params["b2"].copy()
        self.opts = [RMSprop(learning_rate) for _ in range(4)]

    def _forward(self, X):
        self.hidden_output = np.tanh(X.dot(self.W) + self.w0)
        return 1 / (1 + np.exp(-(self.hidden_output.dot(self.V) + self.v0)))

    def fit_batch(self, X, y):
        y_pred = self._forward(X)
        grad_wrt_out = (y_pred - y) / X.shape[0]
        grad_v = self.hidden_output.T.dot(grad_wrt_out)
        grad_v0 = np.sum(grad_wrt_out, axis=0)
        grad_wrt_hidden = grad_wrt_out.dot(self.V.T) * (1 - self.hidden_output ** 2)
        grad_w = X.T.dot(grad_wrt_hidden)
        grad_w0 = np.sum(grad_wrt_hidden, axis=0)

        self.V = self.opts[0].update(self.V, grad_v)
        self.v0 = self.opts[1].update(self.v0, grad_v0)
        self.W = self.opts[2].update(self.W, grad_w)
        self.w0 = self.opts[3].update(self.w0, grad_w0)


def train(params, x, t, lr, batches):
    clf = MultilayerPerceptron(params, lr)
    for batch in batches:
        clf.fit_batch(x[batch], t[batch])
    return {"W1": clf.W, "b1": clf.w0, "W2": clf.V, "b2": clf.v0}


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
        v = {k: 0.0 for k in p}
        for n, rows in enumerate(batches, 1):
            g = _numgrad(p, x[rows], t[rows])
            for k in p:
                v[k] = opt["rho"] * v[k] + (1 - opt["rho"]) * g[k] ** 2
                p[k] = p[k] - lr * g[k] / (np.sqrt(v[k]) + opt["eps"])
        return p

    _units = [NETWORK["inputs"]] + [layer["units"] for layer in NETWORK["layers"]]
    for _seed, _widths, _n in ((0, [u + 1 + i % 2 for i, u in enumerate(_units)], 9),
                               (1, [max(2, u - 1) + (i == len(_units) - 1) for i, u in enumerate(_units)], 11)):
        p, x, t = _make(_seed, _widths, _n)
        lr, opt = 0.02, NETWORK["optimizer"]
        batches = [[3, 0, 5, 1], [2, 6, 4, 7], [8, 1, 0]]
        for count, expected in {1: ['W1', 'b1', 'W2', 'b2'], 3: ['W1', 'b1', 'W2', 'b2']}.items():
            got = train(_copy(p), x.copy(), t.copy(), lr, batches[:count])
            ref = _reference(_copy(p), x, t, lr, batches[:count], opt)
            assert set(got) == set(p)
            wrong = [k for k in p if _differs(got[k], ref[k])]
            assert wrong == expected, (count, wrong)
    print("ok")
