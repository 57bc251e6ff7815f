"""Layer objects: Dense, ReLU, Softmax and a loss object at the end."""
import numpy as np

NETWORK = {"inputs": 5,
           "layers": [{"units": 6, "activation": "relu"},
                      {"units": 4, "activation": "softmax"}],
           "loss": "cross_entropy",
           "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": None}


class Dense:
    def __init__(self, W, b):
        self.params = [W, b]
        self.grads = [np.zeros_like(W), np.zeros_like(b)]

    def forward(self, x):
        self.x = x
        W, b = self.params
        return x @ W + b

    def backward(self, dout):
        W, b = self.params
        self.grads[0][...] = self.x.T @ dout
        self.grads[1][...] = dout.sum(axis=0)
        return dout @ W.T


class ReLU:
    params, grads = [], []

    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask


class Softmax:
    params, grads = [], []

    def forward(self, x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.out = e / e.sum(axis=1, keepdims=True)
        return self.out

    def backward(self, dout):
        # the loss hands back the gradient with respect to the logits
        return dout


class CrossEntropyLoss:
    def __call__(self, pred, target):
        self.pred, self.target = pred, target
        shifted = pred - pred.max(axis=1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return -np.sum(target * log_p) / len(target)

    def backward(self):
        return (self.pred - self.target) / len(self.target)


class Sequential:
    def __init__(self, *layers):
        self.layers = layers

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, d):
        for layer in reversed(self.layers):
            d = layer.backward(d)


def evaluate(params, x, t):
    fc1 = Dense(params["W1"], params["b1"])
    fc2 = Dense(params["W2"], params["b2"])
    model = Sequential(fc1, ReLU(), fc2, Softmax())
    criterion = CrossEntropyLoss()
    loss = criterion(model.forward(x), t)
    model.backward(criterion.backward())
    return loss, {"W1": fc1.grads[0], "b1": fc1.grads[1], "W2": fc2.grads[0], "b2": fc2.grads[1]}


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = np.maximum(z, 0.0)
        z = h @ p["W2"] + p["b2"]
        h = np.exp(z - z.max(axis=1, keepdims=True)); h = h / h.sum(axis=1, keepdims=True)
        y, (N, C) = h, t.shape
        return -np.sum(t*np.log(y)) / N

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

    rng = np.random.default_rng(106)
    for *widths, n in [(2, 6, 4, 5), (5, 4, 3, 9), (5, 3, 3, 6)]:
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
