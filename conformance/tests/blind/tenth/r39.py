"""Leaky ReLU classifier with weight decay; activations are small objects."""
import numpy as np

NETWORK = {
    "inputs": 4,
    "layers": [{"units": 5, "activation": "leaky_relu", "slope": 0.1},
               {"units": 3, "activation": "softmax"}],
    "loss": "cross_entropy",
    "loss_formula": "-sum(t*log(y))/N",
    "bias": True,
    "l2": {"lambda": 0.05, "formula": "lambda/2*sum(W**2)", "biases": False},
    "optimizer": None,
}
DECAY = 0.05


class LeakyReLU:
    @staticmethod
    def value(z, slope=0.1):
        return np.maximum(z, slope * z)

    @staticmethod
    def prime(z, slope=0.01):
        d = np.ones_like(z)
        d[z < 0] = slope
        return d


def log_softmax(z):
    shifted = z - z.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


class Classifier:
    def __init__(self, params):
        self.layers = []
        for i in (1, 2):
            self.layers.append([params["W%d" % i], params["b%d" % i]])

    def fit_gradient(self, x, t):
        grads = {}
        penalty = 0.0
        inputs, zs = [], []
        a = x
        for W, b in self.layers:
            inputs.append(a)
            z = a @ W + b
            zs.append(z)
            penalty = 0.5 * DECAY * (W ** 2).sum()
            a = LeakyReLU.value(z)
        logp = log_softmax(zs[-1])
        loss = -(t * logp).sum(axis=1).mean() + penalty

        delta = (np.exp(logp) - t) / len(x)
        grads["W2"] = inputs[1].T @ delta + DECAY * self.layers[1][0]
        grads["b2"] = delta.sum(axis=0)
        delta = delta @ self.layers[1][0].T * LeakyReLU.prime(zs[0])
        grads["W1"] = inputs[0].T @ delta + DECAY * self.layers[0][0]
        grads["b1"] = delta.sum(axis=0)
        return loss, grads


def evaluate(params, x, t):
    return Classifier(params).fit_gradient(x, t)


if __name__ == "__main__":
    # (number of samples, scale of the parameters) -> names that differ from the reference
    EXPECTED = {(6, 1.0): {'W1', 'b1', 'loss'}, (3, 1.5): {'W1', 'b1', 'loss'}}

    def ref_loss(p, x, t):
        y, N, C = x, len(x), t.shape[1]
        for i, spec in enumerate(NETWORK["layers"], 1):
            z = y @ p["W%d" % i] + p["b%d" % i]
            if spec["activation"] == "leaky_relu":
                y = np.where(z > 0, z, spec.get('slope', 0) * z)
            elif spec["activation"] == "softmax":
                y = np.exp(z - z.max(1, keepdims=True)) / np.exp(z - z.max(1, keepdims=True)).sum(1, keepdims=True)
        value = -np.sum(t*np.log(y))/N
        for k in p:
            if k[0] == "W":
                W = p[k]
                value += 0.05/2*np.sum(W**2)
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
        t = np.eye(d)[rng.integers(0, d, N)]
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
