"""Training loop with momentum (exponential average) and weight decay."""
import numpy as np

NETWORK = {"inputs": 4,
           "layers": [{"units": 5, "activation": "tanh"},
                      {"units": 4, "activation": "tanh"},
                      {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy",
           "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": {"lambda": 0.3, "formula": "lambda/2*sumW2"},
           "optimizer": {"name": "momentum", "beta": 0.9, "rule": "v = beta*v + (1-beta)*g; p = p - lr*v"}}


class Classifier:
    def __init__(self, params, weight_decay=0.3):
        self.params = {k: v.copy() for k, v in params.items()}
        self.depth = len(params) // 2
        self.weight_decay = weight_decay

    def forward(self, x):
        self.a = [x]
        for i in range(1, self.depth + 1):
            z = self.a[-1] @ self.params[f"W{i}"] + self.params[f"b{i}"]
            if i < self.depth:
                self.a.append(np.tanh(z))
            else:
                e = np.exp(z - z.max(axis=1, keepdims=True))
                self.a.append(e / e.sum(axis=1, keepdims=True))
        return self.a[-1]

    def gradients(self, t):
        grads = {}
        delta = (self.a[-1] - t) / len(t)
        for i in range(self.depth, 0, -1):
            grads[f"W{i}"] = self.a[i - 1].T @ delta
            grads[f"b{i}"] = delta.sum(axis=0)
            if i > 1:
                delta = delta @ self.params[f"W{i}"].T * (1 - self.a[i - 1] ** 2)
        for name in grads:
            grads[name] = grads[name] + self.weight_decay * self.params[name]
        return grads


class MomentumSGD:
    def __init__(self, model, lr, beta=0.9):
        self.model, self.lr, self.beta = model, lr, beta
        self.v = {k: np.zeros_like(p) for k, p in model.params.items()}

    def step(self, grads):
        for k in self.model.params:
            self.v[k] = self.beta * self.v[k] + (1 - self.beta) * grads[k]
            self.model.params[k] -= self.lr * self.v[k]


def train_step(model, xb, tb, lr):
    optimizer = MomentumSGD(model, lr)
    model.forward(xb)
    optimizer.step(model.gradients(tb))


def train(params, x, t, lr, batches):
    model = Classifier(params)
    for rows in batches:
        train_step(model, x[rows], t[rows], lr)
    return model.params


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = np.tanh(z)
        z = h @ p["W2"] + p["b2"]
        h = np.tanh(z)
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

    def right_train(p, x, t, lr, batches):
        p = {k: v.copy() for k, v in p.items()}
        m = {k: np.zeros(v.shape) for k, v in p.items()}
        for rows in batches:
            g = right_grads(p, x[rows], t[rows])
            for k in p:
                m[k] = 0.9 * m[k] + (1 - 0.9) * g[k]
                p[k] = p[k] - lr * m[k]
        return p

    def worst(got, want):
        assert set(got) == set(want)
        assert all(np.shape(got[k]) == np.shape(want[k]) for k in want)
        return max(np.abs(got[k] - want[k]).max() / max(np.abs(want[k]).max(), 1e-8) for k in want)

    rng = np.random.default_rng(135)
    for *widths, n in [(4, 6, 6, 4, 7), (2, 6, 3, 3, 8)]:
        p = {}
        for i, (a, b) in enumerate(zip(widths, widths[1:]), 1):
            p["W%d" % i] = rng.normal(size=(a, b)) * 0.8
            p["b%d" % i] = rng.normal(size=b) * 0.3
        x = rng.normal(size=(n, widths[0]))
        t = np.eye(widths[-1])[rng.integers(0, widths[-1], size=n)]
        batches = [[0, 2, 1], [3, 4], [1, 4, 0, 2], [2], [3, 0]]
        error = worst(train(p, x, t, 0.5, batches), right_train(p, x, t, 0.5, batches))
        assert error > 1e-4, error
        print(widths, n, "worst relative difference", error)
