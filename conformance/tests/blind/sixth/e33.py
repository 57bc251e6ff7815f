"""Two different hidden layers (logistic, then tanh) in front of a linear output."""
import numpy as np

NETWORK = {"inputs": 3,
           "layers": [{"units": 5, "activation": "sigmoid"},
                      {"units": 4, "activation": "tanh"},
                      {"units": 2, "activation": "linear"}],
           "loss": "squared_error",
           "loss_formula": "sum((y-t)**2) / N",
           "bias": True, "l2": None, "optimizer": None}


class Model:
    def __init__(self, params):
        self.__dict__.update(params)

    def forward(self, x):
        self.x = x
        self.h1 = 1 / (1 + np.exp(-(x @ self.W1 + self.b1)))
        self.h2 = np.tanh(self.h1 @ self.W2 + self.b2)
        self.y = self.h2 @ self.W3 + self.b3
        return self.y

    def backward(self, t):
        dy = 2 * (self.y - t) / len(t)
        self.dW3 = self.h2.T @ dy
        self.db3 = dy.sum(axis=0)

        dh2 = dy @ self.W3.T
        dz2 = dh2 * (1 - self.h2 ** 2)
        self.dW2 = self.h1.T @ dz2
        self.db2 = dz2.sum(axis=0)

        dh1 = dz2 @ self.W2.T
        dz1 = dh1 * (1 - self.h1 ** 2)
        self.dW1 = self.x.T @ dz1
        self.db1 = dz1.sum(axis=0)


def evaluate(params, x, t):
    model = Model(params)
    y = model.forward(x)
    model.backward(t)
    loss = ((y - t) ** 2).sum() / len(t)
    return loss, {name: getattr(model, "d" + name) for name in params}


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = 1.0 / (1.0 + np.exp(-z))
        z = h @ p["W2"] + p["b2"]
        h = np.tanh(z)
        z = h @ p["W3"] + p["b3"]
        h = z
        y, (N, C) = h, t.shape
        return np.sum((y-t)**2) / N

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

    rng = np.random.default_rng(133)
    for *widths, n in [(3, 6, 3, 1, 6), (5, 6, 3, 4, 8), (4, 5, 3, 4, 9)]:
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
