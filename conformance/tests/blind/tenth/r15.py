"""Mini framework: Parameter, Linear, Tanh, Adam."""
import numpy as np

NETWORK = {
    "inputs": 3,
    "layers": [{"units": 4, "activation": "tanh"}, {"units": 3, "activation": "softmax"}],
    "loss": "cross_entropy", "loss_formula": "-sum(t*log(y))/N",
    "bias": True, "l2": None,
    "optimizer": {"name": "adam", "beta1": 0.9, "beta2": 0.999, "eps": 1e-8,
                  "formula": "m=beta1*m+(1-beta1)*g; v=beta2*v+(1-beta2)*g**2; "
                             "w=w-lr*(m/(1-beta1**t))/(sqrt(v/(1-beta2**t))+eps)"},
}


class Parameter:
    def __init__(self, data):
        self.data, self.grad = data.copy(), None


class Linear:
    def __init__(self, W, b):
        self.W, self.b = Parameter(W), Parameter(b)
        self.params = [self.W, self.b]

    def forward(self, x):
        self.x = x
        return x @ self.W.data + self.b.data

    def backward(self, g):
        self.W.grad, self.b.grad = self.x.T @ g, g.sum(0)
        return g @ self.W.data.T


class Tanh:
    params = []

    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, g):
        return g * (1 - self.y ** 2)


class Adam:
    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8):
        self.params, self.lr, self.betas, self.eps = params, lr, betas, eps
        self.m, self.v = [0.0] * len(params), [0.0] * len(params)
        self.t = 0

    def step(self):
        b1, b2 = self.betas
        for i, p in enumerate(self.params):
            self.t += 1
            self.m[i] = b1 * self.m[i] + (1 - b1) * p.grad
            self.v[i] = b2 * self.v[i] + (1 - b2) * p.grad ** 2
            m_hat, v_hat = self.m[i] / (1 - b1 ** self.t), self.v[i] / (1 - b2 ** self.t)
            p.data -= self.lr * m_hat / (np.sqrt(v_hat) + self.eps)


def train(params, x, t, lr, batches):
    net = [Linear(params["W1"], params["b1"]), Tanh(), Linear(params["W2"], params["b2"])]
    opt = Adam([p for mod in net for p in mod.params], lr)
    for rows in batches:
        out = x[rows]
        for mod in net:
            out = mod.forward(out)
        y = np.exp(out - out.max(1, keepdims=True))
        g = (y / y.sum(1, keepdims=True) - t[rows]) / len(rows)
        for mod in net[::-1]:
            g = mod.backward(g)
        opt.step()
    return dict(zip(("W1", "b1", "W2", "b2"), (p.data for p in opt.params)))


if __name__ == "__main__":
    # number of batches used -> names that differ from the reference
    EXPECTED = {1: {'W2', 'b1', 'b2'}, 3: {'W1', 'W2', 'b1', 'b2'}}

    def ref_loss(p, x, t):
        y, N, C = x, len(x), t.shape[1]
        for i, spec in enumerate(NETWORK["layers"], 1):
            z = y @ p["W%d" % i] + p["b%d" % i]
            if spec["activation"] == "tanh":
                y = np.tanh(z)
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
        N, scale = 7, 0.8
        batches = [[4, 1, 3], [0, 6, 2], [5, 1]][:key]
        rng = np.random.default_rng(3)
        p, d = {}, NETWORK["inputs"]
        for i, spec in enumerate(NETWORK["layers"], 1):
            p["W%d" % i] = scale * rng.normal(size=(d, spec["units"]))
            p["b%d" % i] = scale * rng.normal(size=spec["units"])
            d = spec["units"]
        x = rng.normal(size=(N, NETWORK["inputs"]))
        t = np.eye(d)[rng.integers(0, d, N)]
        args = [{k: v.copy() for k, v in p.items()}, x.copy(), t.copy()]
        lr, right = 0.1, {k: v.copy() for k, v in p.items()}
        got = train(*args, lr, batches)
        again = train({k: v.copy() for k, v in p.items()}, x.copy(), t.copy(), lr, batches)
        m, v = {k: 0 * p[k] for k in p}, {k: 0 * p[k] for k in p}
        for n, rows in enumerate(batches, 1):
            g = ref_grad(right, x[rows], t[rows])
            for k in p:
                m[k] = 0.9 * m[k] + (1 - 0.9) * g[k]
                v[k] = 0.999 * v[k] + (1 - 0.999) * g[k] ** 2
                right[k] = right[k] - lr * (m[k] / (1 - 0.9 ** n)) / (np.sqrt(v[k] / (1 - 0.999 ** n)) + 1e-08)
        assert set(got) == set(right) and all(np.shape(got[k]) == np.shape(right[k]) for k in right)
        differ = {k for k in right if not np.allclose(got[k], right[k], rtol=1e-6, atol=1e-6)}
        differ |= {"again" for k in again if not np.array_equal(again[k], got[k])}
        differ |= {"params" for k in p if not np.array_equal(p[k], args[0][k])}
        differ |= {n for n, u, w in (("x", x, args[1]), ("t", t, args[2])) if not np.array_equal(u, w)}
        assert differ == names, (key, differ)
    print("confirmed", EXPECTED)
