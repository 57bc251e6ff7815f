"""Reverse mode on a flat tape; cotangents live in a dict keyed by the position on the tape."""
import numpy as np

NETWORK = {"inputs": 4,
           "layers": [{"units": 5, "activation": "elu", "alpha": 1.0},
                      {"units": 4, "activation": "softplus"},
                      {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy",
           "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": {"lambda": 0.3, "formula": "lambda/2*sumW2"}, "optimizer": None}


class Tape:
    def __init__(self):
        self.values, self.rules = [], []

    def record(self, value, *rules):
        self.values.append(np.asarray(value))
        self.rules.append(rules)
        return len(self.values) - 1

    def leaf(self, value):
        return self.record(value)

    def affine(self, a, w, b):
        A, W = self.values[a], self.values[w]
        return self.record(A @ W + self.values[b],
                           (a, lambda g: g @ W.T),
                           (w, lambda g: A.T @ g),
                           (b, lambda g: g.sum(0)))

    def elu(self, a):
        z = self.values[a]
        neg = np.exp(np.minimum(z, 0))
        return self.record(np.maximum(z, 0) + neg - 1, (a, lambda g: g * neg))

    def softplus(self, a):
        out = np.logaddexp(0, self.values[a])
        return self.record(out, (a, lambda g: g * -np.expm1(-out)))

    def log_softmax(self, a):
        z = self.values[a]
        out = z - np.logaddexp.reduce(z, axis=1, keepdims=True)
        return self.record(out, (a, lambda g: g - np.exp(out) * g.sum(1, keepdims=True)))

    def inner(self, a, const):
        return self.record((self.values[a] * const).sum(), (a, lambda g: g * const))

    def half_square(self, a):
        v = self.values[a]
        return self.record(0.5 * (v * v).sum(), (a, lambda g: g * v))

    def combine(self, *terms):
        total = sum(c * self.values[i] for c, i in terms)
        return self.record(total, *((i, lambda g, c=c: g * c) for c, i in terms))

    def pull(self, root):
        bar = {root: np.float64(1.0)}
        for i in range(root, -1, -1):
            if i in bar:
                for j, rule in self.rules[i]:
                    bar[j] = bar.get(j, 0.0) + rule(bar[i])
        return bar


def evaluate(params, x, t):
    tape = Tape()
    at = {k: tape.leaf(v) for k, v in params.items()}
    h = tape.leaf(x)
    h = tape.elu(tape.affine(h, at["W1"], at["b1"]))
    h = tape.softplus(tape.affine(h, at["W2"], at["b2"]))
    h = tape.log_softmax(tape.affine(h, at["W3"], at["b3"]))
    fit = tape.inner(h, t)
    terms = [(-1.0 / len(x), fit)] + [(0.3, tape.half_square(at[k])) for k in at if k[0] == "W"]
    root = tape.combine(*terms)
    bar = tape.pull(root)
    return float(tape.values[root]), {k: bar[i] for k, i in at.items()}


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = np.where(z > 0, z, 1.0 * np.expm1(np.minimum(z, 0.0)))
        z = h @ p["W2"] + p["b2"]
        h = np.logaddexp(z, 0.0)
        z = h @ p["W3"] + p["b3"]
        h = np.exp(z - z.max(axis=1, keepdims=True)); h = h / h.sum(axis=1, keepdims=True)
        y, (N, C) = h, t.shape
        sumW2 = sum((v ** 2).sum() for k, v in p.items() if k.startswith("W"))
        return -np.sum(t*np.log(y)) / N + 0.3/2*sumW2

    def right_grads(p, x, t, h=1e-5):
        out = {}
        for k, v in p.items():
            g = np.zeros(v.shape)
            for i in np.ndindex(*v.shape):
                q = {a: b.copy() for a, b in p.items()}
                q[k][i] += h
                up = right_loss(q, x, t)
                q[k][i] -= 2 * h
                g[i] = (up - right_loss(q, x, t)) / (2 * h)
            out[k] = g
        return out

    def worst(got, want):
        assert set(got) == set(want)
        assert all(np.shape(got[k]) == np.shape(want[k]) for k in want)
        return max(np.abs(got[k] - want[k]).max() / max(np.abs(want[k]).max(), 1e-8) for k in want)

    rng = np.random.default_rng(120)
    for *widths, n in [(3, 4, 4, 4, 7), (4, 6, 5, 4, 7), (3, 4, 5, 3, 6)]:
        p = {}
        for i, (a, b) in enumerate(zip(widths, widths[1:]), 1):
            p["W%d" % i] = rng.normal(size=(a, b)) * 0.8
            p["b%d" % i] = rng.normal(size=b) * 0.3
        x = rng.normal(size=(n, widths[0]))
        t = np.eye(widths[-1])[rng.integers(0, widths[-1], size=n)]
        loss, grads = evaluate(p, x, t)
        want = dict(right_grads(p, x, t), loss=right_loss(p, x, t))
        error = worst(dict(grads, loss=loss), want)
        assert error < 1e-5, error
        print(widths, n, "worst relative difference", error)
