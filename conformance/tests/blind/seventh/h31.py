import math
import numpy as np

NETWORK = {"inputs": 2,
           "layers": [{"units": 4, "activation": "sigmoid"}, {"units": 2, "activation": "linear"}],
           "loss": "squared_error",
           "loss_formula": "sum((y-t)**2) / (2*N)",
           "bias": True,
           "l2": None,
           "optimizer": None}


class Scalar:
    __slots__ = ("v", "g", "deps")

    def __init__(self, v, deps=()):
        self.v = v
        self.g = 0.0
        self.deps = deps      # pairs (Scalar, local derivative)

    @staticmethod
    def of(o):
        return o if isinstance(o, Scalar) else Scalar(float(o))

    def __add__(self, o):
        o = Scalar.of(o)
        return Scalar(self.v + o.v, ((self, 1.0), (o, 1.0)))

    def __sub__(self, o):
        o = Scalar.of(o)
        return Scalar(self.v - o.v, ((self, 1.0), (o, -1.0)))

    def __mul__(self, o):
        o = Scalar.of(o)
        return Scalar(self.v * o.v, ((self, o.v), (o, self.v)))

    def __truediv__(self, o):
        o = Scalar.of(o)
        return Scalar(self.v / o.v, ((self, 1.0 / o.v), (o, -self.v / o.v)))

    def __neg__(self):
        return Scalar(-self.v, ((self, -1.0),))

    __radd__ = __add__
    __rmul__ = __mul__

    def __rtruediv__(self, o):
        return Scalar.of(o) / self

    def exp(self):
        e = math.exp(self.v)
        return Scalar(e, ((self, e),))

    def sigmoid(self):
        return 1.0 / (1.0 + (-self).exp())

    def backprop(self):
        order, visited = [], set()

        def dfs(n):
            if id(n) not in visited:
                visited.add(id(n))
                for d, _ in n.deps:
                    dfs(d)
                order.append(n)
        dfs(self)
        self.g = 1.0
        for n in reversed(order):
            for d, local in n.deps:
                d.g += local * n.g


def evaluate(params, x, t):
    to_scalar = np.vectorize(Scalar, otypes=[object])
    grad_of = np.vectorize(lambda s: s.g, otypes=[float])
    sig = np.vectorize(Scalar.sigmoid, otypes=[object])
    P = {k: to_scalar(v) for k, v in params.items()}

    cost = Scalar(0.0)
    for xi, ti in zip(x, t):
        a = sig(xi.astype(object) @ P["W1"] + P["b1"])
        y = a @ P["W2"] + P["b2"]
        for yk, tk in zip(y, ti):
            e = yk - tk
            cost = cost + e * e
    cost = cost / (2 * len(x))
    cost.backprop()
    return cost.v, {k: grad_of(s) for k, s in P.items()}


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
        assert wrong == ['W1', 'b1'], wrong
    print("ok")
