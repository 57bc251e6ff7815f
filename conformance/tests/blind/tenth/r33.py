# two-layer net in the style of the cs231n assignment
import numpy as np

NETWORK = {
    "inputs": 4,
    "layers": [{"units": 6, "activation": "relu"}, {"units": 3, "activation": "softmax"}],
    "loss": "cross_entropy", "loss_formula": "-sum(t*log(y))/N",
    "bias": True,
    "l2": {"lambda": 0.1, "formula": "lambda*sum(W**2)", "biases": False},
    "optimizer": None,
}


class TwoLayerNet(object):
    def __init__(self, params, reg=0.1):
        self.params = dict(params)
        self.reg = reg

    def loss(self, X, y=None):
        W1, b1 = self.params["W1"], self.params["b1"]
        W2, b2 = self.params["W2"], self.params["b2"]
        N, D = X.shape

        hidden = np.maximum(0, X.dot(W1) + b1)
        scores = hidden.dot(W2) + b2
        if y is None:
            return scores

        scores -= np.max(scores, axis=1, keepdims=True)
        probs = np.exp(scores)
        probs /= np.sum(probs, axis=1, keepdims=True)
        data_loss = -np.sum(np.log(probs[range(N), y])) / N
        reg_loss = self.reg * (np.sum(W1 * W1) + np.sum(W2 * W2))

        grads = {}
        dscores = probs
        dscores[range(N), y] -= 1
        dscores /= N
        grads["W2"] = hidden.T.dot(dscores) + 2 * self.reg * W2
        grads["b2"] = np.sum(dscores, axis=0)
        dhidden = dscores.dot(W2.T)
        dhidden[hidden <= 0] = 0
        grads["W1"] = X.T.dot(dhidden) + 2 * self.reg * W1
        grads["b1"] = np.sum(dhidden, axis=0)
        return data_loss + reg_loss, grads

    def train_step(self, X, y, learning_rate):
        loss, grads = self.loss(X, y)
        for name in self.params:
            self.params[name] -= learning_rate * grads[name]
        return loss


def step(params, x, t, lr):
    net = TwoLayerNet(params)
    net.train_step(x, np.argmax(t, axis=1), lr)
    return net.params


if __name__ == "__main__":
    # (number of samples, scale of the parameters) -> names that differ from the reference
    EXPECTED = {(6, 1.0): {'params'}, (1, 1.0): {'params'}}

    def ref_loss(p, x, t):
        y, N, C = x, len(x), t.shape[1]
        for i, spec in enumerate(NETWORK["layers"], 1):
            z = y @ p["W%d" % i] + p["b%d" % i]
            if spec["activation"] == "relu":
                y = np.where(z > 0, z, 0.0)
            elif spec["activation"] == "softmax":
                y = np.exp(z - z.max(1, keepdims=True)) / np.exp(z - z.max(1, keepdims=True)).sum(1, keepdims=True)
        value = -np.sum(t*np.log(y))/N
        for k in p:
            if k[0] == "W":
                W = p[k]
                value += 0.1*np.sum(W**2)
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
        got = step(*args, 0.3)
        again = step({k: v.copy() for k, v in p.items()}, x.copy(), t.copy(), 0.3)
        g = ref_grad(p, x, t)
        right = {k: p[k] - 0.3 * g[k] for k in p}
        assert set(got) == set(right) and all(np.shape(got[k]) == np.shape(right[k]) for k in right)
        differ = {k for k in right if not np.allclose(got[k], right[k], rtol=1e-6, atol=1e-6)}
        differ |= {"again" for k in again if not np.array_equal(again[k], got[k])}
        differ |= {"params" for k in p if not np.array_equal(p[k], args[0][k])}
        differ |= {n for n, u, w in (("x", x, args[1]), ("t", t, args[2])) if not np.array_equal(u, w)}
        assert differ == names, (key, differ)
    print("confirmed", EXPECTED)
