# Automatic differentiation in 40 lines (blog post, part 1)
import math
import numpy as np

NETWORK = {"inputs": 2,
           "layers": [{"units": 4, "activation": "tanh"}, {"units": 3, "activation": "linear"}],
           "loss": "squared_error",
           "loss_formula": "0.5*mean((y-t)**2)",
           "bias": True, "l2": None, "optimizer": None}


class Var:
    """A number that remembers (parent, local derivative) pairs."""

    def __init__(self, value, parents=()):
        self.value = value
        self.parents = parents
        self.grad = 0.0

    def __add__(self, o):
        return Var(self.value + o.value, ((self, 1.0), (o, 1.0)))

    def __sub__(self, o):
        return Var(self.value - o.value, ((self, 1.0), (o, -1.0)))

    def __mul__(self, o):
        return Var(self.value * o.value, ((self, o.value), (o, self.value)))

    def backward(self, seed=1.0):
        self.grad += seed
        for parent, local in self.parents:
            parent.backward(local * self.grad)


def tanh(v):
    y = math.tanh(v.value)
    return Var(y, ((v, 1 - y * y),))


def square(v):
    return Var(v.value ** 2, ((v, 2 * v.value),))


def dense(inputs, W, b):
    out = []
    for j in range(len(b)):
        acc = b[j]
        for i, a in enumerate(inputs):
            acc = acc + a * W[i][j]
        out.append(acc)
    return out


def evaluate(params, x, t):
    W1 = [[Var(w) for w in row] for row in params["W1"].tolist()]
    W2 = [[Var(w) for w in row] for row in params["W2"].tolist()]
    b1 = [Var(b) for b in params["b1"].tolist()]
    b2 = [Var(b) for b in params["b2"].tolist()]
    total = 0.0
    scale = Var(0.5 / t.size)
    for xi, ti in zip(x.tolist(), t.tolist()):
        h = [tanh(z) for z in dense([Var(v) for v in xi], W1, b1)]
        y = dense(h, W2, b2)
        sample = Var(0.0)
        for yk, tk in zip(y, ti):
            sample = sample + square(yk - Var(tk))
        err = sample * scale
        err.backward()
        total += err.value
    g = lambda v: v.grad
    return total, {"W1": np.array([[g(w) for w in r] for r in W1]), "b1": np.array([g(b) for b in b1]),
                   "W2": np.array([[g(w) for w in r] for r in W2]), "b2": np.array([g(b) for b in b2])}


if __name__ == "__main__":
    # ---- self-check: plain forward pass, central differences, plain update rules ----
    expected = {"W1", "b1"}

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
