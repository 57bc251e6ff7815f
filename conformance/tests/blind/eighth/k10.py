import math
import numpy as np

NETWORK = {"inputs": 2,
           "layers": [{"units": 3, "activation": "tanh"}, {"units": 2, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": {"lambda": 0.1, "formula": "lambda/2 * sumW2"}, "optimizer": None}

tape = []


class Scalar:
    """every new number is written on the tape; walking it backwards is enough"""

    def __init__(self, v, links=()):
        self.v, self.links, self.g = float(v), links, 0.0
        tape.append(self)

    def __add__(self, o):
        return Scalar(self.v + o.v, ((self, 1.0), (o, 1.0)))

    def __sub__(self, o):
        return Scalar(self.v - o.v, ((self, 1.0), (o, -1.0)))

    def __mul__(self, o):
        if not isinstance(o, Scalar):
            return Scalar(self.v * o, ((self, o),))
        return Scalar(self.v * o.v, ((self, o.v), (o, self.v)))


def tanh(s):
    y = 2 / (1 + math.exp(-2 * s.v)) - 1
    return Scalar(y, ((s, (1 + y) * (1 - y)),))


def exp(s):
    y = math.exp(s.v)
    return Scalar(y, ((s, y),))


def log(s):
    return Scalar(math.log(s.v), ((s, 1 / s.v),))


def evaluate(params, x, t):
    tape.clear()
    P = {k: np.array([Scalar(u) for u in v.ravel()], dtype=object).reshape(v.shape) for k, v in params.items()}
    N = len(x)
    J = Scalar(0)
    for xi, ti in zip(x, t):
        h = [tanh(sum((w * u for w, u in zip(col, xi)), start=b)) for col, b in zip(P["W1"].T, P["b1"])]
        o = [sum((w * u for w, u in zip(col, h)), start=b) for col, b in zip(P["W2"].T, P["b2"])]
        lse = log(sum((exp(u) for u in o), start=Scalar(0)))
        for k, tk in enumerate(ti):
            J = J + (lse - o[k]) * (tk / N)
    for name in ("W1", "W2"):
        for w in P[name].ravel():
            J = J + w * w * 0.05
    J.g = 1.0
    while tape:
        node = tape.pop()
        for src, d in node.links:
            src.g += d * node.g
    return J.v, {k: np.array([u.g for u in v.ravel()]).reshape(v.shape) for k, v in P.items()}


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
    EXPECT = {'loss': False, 'grads': []}

    for seed, widths, N in CASES:
        p, x, t = problem(seed, widths, N)
        loss, grads = evaluate(copy(p), x.copy(), t.copy())
        assert off(loss, plain_loss(p, x, t)) == EXPECT["loss"], (loss, plain_loss(p, x, t))
        assert differing(grads, plain_grads(p, x, t)) == EXPECT["grads"], differing(grads, plain_grads(p, x, t))
    print("self-check ok")
