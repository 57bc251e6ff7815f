"""scikit-learn flavoured MLPClassifier, boiled down."""
import numpy as np

NETWORK = {
    "inputs": 3,
    "layers": [{"units": 5, "activation": "relu"},
               {"units": 4, "activation": "relu"},
               {"units": 3, "activation": "softmax"}],
    "loss": "cross_entropy", "loss_formula": "-sum(t*log(y))/N",
    "bias": True, "l2": None, "optimizer": None,
}


def inplace_relu(X):
    np.maximum(X, 0, out=X)


def inplace_softmax(X):
    X -= X.max(axis=1)[:, np.newaxis]
    np.exp(X, out=X)
    X /= X.sum(axis=1)[:, np.newaxis]


def inplace_relu_derivative(Z, delta):
    delta[Z == 0] = 0


def log_loss(y_true, y_prob, eps=1e-3):
    y_prob = np.clip(y_prob, eps, 1 - eps)
    return -(y_true * np.log(y_prob)).sum() / y_prob.shape[0]


class MLPClassifier:
    def __init__(self, coefs, intercepts):
        self.coefs_ = coefs
        self.intercepts_ = intercepts
        self.n_layers_ = len(coefs) + 1

    def _forward_pass(self, activations):
        for i in range(self.n_layers_ - 1):
            activations[i + 1] = np.dot(activations[i], self.coefs_[i])
            activations[i + 1] += self.intercepts_[i]
            if (i + 1) != (self.n_layers_ - 1):
                inplace_relu(activations[i + 1])
        inplace_softmax(activations[-1])
        return activations

    def _backprop(self, X, y):
        n_samples = X.shape[0]
        activations = self._forward_pass([X] + [None] * (self.n_layers_ - 1))
        loss = log_loss(y, activations[-1])
        deltas = [None] * (self.n_layers_ - 1)
        coef_grads = [None] * (self.n_layers_ - 1)
        intercept_grads = [None] * (self.n_layers_ - 1)
        last = self.n_layers_ - 2
        deltas[last] = activations[-1] - y
        for i in range(last, -1, -1):
            coef_grads[i] = np.dot(activations[i].T, deltas[i]) / n_samples
            intercept_grads[i] = np.mean(deltas[i], axis=0)
            if i > 0:
                deltas[i - 1] = np.dot(deltas[i], self.coefs_[i].T)
                inplace_relu_derivative(activations[i], deltas[i - 1])
        return loss, coef_grads, intercept_grads


def evaluate(params, x, t):
    n = len(NETWORK["layers"])
    clf = MLPClassifier([params[f"W{i}"] for i in range(1, n + 1)],
                        [params[f"b{i}"] for i in range(1, n + 1)])
    loss, cg, ig = clf._backprop(x, t)
    out = {f"W{i + 1}": g for i, g in enumerate(cg)}
    out.update({f"b{i + 1}": g for i, g in enumerate(ig)})
    return loss, out


if __name__ == "__main__":
    # (number of samples, scale of the parameters) -> names that differ from the reference
    EXPECTED = {(6, 0.5): set(), (6, 3.0): {'loss'}}

    def ref_loss(p, x, t):
        y, N, C = x, len(x), t.shape[1]
        for i, spec in enumerate(NETWORK["layers"], 1):
            z = y @ p["W%d" % i] + p["b%d" % i]
            if spec["activation"] == "relu":
                y = np.where(z > 0, z, 0.0)
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
