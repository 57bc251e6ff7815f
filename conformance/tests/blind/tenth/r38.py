"""Tensor autograd in sixty lines (softmax is built from exp, sum and /)."""
import numpy as np

NETWORK = {
    "inputs": 3,
    "layers": [{"units": 4, "activation": "relu"}, {"units": 3, "activation": "softmax"}],
    "loss": "cross_entropy", "loss_formula": "-sum(t*log(y))/N",
    "bias": True, "l2": None, "optimizer": None,
}


def unbroadcast(g, shape):
    while g.ndim > len(shape):
        g = g.sum(axis=0)
    for ax, n in enumerate(shape):
        if n == 1:
            g = g.sum(axis=ax, keepdims=True)
    return g


class Tensor:
    def __init__(self, data, deps=()):
        self.data = np.asarray(data, dtype=float)
        self.grad = np.zeros_like(self.data)
        self.deps = deps          # (tensor, function of the incoming gradient)

    def __add__(self, o):
        return Tensor(self.data + o.data, ((self, lambda g: g), (o, lambda g: g)))

    def __matmul__(self, o):
        return Tensor(self.data @ o.data, ((self, lambda g: g @ o.data.T), (o, lambda g: self.data.T @ g)))

    def __mul__(self, o):
        return Tensor(self.data * o.data, ((self, lambda g: g * o.data), (o, lambda g: g * self.data)))

    def __truediv__(self, o):
        return Tensor(self.data / o.data, ((self, lambda g: g / o.data),
                                           (o, lambda g: -g * self.data / o.data)))

    def relu(self):
        return Tensor(np.maximum(self.data, 0), ((self, lambda g: g * (self.data > 0)),))

    def exp(self):
        e = np.exp(self.data)
        return Tensor(e, ((self, lambda g: g * e),))

    def log(self):
        return Tensor(np.log(self.data), ((self, lambda g: g / self.data),))

    def sum(self, axis=None):
        out = self.data.sum(axis=axis, keepdims=True)
        return Tensor(out, ((self, lambda g: g * np.ones_like(self.data)),))

    def backward(self):
        topo, seen = [], set()

        def walk(n):
            if id(n) in seen:
                return
            seen.add(id(n))
            for d, _ in n.deps:
                walk(d)
            topo.append(n)
        walk(self)
        self.grad = np.ones_like(self.data)
        for n in topo[::-1]:
            for d, f in n.deps:
                d.grad = d.grad + unbroadcast(f(n.grad), d.data.shape)


def evaluate(params, x, t):
    p = {k: Tensor(v) for k, v in params.items()}
    h = (Tensor(x) @ p["W1"] + p["b1"]).relu()
    z = h @ p["W2"] + p["b2"]
    z = z + Tensor(-z.data.max(axis=1, keepdims=True))
    e = z.exp()
    y = e / e.sum(axis=1)
    loss = (y.log() * Tensor(t)).sum() * Tensor(-1.0 / len(x))
    loss.backward()
    return float(loss.data.item()), {k: v.grad for k, v in p.items()}


if __name__ == "__main__":
    # (number of samples, scale of the parameters) -> names that differ from the reference
    EXPECTED = {(6, 1.0): {'W1', 'W2', 'b1', 'b2'}, (1, 0.7): {'W1', 'W2', 'b1', 'b2'}}

    def ref_loss(p, x, t):
        y, N, C = x, len(x), t.shape[1]
        for i, spec in enumerate(NETWORK["layers"], 1):
            z = y @ p["W%d" % i] + p["b%d" % i]
            if spec["activation"] == "relu":
                y = np.where(z > 0, z, 0.0)
            elif spec["activation"] == "softmax":
                y = np.exp(z - z.max(1, keepdims=True)) / np.exp(z - z.max(1, keepdims=True)).sum(1, keepdims=True)
        value = -np.sum(t*np.log(y))/N
        return value

    def ref_grad(p, x, t, h=1e-5):
        g = {k: np.zeros_like(v) for k, v in p.items()}
        for k in p:
            for i in np.ndindex(p[k].shape):
                hi = {n: v.copy() for n, v in p.items()}
                lo = {n: v.copy() for n, v in p.items()}
                hi[k][i] += h
                lo[k][i] -= h
                g[k][i] = (ref_loss(hi, x, t) - ref_loss(lo, x, t)) / (2 * h)
        return g

    for key, names in EXPECTED.items():
        N, scale = key
        rng = np.random.default_rng(3)
        p, d = {}, NETWORK["inputs"]
        for i, spec in enumerate(NETWORK["layers"], 1):
            p["W%d" % i] = scale * rng.normal(size=(d, spec["units"]))
            p["b%d" % i] = scale * rng.normal(size=spec["units"])
            d = spec["units"]
        x = rng.normal(size=(N, NETWORK["inputs"]))
        t = np.eye(d)[rng.integers(0, d, N)]
        args = [{k: v.copy() for k, v in p.items()}, x.copy(), t.copy()]
        loss, got = evaluate(*args)
        again = evaluate({k: v.copy() for k, v in p.items()}, x.copy(), t.copy())[1]
        right = ref_grad(p, x, t)
        got, right = dict(got, loss=loss), dict(right, loss=ref_loss(p, x, t))
        assert set(got) == set(right) and all(np.shape(got[k]) == np.shape(right[k]) for k in right)
        differ = {k for k in right if not np.allclose(got[k], right[k], rtol=1e-6, atol=1e-6)}
        differ |= {"again" for k in again if not np.array_equal(again[k], got[k])}
        differ |= {"params" for k in p if not np.array_equal(p[k], args[0][k])}
        differ |= {n for n, u, w in (("x", x, args[1]), ("t", t, args[2])) if not np.array_equal(u, w)}
        assert differ == names, (key, differ)
    print("confirmed", EXPECTED)
