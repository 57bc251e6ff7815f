"""Layer classes with params/grads dictionaries; classifier with leaky units."""
import numpy as np

NETWORK = {"inputs": 4,
           "layers": [{"units": 5, "activation": "leaky_relu", "slope": 0.1},
                      {"units": 6, "activation": "leaky_relu", "slope": 0.1},
                      {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy",
           "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": None}


class Layer:
    def __init__(self):
        self.params, self.grads = {}, {}


class Affine(Layer):
    def __init__(self, W, b):
        super().__init__()
        self.params["W"], self.params["b"] = W, b

    def forward(self, inp):
        self.inp = inp
        return np.matmul(inp, self.params["W"]) + self.params["b"]

    def backward(self, dout):
        self.grads["W"] = np.matmul(self.inp.T, dout)
        self.grads["b"] = dout.mean(axis=0)
        return np.matmul(dout, self.params["W"].T)


class LeakyReLU(Layer):
    def __init__(self, slope=0.1):
        super().__init__()
        self.slope = slope

    def forward(self, inp):
        self.inp = inp
        return np.where(inp > 0, inp, self.slope * inp)

    def backward(self, dout):
        dx = dout.copy()
        dx[self.inp <= 0] = self.slope
        return dx


class SoftmaxWithLoss:
    def forward(self, z, t):
        z = z - z.max(1, keepdims=True)
        self.t = t
        self.y = np.exp(z) / np.exp(z).sum(1, keepdims=True)
        return -(t * np.log(self.y)).sum() / z.shape[0]

    def backward(self):
        return (self.y - self.t) / self.t.shape[0]


def evaluate(params, x, t):
    n = len(params) // 2
    layers = []
    for i in range(1, n + 1):
        layers.append(Affine(params["W%d" % i], params["b%d" % i]))
        if i < n:
            layers.append(LeakyReLU())
    head = SoftmaxWithLoss()
    out = x
    for layer in layers:
        out = layer.forward(out)
    loss = head.forward(out, t)
    d = head.backward()
    for layer in layers[::-1]:
        d = layer.backward(d)
    grads = {}
    for i, layer in enumerate(layers[::2], 1):
        grads["W%d" % i] = layer.grads["W"]
        grads["b%d" % i] = layer.grads["b"]
    return loss, grads


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = np.where(z > 0, z, 0.1 * z)
        z = h @ p["W2"] + p["b2"]
        h = np.where(z > 0, z, 0.1 * z)
        z = h @ p["W3"] + p["b3"]
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

    rng = np.random.default_rng(111)
    for *widths, n in [(4, 5, 6, 2, 7), (5, 6, 6, 4, 6), (2, 5, 3, 3, 6)]:
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
