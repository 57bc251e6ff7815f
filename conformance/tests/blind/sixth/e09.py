"""Multi-label classifier: a compact MLP class."""
import numpy as np

NETWORK = {"inputs": 4,
           "layers": [{"units": 6, "activation": "tanh"},
                      {"units": 4, "activation": "tanh"},
                      {"units": 3, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy",
           "loss_formula": "-sum(t*log(y) + (1-t)*log(1-y)) / N",
           "bias": True, "l2": None, "optimizer": None}


class MLP:
    def __init__(self, weights, biases):
        self.weights = weights
        self.biases = biases

    @staticmethod
    def sigmoid(z):
        return 1.0 / (1.0 + np.exp(-z))

    def predict(self, X):
        self.activations = [X]
        last = len(self.weights) - 1
        for i, (W, b) in enumerate(zip(self.weights, self.biases)):
            z = self.activations[-1] @ W + b
            self.activations.append(self.sigmoid(z) if i == last else np.tanh(z))
        return self.activations[-1]

    def loss(self, y_true):
        p = self.activations[-1]
        return -np.sum(y_true * np.log(p) + (1 - y_true) * np.log(1 - p)) / len(y_true)

    def backprop(self, y_true):
        out = self.activations[-1]
        delta = (out - y_true) * out * (1 - out) / len(y_true)
        dW = [None] * len(self.weights)
        db = [None] * len(self.weights)
        for i in range(len(self.weights) - 1, -1, -1):
            dW[i] = self.activations[i].T @ delta
            db[i] = delta.sum(axis=0)
            if i > 0:
                delta = (delta @ self.weights[i].T) * (1 - self.activations[i] ** 2)
        return dW, db


def evaluate(params, x, t):
    depth = sum(k.startswith("W") for k in params)
    model = MLP([params[f"W{i}"] for i in range(1, depth + 1)],
                [params[f"b{i}"] for i in range(1, depth + 1)])
    model.predict(x)
    dW, db = model.backprop(t)
    grads = {}
    for i in range(depth):
        grads[f"W{i + 1}"], grads[f"b{i + 1}"] = dW[i], db[i]
    return model.loss(t), grads


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = np.tanh(z)
        z = h @ p["W2"] + p["b2"]
        h = np.tanh(z)
        z = h @ p["W3"] + p["b3"]
        h = 1.0 / (1.0 + np.exp(-z))
        y, (N, C) = h, t.shape
        return -np.sum(t*np.log(y) + (1-t)*np.log(1-y)) / N

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

    rng = np.random.default_rng(109)
    for *widths, n in [(5, 3, 6, 2, 7), (3, 6, 5, 3, 8), (5, 4, 3, 4, 8)]:
        p = {}
        for i, (a, b) in enumerate(zip(widths, widths[1:]), 1):
            p["W%d" % i] = rng.normal(size=(a, b)) * 0.8
            p["b%d" % i] = rng.normal(size=b) * 0.3
        x = rng.normal(size=(n, widths[0]))
        t = (rng.random(size=(n, widths[-1])) < 0.5).astype(float)
        loss, grads = evaluate(p, x, t)
        want = dict(right_grads(p, x, t), loss=right_loss(p, x, t))
        error = worst(dict(grads, loss=loss), want)
        assert error > 1e-4, error
        print(widths, n, "worst relative difference", error)
