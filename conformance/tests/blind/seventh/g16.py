# mini-framework: Layer / Sequential / SGD
import numpy as np

NETWORK = {"inputs": 4,
           "layers": [{"units": 6, "activation": "relu"}, {"units": 5, "activation": "tanh"},
                      {"units": 2, "activation": "linear"}],
           "loss": "squared_error",
           "loss_formula": "mean((y-t)**2)",
           "bias": True, "l2": None,
           "optimizer": {"name": "sgd"}}


class Linear:
    def __init__(self, W, b):
        self.W, self.b = W.copy(), b.copy()
        self.dW, self.db = np.zeros_like(W), np.zeros_like(b)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, g):
        self.dW += self.x.T @ g
        self.db += g.sum(axis=0)
        return g @ self.W.T

    def parameters(self):
        return [(self.W, self.dW), (self.b, self.db)]


class ReLU:
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, g):
        return g * self.mask

    def parameters(self):
        return []


class Tanh:
    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, g):
        return g * (1 - self.y ** 2)

    def parameters(self):
        return []


class Sequential:
    def __init__(self, *layers):
        self.layers = layers

    def forward(self, x):
        for l in self.layers:
            x = l.forward(x)
        return x

    def backward(self, g):
        for l in reversed(self.layers):
            g = l.backward(g)
        return g

    def parameters(self):
        return [p for l in self.layers for p in l.parameters()]


class SGD:
    def __init__(self, parameters, lr):
        self.parameters, self.lr = parameters, lr

    def step(self):
        for p, g in self.parameters:
            p -= self.lr * g

    def zero_grad(self):
        for _, g in self.parameters:
            g[...] = 0


def train(params, x, t, lr, batches):
    fc = [Linear(params["W%d" % i], params["b%d" % i]) for i in (1, 2, 3)]
    model = Sequential(fc[0], ReLU(), fc[1], Tanh(), fc[2])
    opt = SGD(model.parameters(), lr)
    opt.zero_grad()
    for idx in batches:
        y = model.forward(x[idx])
        model.backward(2 * (y - t[idx]) / y.size)
        opt.step()
    return {n + str(i + 1): getattr(fc[i], n) for i in range(3) for n in "Wb"}


if __name__ == "__main__":
    # ---- self-check: plain forward pass, central differences, plain update rules ----
    expected = {1: set(), 2: {"W1", "W2", "W3", "b1", "b2", "b3"}, 4: {"W1", "W2", "W3", "b1", "b2", "b3"}}

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

    def right_train(p, x, t, lr, batches):
        opt = NETWORK["optimizer"]
        p = copy(p)
        m = {k: np.zeros_like(v) for k, v in p.items()}
        v = {k: np.zeros_like(q) for k, q in p.items()}
        if opt.get("batch") == 1:
            batches = [[i] for b in batches for i in b]
        for count, rows in enumerate(batches, 1):
            g = right_grads(p, x[rows], t[rows])
            for k in p:
                if opt["name"] == "sgd":
                    p[k] = p[k] - lr * g[k]
                elif opt["name"] == "momentum" and "+ lr*g" in opt["rule"]:
                    v[k] = opt["beta"] * v[k] + lr * g[k]
                    p[k] = p[k] - v[k]
                elif opt["name"] == "momentum":
                    v[k] = opt["beta"] * v[k] + (1 - opt["beta"]) * g[k]
                    p[k] = p[k] - lr * v[k]
                elif opt["name"] == "rmsprop":
                    v[k] = opt["rho"] * v[k] + (1 - opt["rho"]) * g[k] ** 2
                    p[k] = p[k] - lr * g[k] / (np.sqrt(v[k]) + opt["eps"])
                elif opt["name"] == "adam":
                    m[k] = opt["beta1"] * m[k] + (1 - opt["beta1"]) * g[k]
                    v[k] = opt["beta2"] * v[k] + (1 - opt["beta2"]) * g[k] ** 2
                    mh = m[k] / (1 - opt["beta1"] ** count)
                    vh = v[k] / (1 - opt["beta2"] ** count)
                    p[k] = p[k] - lr * mh / (np.sqrt(vh) + opt["eps"])
        return p

    batches = [[3, 7, 1, 10], [0, 5, 2], [11, 4, 8, 9, 6], [7, 0, 11, 2]]
    for seed, widths in ((1, own), (2, [5, 3, 6, 4][:n_layers + 1]), (3, [2, 7, 4, 3][:n_layers + 1])):
        p, x, t = problem(seed, widths, 12)
        for k in (1, 2, 4):
            got = train(copy(p), x.copy(), t.copy(), 0.3, batches[:k])
            ref = right_train(p, x, t, 0.3, batches[:k])
            assert set(got) == set(p)
            found = {n for n in p if differs(got[n], ref[n])}
            assert found == expected[k], (widths, k, sorted(found))
    print("ok: after 1, 2, 4 batches differs in", [sorted(expected[k]) for k in (1, 2, 4)])
