import numpy as np

NETWORK = {"inputs": 3,
           "layers": [{"units": 4, "activation": "elu", "alpha": 1.0}, {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": {"name": "sgd"}}


class FullyConnected:
    def __init__(self, weights, bias):
        self.weights = weights
        self.bias = bias
        self.weights_T = weights.T

    def forward(self, inputs):
        self.inputs = inputs
        return np.dot(inputs, self.weights) + self.bias

    def backward(self, out_grad, lr):
        in_grad = np.dot(out_grad, self.weights_T)
        w_grad = np.dot(self.inputs.T, out_grad)
        b_grad = np.sum(out_grad, axis=0)
        self.weights = self.weights - lr * w_grad
        self.bias = self.bias - lr * b_grad
        return in_grad


class Elu:
    def forward(self, z):
        self.z = z
        return np.where(z > 0, z, np.expm1(z))

    def backward(self, out_grad, lr):
        return out_grad * np.where(self.z > 0, 1, np.exp(self.z))


class Softmax:
    def forward(self, z):
        e = np.exp(z - np.max(z, axis=1, keepdims=True))
        self.p = e / np.sum(e, axis=1, keepdims=True)
        return self.p

    def backward(self, target, lr):
        # combined with the cross entropy
        return (self.p - target) / len(target)


def train(params, x, t, lr, batches):
    fc1 = FullyConnected(params["W1"], params["b1"])
    fc2 = FullyConnected(params["W2"], params["b2"])
    network = [fc1, Elu(), fc2, Softmax()]
    for batch in batches:
        out = x[batch]
        for layer in network:
            out = layer.forward(out)
        grad = t[batch]
        for layer in reversed(network):
            grad = layer.backward(grad, lr)
    return {"W1": fc1.weights, "b1": fc1.bias, "W2": fc2.weights, "b2": fc2.bias}


if __name__ == "__main__":
    ACT = {
        "relu": lambda z, s: np.where(z > 0, z, 0.0),
        "leaky_relu": lambda z, s: np.where(z > 0, z, s.get("slope", 0.01) * z),
        "elu": lambda z, s: np.where(z > 0, z, s.get("alpha", 1.0) * (np.exp(np.minimum(z, 0)) - 1)),
        "sigmoid": lambda z, s: 1 / (1 + np.exp(-z)),
        "tanh": lambda z, s: np.tanh(z),
        "softplus": lambda z, s: np.log(1 + np.exp(z)),
        "silu": lambda z, s: z / (1 + np.exp(-z)),
        "gelu": lambda z, s: 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z ** 3))),
        "softmax": lambda z, s: np.exp(z) / np.exp(z).sum(axis=1, keepdims=True),
        "linear": lambda z, s: z,
    }
    SPECS = NETWORK["layers"]

    def plain_loss(p, x, t):
        y, W2sum = x, 0.0
        for i, s in enumerate(SPECS, 1):
            y = ACT[s["activation"]](y @ p["W%d" % i] + p["b%d" % i], s)
            W2sum += np.sum(p["W%d" % i] ** 2)
        N, C = t.shape
        names = {"y": y, "t": t, "N": N, "C": C, "sum": np.sum, "mean": np.mean, "log": np.log, "sumW2": W2sum}
        value = eval(NETWORK["loss_formula"], names)
        if NETWORK["l2"]:
            names["lam"] = NETWORK["l2"]["lambda"]
            value += eval(NETWORK["l2"]["formula"].replace("lambda", "lam"), names)
        return float(value)

    def plain_grads(p, x, t, h=1e-5):
        g = {}
        for k in p:
            g[k] = np.zeros(p[k].shape)
            for ix in np.ndindex(*p[k].shape):
                q = {n: v.copy() for n, v in p.items()}
                q[k][ix] += h
                up = plain_loss(q, x, t)
                q[k][ix] -= 2 * h
                g[k][ix] = (up - plain_loss(q, x, t)) / (2 * h)
        return g

    def problem(seed, widths, N):
        r = np.random.default_rng(seed)
        p = {}
        for i in range(1, len(widths)):
            p["W%d" % i] = r.normal(0, 0.8, (widths[i - 1], widths[i]))
            p["b%d" % i] = r.normal(0, 0.5, widths[i])
        x = r.normal(0, 1, (N, widths[0]))
        if NETWORK["loss"] == "cross_entropy":
            t = np.eye(widths[-1])[r.integers(0, widths[-1], N)]
        elif NETWORK["loss"] == "binary_cross_entropy":
            t = (r.random((N, widths[-1])) > 0.5).astype(float)
        elif SPECS[-1]["activation"] == "sigmoid":
            t = r.random((N, widths[-1]))
        else:
            t = r.normal(0, 1, (N, widths[-1]))
        return p, x, t

    def copy(p):
        return {k: v.copy() for k, v in p.items()}

    def off(a, b):
        a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
        assert a.shape == b.shape, (a.shape, b.shape)
        return bool(np.max(np.abs(a - b) / np.maximum(1, np.abs(b))) > 1e-5)

    def differing(a, b):
        assert set(a) == set(b)
        return sorted(k for k in b if off(a[k], b[k]))

    L = len(SPECS)
    CASES = [(3, [4, 7, 3, 5, 6][:L] + [2], 7), (8, [5, 3, 6, 4, 2][:L] + [4], 8)]
    EXPECT = {'after': {1: [], 2: ['W1', 'b1'], 3: ['W1', 'W2', 'b1', 'b2']}}

    def plain_train(p, x, t, lr, batches):
        p, o = copy(p), NETWORK["optimizer"]
        a = {k: np.zeros(v.shape) for k, v in p.items()}
        c = {k: np.zeros(v.shape) for k, v in p.items()}
        if o.get("batch") == 1:
            batches = [[r] for rows in batches for r in rows]
        for n, rows in enumerate(batches, 1):
            g = plain_grads(p, x[rows], t[rows])
            for k in p:
                if o["name"] == "sgd":
                    p[k] = p[k] - lr * g[k]
                elif o["name"] == "momentum" and "(1-beta)" in o["rule"]:
                    a[k] = o["beta"] * a[k] + (1 - o["beta"]) * g[k]
                    p[k] = p[k] - lr * a[k]
                elif o["name"] == "momentum":
                    a[k] = o["beta"] * a[k] + lr * g[k]
                    p[k] = p[k] - a[k]
                elif o["name"] == "rmsprop":
                    c[k] = o["rho"] * c[k] + (1 - o["rho"]) * g[k] ** 2
                    p[k] = p[k] - lr * g[k] / (np.sqrt(c[k]) + o["eps"])
                elif o["name"] == "adam":
                    a[k] = o["beta1"] * a[k] + (1 - o["beta1"]) * g[k]
                    c[k] = o["beta2"] * c[k] + (1 - o["beta2"]) * g[k] ** 2
                    mh, vh = a[k] / (1 - o["beta1"] ** n), c[k] / (1 - o["beta2"] ** n)
                    p[k] = p[k] - lr * mh / (np.sqrt(vh) + o["eps"])
        return p

    for seed, widths, N in CASES:
        p, x, t = problem(seed, widths, N)
        batches = [[3, 1, 6, 0], [2, 5, 4], [6, 2]]
        for n in (1, 2, 3):
            right = plain_train(p, x, t, 0.2, batches[:n])
            got = train(copy(p), x.copy(), t.copy(), 0.2, batches[:n])
            assert differing(got, right) == EXPECT["after"][n], (n, differing(got, right))
    print("self-check ok")
