import numpy as np

NETWORK = {"inputs": 3,
           "layers": [{"units": 5, "activation": "tanh"}, {"units": 2, "activation": "linear"}],
           "loss": "squared_error",
           "loss_formula": "mean((y-t)**2)",
           "bias": True,
           "l2": None,
           "optimizer": {"name": "sgd"}}


class Parameter:
    def __init__(self, data):
        self.data = np.array(data, dtype=float)
        self.grad = np.zeros_like(self.data)


class Linear:
    def __init__(self, weight, bias):
        self.weight, self.bias = Parameter(weight), Parameter(bias)

    def __call__(self, x):
        self.x = x
        return x @ self.weight.data + self.bias.data

    def backward(self, g):
        self.weight.grad += self.x.T @ g
        self.bias.grad += g.sum(0)
        return g @ self.weight.data.T

    def parameters(self):
        return [self.weight, self.bias]


class Tanh:
    def __call__(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, g):
        return g * (1 - self.y ** 2)

    def parameters(self):
        return []


class MSELoss:
    def __call__(self, y, t):
        self.diff = y - t
        return np.mean(self.diff ** 2)

    def backward(self):
        return 2 * self.diff / self.diff.size


class Sequential:
    def __init__(self, *mods):
        self.mods = mods

    def __call__(self, x):
        for mod in self.mods:
            x = mod(x)
        return x

    def backward(self, g):
        for mod in reversed(self.mods):
            g = mod.backward(g)

    def parameters(self):
        return [p for mod in self.mods for p in mod.parameters()]


class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = params, lr

    def zero_grad(self):
        for p in self.params:
            p.grad[...] = 0

    def step(self):
        for p in self.params:
            p.data -= self.lr * p.grad


def train(params, x, t, lr, batches):
    fc1 = Linear(params["W1"], params["b1"])
    fc2 = Linear(params["W2"], params["b2"])
    model = Sequential(fc1, Tanh(), fc2)
    criterion = MSELoss()
    opt = SGD(model.parameters(), lr)

    opt.zero_grad()
    for rows in batches:
        loss = criterion(model(x[rows]), t[rows])
        model.backward(criterion.backward())
        opt.step()

    return {"W1": fc1.weight.data, "b1": fc1.bias.data, "W2": fc2.weight.data, "b2": fc2.bias.data}


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
        for n, rows in enumerate(batches, 1):
            g = _numgrad(p, x[rows], t[rows])
            for k in p:
                p[k] = p[k] - lr * g[k]
        return p

    _units = [NETWORK["inputs"]] + [layer["units"] for layer in NETWORK["layers"]]
    for _seed, _widths, _n in ((0, [u + 1 + i % 2 for i, u in enumerate(_units)], 9),
                               (1, [max(2, u - 1) + (i == len(_units) - 1) for i, u in enumerate(_units)], 11)):
        p, x, t = _make(_seed, _widths, _n)
        lr, opt = 0.2, NETWORK["optimizer"]
        batches = [[3, 0, 5, 1], [2, 6, 4, 7], [8, 1, 0]]
        for count, expected in {1: [], 3: ['W1', 'b1', 'W2', 'b2']}.items():
            got = train(_copy(p), x.copy(), t.copy(), lr, batches[:count])
            ref = _reference(_copy(p), x, t, lr, batches[:count], opt)
            assert set(got) == set(p)
            wrong = [k for k in p if _differs(got[k], ref[k])]
            assert wrong == expected, (count, wrong)
    print("ok")
