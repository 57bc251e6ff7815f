"""Small tensor autograd with SGD, PyTorch-like."""
import numpy as np

NETWORK = {
    "inputs": 3,
    "layers": [{"units": 4, "activation": "relu"}, {"units": 3, "activation": "softmax"}],
    "loss": "cross_entropy", "loss_formula": "-sum(t*log(y))/N",
    "bias": True, "l2": None,
    "optimizer": {"name": "sgd", "formula": "w=w-lr*g"},
}


class Tensor:
    def __init__(self, data, ctx=None):
        self.data, self.ctx, self.grad = data, ctx, None

    def accumulate(self, g):
        self.grad = g if self.grad is None else self.grad + g

    def backward(self):
        self.grad = np.ones_like(self.data)
        node = [self]
        while node:                       # the graph of a feed-forward net is a chain
            cur = node.pop()
            op, inputs = cur.ctx
            for inp, g in zip(inputs, op.backward(cur.grad)):
                inp.accumulate(g)
            node += [inp for inp in inputs if inp.ctx]


class Affine:
    def __call__(self, x, W, b):
        self.x, self.W = x.data, W.data
        return Tensor(x.data @ W.data + b.data, (self, (x, W, b)))

    def backward(self, g):
        return g @ self.W.T, self.x.T @ g, g.sum(axis=0)


class ReLU:
    def __call__(self, x):
        self.mask = x.data > 0
        return Tensor(x.data * self.mask, (self, (x,)))

    def backward(self, g):
        return (g * self.mask,)


class CrossEntropy:
    def __call__(self, z, t):
        e = np.exp(z.data - z.data.max(axis=1, keepdims=True))
        self.p, self.t = e / e.sum(axis=1, keepdims=True), t
        return Tensor(-np.sum(t * np.log(self.p)) / len(t), (self, (z,)))

    def backward(self, g):
        return (g * (self.p - self.t) / len(self.t),)


class SGD:
    def __init__(self, tensors, lr):
        self.tensors, self.lr = tensors, lr

    def step(self):
        for w in self.tensors:
            w.data = w.data - self.lr * w.grad


def train(params, x, t, lr, batches):
    w = {k: Tensor(v) for k, v in params.items()}
    optimizer = SGD(list(w.values()), lr)
    for batch in batches:
        h = ReLU()(Affine()(Tensor(x[batch]), w["W1"], w["b1"]))
        loss = CrossEntropy()(Affine()(h, w["W2"], w["b2"]), t[batch])
        loss.backward()
        optimizer.step()
    return {k: v.data for k, v in w.items()}


if __name__ == "__main__":
    # number of batches used -> names that differ from the reference
    EXPECTED = {1: set(), 3: {'W1', 'W2', 'b1', 'b2'}}

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
        N, scale = 7, 0.8
        batches = [[4, 1, 3], [0, 6, 2], [5, 1]][:key]
        rng = np.random.default_rng(3)
        p, d = {}, NETWORK["inputs"]
        for i, spec in enumerate(NETWORK["layers"], 1):
            p["W%d" % i] = scale * rng.normal(size=(d, spec["units"]))
            p["b%d" % i] = scale * rng.normal(size=spec["units"])
            d = spec["units"]
        x = rng.normal(size=(N, NETWORK["inputs"]))
        t = np.eye(d)[rng.integers(0, d, N)]
        args = [{k: v.copy() for k, v in p.items()}, x.copy(), t.copy()]
        lr, right = 0.1, {k: v.copy() for k, v in p.items()}
        got = train(*args, lr, batches)
        again = train({k: v.copy() for k, v in p.items()}, x.copy(), t.copy(), lr, batches)
        for n, rows in enumerate(batches, 1):
            g = ref_grad(right, x[rows], t[rows])
            for k in p:
                right[k] = right[k] - lr * g[k]
        assert set(got) == set(right) and all(np.shape(got[k]) == np.shape(right[k]) for k in right)
        differ = {k for k in right if not np.allclose(got[k], right[k], rtol=1e-6, atol=1e-6)}
        differ |= {"again" for k in again if not np.array_equal(again[k], got[k])}
        differ |= {"params" for k in p if not np.array_equal(p[k], args[0][k])}
        differ |= {n for n, u, w in (("x", x, args[1]), ("t", t, args[2])) if not np.array_equal(u, w)}
        assert differ == names, (key, differ)
    print("confirmed", EXPECTED)
