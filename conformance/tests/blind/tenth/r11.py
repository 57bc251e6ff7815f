"""Three-layer classifier, layers as classes, ELU activations."""
import numpy as np

NETWORK = {
    "inputs": 4,
    "layers": [
        {"units": 6, "activation": "elu", "alpha": 1.0},
        {"units": 5, "activation": "elu", "alpha": 1.0},
        {"units": 3, "activation": "softmax"},
    ],
    "loss": "cross_entropy",
    "loss_formula": "-sum(t*log(y))/N",
    "bias": True,
    "l2": None,
    "optimizer": None,
}


class Dense:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, grad):
        self.dW = self.x.T @ grad
        self.db = grad.sum(axis=0)
        return grad @ self.W.T


class ELU:
    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def forward(self, z):
        self.z = z
        negative = z < 0
        z[negative] = self.alpha * (np.exp(z[negative]) - 1)
        return z

    def backward(self, grad):
        slope = np.where(self.z > 0, 1.0, self.alpha * np.exp(self.z))
        return grad * slope


class SoftmaxCrossEntropy:
    def forward(self, z, t):
        z = z - z.max(axis=1, keepdims=True)
        self.log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        self.t = t
        return -(t * self.log_p).sum() / len(t)

    def backward(self):
        return (np.exp(self.log_p) - self.t) / len(self.t)


def evaluate(params, x, t):
    stack = [
        Dense(params["W1"], params["b1"]), ELU(),
        Dense(params["W2"], params["b2"]), ELU(),
        Dense(params["W3"], params["b3"]),
    ]
    out = x
    for layer in stack:
        out = layer.forward(out)
    head = SoftmaxCrossEntropy()
    loss = head.forward(out, t)

    grad = head.backward()
    for layer in reversed(stack):
        grad = layer.backward(grad)
    grads = {}
    for i, layer in enumerate(stack[::2], 1):
        grads["W%d" % i], grads["b%d" % i] = layer.dW, layer.db
    return loss, grads


if __name__ == "__main__":
    # (number of samples, scale of the parameters) -> names that differ from the reference
    EXPECTED = {(6, 1.0): {'W1', 'W2', 'b1', 'b2'}, (1, 1.0): {'W1', 'W2', 'b1', 'b2'}}

    def ref_loss(p, x, t):
        y, N, C = x, len(x), t.shape[1]
        for i, spec in enumerate(NETWORK["layers"], 1):
            z = y @ p["W%d" % i] + p["b%d" % i]
            if spec["activation"] == "elu":
                y = np.where(z > 0, z, spec.get('alpha', 0) * np.expm1(np.minimum(z, 0)))
            elif spec["activation"] == "softmax":
                y = np.exp(z - z.max(1, keepdims=True)) / np.exp(z - z.max(1, keepdims=True)).sum(1, keepdims=True)
        value = -np.sum(t*np.log(y))/N
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
