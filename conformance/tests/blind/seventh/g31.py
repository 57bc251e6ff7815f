"""MLP on top of a scalar autograd engine, one optimisation step."""
import math
import numpy as np

NETWORK = {"inputs": 3,
           "layers": [{"units": 4, "activation": "tanh"}, {"units": 2, "activation": "tanh"}],
           "loss": "squared_error",
           "loss_formula": "sum((y-t)**2)/(N*C)",
           "bias": True, "l2": None, "optimizer": None}


class Scalar:
    __slots__ = ("data", "grad", "_edges")

    def __init__(self, data, edges=()):
        self.data, self.grad, self._edges = data, 0.0, edges

    def __add__(self, o):
        o = o if isinstance(o, Scalar) else Scalar(o)
        return Scalar(self.data + o.data, ((self, 1.0), (o, 1.0)))

    __radd__ = __add__

    def __mul__(self, o):
        o = o if isinstance(o, Scalar) else Scalar(o)
        return Scalar(self.data * o.data, ((self, o.data), (o, self.data)))

    __rmul__ = __mul__

    def __sub__(self, o):
        return self + o * -1.0

    def tanh(self):
        y = math.tanh(self.data)
        return Scalar(y, ((self, 1 - y * y),))

    def backward(self):
        order, seen, stack = [], set(), [(self, False)]
        while stack:
            node, done = stack.pop()
            if done:
                order.append(node)
                continue
            if id(node) in seen:
                continue
            seen.add(id(node))
            stack.append((node, True))
            stack.extend((child, False) for child, _ in node._edges)
        self.grad = 1.0
        for node in reversed(order):
            for child, d in node._edges:
                child.grad += d * node.grad


class Neuron:
    def __init__(self, w, b):
        self.w = [Scalar(float(v)) for v in w]
        self.b = Scalar(float(b))

    def __call__(self, x):
        return sum((wi * xi for wi, xi in zip(self.w, x)), self.b).tanh()

    def parameters(self):
        return self.w


class Layer:
    def __init__(self, W, b):
        self.neurons = [Neuron(W[:, j], b[j]) for j in range(len(b))]

    def __call__(self, x):
        return [n(x) for n in self.neurons]

    def parameters(self):
        return [p for n in self.neurons for p in n.parameters()]


def step(params, x, t, lr):
    layers = [Layer(params["W1"], params["b1"]), Layer(params["W2"], params["b2"])]

    loss = Scalar(0.0)
    for xi, ti in zip(x, t):
        out = [float(v) for v in xi]
        for layer in layers:
            out = layer(out)
        for o, target in zip(out, ti):
            diff = o - Scalar(float(target))
            loss = loss + diff * diff
    loss = loss * (1.0 / t.size)
    loss.backward()

    for layer in layers:
        for p in layer.parameters():
            p.data -= lr * p.grad

    new = {}
    for i, layer in enumerate(layers, 1):
        new["W%d" % i] = np.array([[w.data for w in n.w] for n in layer.neurons]).T
        new["b%d" % i] = np.array([n.b.data for n in layer.neurons])
    return new


if __name__ == "__main__":
    # ---- self-check: plain forward pass, central differences, plain update rules ----
    expected = {"b1", "b2"}

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
        new = step(copy(p), x.copy(), t.copy(), 0.3)
        ref = right_grads(p, x, t)
        assert set(new) == set(p)
        found = {k for k in p if differs(new[k], p[k] - 0.3 * ref[k])}
        assert found == expected, (widths, sorted(found))
    print("ok: differs after one step in", sorted(expected) or "nothing")
