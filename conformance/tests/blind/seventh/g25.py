"""Wengert list: every operation is written on a tape, the tape is read backwards."""
import numpy as np

NETWORK = {"inputs": 3,
           "layers": [{"units": 5, "activation": "softplus"}, {"units": 4, "activation": "softmax"}],
           "loss": "cross_entropy",
           "loss_formula": "-sum(t*log(y))/N",
           "bias": True, "l2": None, "optimizer": None}


class Tape:
    def __init__(self):
        self.values, self.rules = [], []

    def put(self, value, *rules):
        """rules: pairs (slot, function of the incoming gradient)"""
        self.values.append(value)
        self.rules.append(rules)
        return len(self.values) - 1

    def matmul(self, a, b):
        A, B = self.values[a], self.values[b]
        return self.put(A @ B, (a, lambda g: g @ B.T), (b, lambda g: A.T @ g))

    def add_row(self, a, b):
        return self.put(self.values[a] + self.values[b], (a, lambda g: g), (b, lambda g: g.sum(0)))

    def softplus(self, a):
        out = np.logaddexp(0, self.values[a])
        # derivative from the output alone: 1 - exp(-softplus(z))
        return self.put(out, (a, lambda g: -g * np.expm1(-out)))

    def logsumexp(self, a):
        A = self.values[a]
        top = A.max(1, keepdims=True)
        out = top + np.log(np.exp(A - top).sum(1, keepdims=True))
        return self.put(out, (a, lambda g: g * np.exp(A - out)))

    def dot(self, a, const):
        return self.put(np.sum(self.values[a] * const), (a, lambda g: g * const))

    def sub(self, a, b):
        return self.put(self.values[a] - self.values[b], (a, lambda g: g), (b, lambda g: -g))

    def gradient(self, end):
        g = [None] * len(self.values)
        g[end] = 1.0
        for i in range(end, -1, -1):
            if g[i] is None:
                continue
            for slot, rule in self.rules[i]:
                c = rule(g[i])
                g[slot] = c if g[slot] is None else g[slot] + c
        return g


def evaluate(params, x, t):
    tape = Tape()
    slot = {k: tape.put(v) for k, v in params.items()}
    X = tape.put(x)
    h = tape.softplus(tape.add_row(tape.matmul(X, slot["W1"]), slot["b1"]))
    s = tape.add_row(tape.matmul(h, slot["W2"]), slot["b2"])
    n = len(x)
    first = tape.dot(tape.logsumexp(s), np.full((n, 1), 1 / n))
    second = tape.dot(s, t / n)
    loss = tape.sub(first, second)
    g = tape.gradient(loss)
    return float(tape.values[loss]), {k: g[i] for k, i in slot.items()}


if __name__ == "__main__":
    # ---- self-check: plain forward pass, central differences, plain update rules ----
    expected = set()

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
