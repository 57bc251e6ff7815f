"""Two-layer-net assignment, extended to three layers."""
import numpy as np

NETWORK = {"inputs": 5,
           "layers": [{"units": 6, "activation": "relu"},
                      {"units": 4, "activation": "relu"},
                      {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy",
           "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": {"lambda": 0.2, "formula": "lambda*sumW2"}, "optimizer": None}


class ThreeLayerNet(object):
    def __init__(self, params, reg=0.2):
        self.params = params
        self.reg = reg

    def loss(self, X, T):
        W1, b1 = self.params["W1"], self.params["b1"]
        W2, b2 = self.params["W2"], self.params["b2"]
        W3, b3 = self.params["W3"], self.params["b3"]
        N, D = X.shape

        h1 = np.maximum(0, X.dot(W1) + b1)
        h2 = np.maximum(0, h1.dot(W2) + b2)
        scores = h2.dot(W3) + b3
        shifted = scores - np.max(scores, axis=1, keepdims=True)
        logp = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
        loss = -np.sum(T * logp) / N
        loss += self.reg * (np.sum(W1 * W1) + np.sum(W2 * W2) + np.sum(W3 * W3))

        grads = {}
        dscores = (np.exp(logp) - T) / N
        grads["W3"] = h2.T.dot(dscores) + self.reg * W3
        grads["b3"] = dscores.sum(axis=0)
        dh2 = dscores.dot(W3.T)
        dh2[h2 == 0] = 0
        grads["W2"] = h1.T.dot(dh2) + self.reg * W2
        grads["b2"] = dh2.sum(axis=0)
        dh1 = dh2.dot(W2.T)
        dh1[h1 == 0] = 0
        grads["W1"] = X.T.dot(dh1) + self.reg * W1
        grads["b1"] = dh1.sum(axis=0)
        return loss, grads


def evaluate(params, x, t):
    return ThreeLayerNet(params).loss(x, t)


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = np.maximum(z, 0.0)
        z = h @ p["W2"] + p["b2"]
        h = np.maximum(z, 0.0)
        z = h @ p["W3"] + p["b3"]
        h = np.exp(z - z.max(axis=1, keepdims=True)); h = h / h.sum(axis=1, keepdims=True)
        y, (N, C) = h, t.shape
        sumW2 = sum((v ** 2).sum() for k, v in p.items() if k.startswith("W"))
        return -np.sum(t*np.log(y)) / N + 0.2*sumW2

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

    rng = np.random.default_rng(119)
    for *widths, n in [(4, 5, 4, 3, 6), (5, 3, 6, 4, 7), (5, 5, 5, 3, 6)]:
        p = {}
        for i, (a, b) in enumerate(zip(widths, widths[1:]), 1):
            p["W%d" % i] = rng.normal(size=(a, b)) * 0.8
            p["b%d" % i] = rng.normal(size=b) * 0.3
        x = rng.normal(size=(n, widths[0]))
        t = np.eye(widths[-1])[rng.integers(0, widths[-1], size=n)]
        loss, grads = evaluate(p, x, t)
        want = dict(right_grads(p, x, t), loss=right_loss(p, x, t))
        error = worst(dict(grads, loss=loss), want)
        assert error > 1e-4, error
        print(widths, n, "worst relative difference", error)
