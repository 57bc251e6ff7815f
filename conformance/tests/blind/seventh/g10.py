# toygrad: tensors with broadcasting. Course project, group 7.
import numpy as np

NETWORK = {"inputs": 4,
           "layers": [{"units": 5, "activation": "relu"}, {"units": 3, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy",
           "loss_formula": "-sum(t*log(y)+(1-t)*log(1-y))/(N*C)",
           "bias": True, "l2": None, "optimizer": None}


def unbroadcast(g, shape):
    while g.ndim > len(shape):
        g = g.sum(axis=0)
    for ax, n in enumerate(shape):
        if n == 1 and g.shape[ax] != 1:
            g = g.sum(axis=ax, keepdims=True)
    return g


class Tensor:
    def __init__(self, data, parents=(), back=None):
        self.data = np.asarray(data, dtype=np.float64)
        self.grad = np.zeros_like(self.data)
        self.parents = parents
        self.back = back

    @staticmethod
    def wrap(o):
        return o if isinstance(o, Tensor) else Tensor(o)

    def __add__(self, o):
        o = Tensor.wrap(o)

        def back(g):
            self.grad += unbroadcast(g, self.data.shape)
            o.grad += unbroadcast(g, o.data.shape)
        return Tensor(self.data + o.data, (self, o), back)

    __radd__ = __add__

    def __sub__(self, o):
        o = Tensor.wrap(o)

        def back(g):
            self.grad += unbroadcast(g, self.data.shape)
            o.grad -= unbroadcast(g, o.data.shape)
        return Tensor(self.data - o.data, (self, o), back)

    def __rsub__(self, o):
        o = Tensor.wrap(o)

        def back(g):
            self.grad += unbroadcast(g, self.data.shape)
            o.grad += unbroadcast(g, o.data.shape)
        return Tensor(o.data - self.data, (self, o), back)

    def __mul__(self, o):
        o = Tensor.wrap(o)

        def back(g):
            self.grad += unbroadcast(g * o.data, self.data.shape)
            o.grad += unbroadcast(g * self.data, o.data.shape)
        return Tensor(self.data * o.data, (self, o), back)

    def __matmul__(self, o):
        def back(g):
            self.grad += g @ o.data.T
            o.grad += self.data.T @ g
        return Tensor(self.data @ o.data, (self, o), back)

    def relu(self):
        def back(g):
            self.grad += g * (self.data > 0)
        return Tensor(np.maximum(self.data, 0), (self,), back)

    def sigmoid(self):
        s = 1 / (1 + np.exp(-self.data))

        def back(g):
            self.grad += g * s * (1 - s)
        return Tensor(s, (self,), back)

    def log(self):
        def back(g):
            self.grad += g / self.data
        return Tensor(np.log(self.data), (self,), back)

    def mean(self):
        def back(g):
            self.grad += g * np.ones_like(self.data) / self.data.size
        return Tensor(self.data.mean(), (self,), back)

    def backward(self):
        order, seen = [], set()

        def visit(n):
            if id(n) in seen:
                return
            seen.add(id(n))
            for p in n.parents:
                visit(p)
            order.append(n)
        visit(self)
        self.grad = np.ones_like(self.data)
        for n in reversed(order):
            if n.back is not None:
                n.back(n.grad)


def evaluate(params, x, t):
    p = {k: Tensor(v) for k, v in params.items()}
    X, T = Tensor(x), Tensor(t)
    h = (X @ p["W1"] + p["b1"]).relu()
    y = (h @ p["W2"] + p["b2"]).sigmoid()
    loss = (T * y.log() + Tensor(1 - t) * (1 - y).log()).mean() * -1.0
    loss.backward()
    return float(loss.data), {k: v.grad for k, v in p.items()}


if __name__ == "__main__":
    # ---- self-check: plain forward pass, central differences, plain update rules ----
    expected = {"W1", "W2", "b1", "b2"}

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
