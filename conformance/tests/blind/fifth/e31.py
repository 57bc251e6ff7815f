"""SiLU regressor which tries to save memory in the forward pass."""
import numpy as np

NETWORK = {"inputs": 4,
           "layers": [{"units": 5, "activation": "silu"},
                      {"units": 4, "activation": "silu"},
                      {"units": 2, "activation": "linear"}],
           "loss": "squared_error",
           "loss_formula": "sum((y-t)**2) / (N*C)",
           "bias": True, "l2": None, "optimizer": None}


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def silu_prime(z):
    s = sigmoid(z)
    return s * (1.0 + z * (1.0 - s))


class SiluNet:
    def __init__(self, params):
        self.n = len(params) // 2
        self.W = [params["W%d" % (i + 1)] for i in range(self.n)]
        self.b = [params["b%d" % (i + 1)] for i in range(self.n)]

    def forward(self, x):
        self.pre, self.post = [], [x]
        h = x
        for i in range(self.n):
            h = h @ self.W[i]
            h += self.b[i]
            self.pre.append(h)
            if i < self.n - 1:
                h *= sigmoid(h)
            self.post.append(h)
        return h

    def backward(self, dout):
        gW, gb = [None] * self.n, [None] * self.n
        for i in reversed(range(self.n)):
            gW[i] = self.post[i].T @ dout
            gb[i] = dout.sum(axis=0)
            if i > 0:
                dout = (dout @ self.W[i].T) * silu_prime(self.pre[i - 1])
        return gW, gb


def evaluate(params, x, t):
    net = SiluNet(params)
    y = net.forward(x)
    loss = np.square(y - t).mean()
    gW, gb = net.backward(2.0 * (y - t) / y.size)
    grads = {}
    for i in range(net.n):
        grads["W%d" % (i + 1)] = gW[i]
        grads["b%d" % (i + 1)] = gb[i]
    return loss, grads


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = z / (1.0 + np.exp(-z))
        z = h @ p["W2"] + p["b2"]
        h = z / (1.0 + np.exp(-z))
        z = h @ p["W3"] + p["b3"]
        h = z
        y, (N, C) = h, t.shape
        return np.sum((y-t)**2) / (N*C)

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

    rng = np.random.default_rng(131)
    for *widths, n in [(2, 3, 6, 2, 5), (5, 3, 5, 4, 8), (2, 4, 5, 4, 6)]:
        p = {}
        for i, (a, b) in enumerate(zip(widths, widths[1:]), 1):
            p["W%d" % i] = rng.normal(size=(a, b)) * 0.8
            p["b%d" % i] = rng.normal(size=b) * 0.3
        x = rng.normal(size=(n, widths[0]))
        t = rng.normal(size=(n, widths[-1]))
        loss, grads = evaluate(p, x, t)
        want = dict(right_grads(p, x, t), loss=right_loss(p, x, t))
        error = worst(dict(grads, loss=loss), want)
        assert error > 1e-4, error
        print(widths, n, "worst relative difference", error)
