"""A gradient tape: every operation appends one row, the tape is read backwards."""
import math
import numpy as np

NETWORK = {
    "inputs": 2,
    "layers": [{"units": 3, "activation": "sigmoid"}, {"units": 2, "activation": "sigmoid"}],
    "loss": "binary_cross_entropy",
    "loss_formula": "-sum(t*log(y)+(1-t)*log(1-y))/N",
    "bias": True, "l2": None, "optimizer": None,
}


class Tape:
    def __init__(self):
        self.value, self.rows = [], []

    def push(self, value, *links):
        self.value.append(value)
        self.rows.append(links)
        return len(self.value) - 1

    def var(self, v):
        return self.push(float(v))

    def add(self, a, b):
        return self.push(self.value[a] + self.value[b], (a, 1.0), (b, 1.0))

    def mul(self, a, b):
        return self.push(self.value[a] * self.value[b], (a, self.value[b]), (b, self.value[a]))

    def tanh(self, a):
        v = math.tanh(self.value[a])
        return self.push(v, (a, 1.0 - v * v))

    def softplus(self, a):
        v = self.value[a]
        return self.push(max(v, 0.0) + math.log1p(math.exp(-abs(v))), (a, 0.5 * (1.0 + math.tanh(0.5 * v))))

    def gradient(self, root):
        bar = [0.0] * len(self.value)
        bar[root] = 1.0
        for i in range(root, -1, -1):
            for j, d in self.rows[i]:
                bar[j] += d * bar[i]
        return bar


def evaluate(params, x, t):
    tape = Tape()
    ids = {k: np.vectorize(tape.var, otypes=[int])(p) for k, p in params.items()}
    half, minus = tape.var(0.5), tape.var(-1.0)

    def dense(inputs, i):
        result = []
        for k in range(params["b%d" % i].size):
            s = ids["b%d" % i][k]
            for j, a in enumerate(inputs):
                s = tape.add(tape.mul(a, ids["W%d" % i][j, k]), s)
            result.append(s)
        return result

    total = tape.var(0.0)
    for row, goals in zip(x, t):
        z1 = dense([tape.var(v) for v in row], 1)
        # sigmoid(z) = (1 + tanh(z/2)) / 2
        h = [tape.add(half, tape.mul(half, tape.tanh(tape.mul(half, z)))) for z in z1]
        for z, goal in zip(dense(h, 2), goals):
            # -log sigmoid(z) = softplus(-z);  -log(1 - sigmoid(z)) = softplus(z)
            pos = tape.softplus(tape.mul(minus, z))
            neg = tape.softplus(z)
            term = tape.add(tape.mul(tape.var(goal), pos), tape.mul(tape.var(1.0 - goal), neg))
            total = tape.add(total, term)
    loss = tape.mul(total, tape.var(1.0 / len(x)))
    bar = np.array(tape.gradient(loss))
    return tape.value[loss], {k: bar[v] for k, v in ids.items()}


if __name__ == "__main__":
    # (number of samples, scale of the parameters) -> names that differ from the reference
    EXPECTED = {(4, 1.0): set(), (1, 2.0): set()}

    def ref_loss(p, x, t):
        y, N, C = x, len(x), t.shape[1]
        for i, spec in enumerate(NETWORK["layers"], 1):
            z = y @ p["W%d" % i] + p["b%d" % i]
            y = 1 / (1 + np.exp(-z))
        value = -np.sum(t*np.log(y)+(1-t)*np.log(1-y))/N
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
        t = rng.integers(0, 2, (N, d)).astype(float)
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
