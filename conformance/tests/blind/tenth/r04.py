"""Column-major layers, each with its own running average of squares."""
import numpy as np

NETWORK = {
    "inputs": 4,
    "layers": [{"units": 5, "activation": "tanh"}, {"units": 2, "activation": "sigmoid"}],
    "loss": "squared_error", "loss_formula": "sum((y-t)**2)/N",
    "bias": True, "l2": None,
    "optimizer": {"name": "rmsprop", "rho": 0.9, "eps": 1e-6,
                  "formula": "s=rho*s+(1-rho)*g**2; w=w-lr*g/(sqrt(s)+eps)"},
}


class ColumnLayer:
    rho, eps = 0.9, 1e-6

    def __init__(self, W, b, f, df):
        self.W, self.b = W.T.copy(), b.reshape(-1, 1).copy()
        self.f, self.df = f, df
        self.sW, self.sb = np.zeros_like(self.W), np.zeros_like(self.b)

    def forward(self, A):
        self.A_in = A
        self.A_out = self.f(self.W @ A + self.b)
        return self.A_out

    def backward(self, dA):
        dZ = dA * self.df(self.A_out)
        self.dW = dZ @ self.A_in.T
        self.db = dZ.sum(axis=1, keepdims=True)
        return self.W.T @ dZ

    def update(self, lr):
        self.sW += self.rho * (self.dW ** 2 - self.sW)
        self.sb += self.rho * (self.db ** 2 - self.sb)
        self.W -= lr * self.dW / (np.sqrt(self.sW) + self.eps)
        self.b -= lr * self.db / (np.sqrt(self.sb) + self.eps)


def train(params, x, t, lr, batches):
    X, T = x.T, t.T
    net = [ColumnLayer(params["W1"], params["b1"], np.tanh, lambda a: 1 - a * a),
           ColumnLayer(params["W2"], params["b2"], lambda z: 1 / (1 + np.exp(-z)), lambda a: a * (1 - a))]
    for cols in batches:
        A = X[:, cols]
        for layer in net:
            A = layer.forward(A)
        dA = 2 * (A - T[:, cols]) / len(cols)
        for layer in net[::-1]:
            dA = layer.backward(dA)
        for layer in net:
            layer.update(lr)
    return {"W1": net[0].W.T, "b1": net[0].b[:, 0], "W2": net[1].W.T, "b2": net[1].b[:, 0]}


if __name__ == "__main__":
    # number of batches used -> names that differ from the reference
    EXPECTED = {1: {'W1', 'W2', 'b1', 'b2'}, 3: {'W1', 'W2', 'b1', 'b2'}}

    def ref_loss(p, x, t):
        y, N, C = x, len(x), t.shape[1]
        for i, spec in enumerate(NETWORK["layers"], 1):
            z = y @ p["W%d" % i] + p["b%d" % i]
            if spec["activation"] == "tanh":
                y = np.tanh(z)
            elif spec["activation"] == "sigmoid":
                y = 1 / (1 + np.exp(-z))
        value = np.sum((y-t)**2)/N
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
        N, scale = 7, 0.8
        batches = [[4, 1, 3], [0, 6, 2], [5, 1]][:key]
        rng = np.random.default_rng(3)
        p, d = {}, NETWORK["inputs"]
        for i, spec in enumerate(NETWORK["layers"], 1):
            p["W%d" % i] = scale * rng.normal(size=(d, spec["units"]))
            p["b%d" % i] = scale * rng.normal(size=spec["units"])
            d = spec["units"]
        x = rng.normal(size=(N, NETWORK["inputs"]))
        t = rng.normal(size=(N, d))
        args = [{k: v.copy() for k, v in p.items()}, x.copy(), t.copy()]
        lr, right = 0.1, {k: v.copy() for k, v in p.items()}
        got = train(*args, lr, batches)
        again = train({k: v.copy() for k, v in p.items()}, x.copy(), t.copy(), lr, batches)
        v = {k: 0 * p[k] for k in p}
        for n, rows in enumerate(batches, 1):
            g = ref_grad(right, x[rows], t[rows])
            for k in p:
                v[k] = 0.9 * v[k] + (1 - 0.9) * g[k] ** 2
                right[k] = right[k] - lr * g[k] / (np.sqrt(v[k]) + 1e-06)
        assert set(got) == set(right) and all(np.shape(got[k]) == np.shape(right[k]) for k in right)
        differ = {k for k in right if not np.allclose(got[k], right[k], rtol=1e-6, atol=1e-6)}
        differ |= {"again" for k in again if not np.array_equal(again[k], got[k])}
        differ |= {"params" for k in p if not np.array_equal(p[k], args[0][k])}
        differ |= {n for n, u, w in (("x", x, args[1]), ("t", t, args[2])) if not np.array_equal(u, w)}
        assert differ == names, (key, differ)
    print("confirmed", EXPECTED)
