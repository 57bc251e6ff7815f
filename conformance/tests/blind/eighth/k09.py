import numpy as np

NETWORK = {"inputs": 3,
           "layers": [{"units": 5, "activation": "sigmoid"}, {"units": 4, "activation": "sigmoid"},
                      {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": None}


class Dense:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, inp):
        self.inp = inp
        return inp @ self.W + self.b

    def backward(self, grad):
        self.dW = self.inp.T @ grad
        self.db = grad.sum(axis=0)
        return grad @ self.W.T


class Sigmoid:
    def sigmoid(self, v):
        return 1.0 / (1.0 + np.exp(-v))

    def forward(self, inp):
        self.out = self.sigmoid(inp)
        return self.out

    def backward(self, grad):
        s = self.sigmoid(self.out)
        return grad * s * (1 - s)


class SoftmaxCrossEntropy:
    def forward(self, logits, target):
        shifted = logits - logits.max(axis=1, keepdims=True)
        e = np.exp(shifted)
        self.probs = e / e.sum(axis=1, keepdims=True)
        self.target = target
        return -np.sum(target * np.log(self.probs + 1e-12)) / logits.shape[0]

    def backward(self):
        return (self.probs - self.target) / self.target.shape[0]


class Sequential:
    def __init__(self, layers):
        self.layers = layers

    def forward(self, h):
        for layer in self.layers:
            h = layer.forward(h)
        return h

    def backward(self, grad):
        for layer in self.layers[::-1]:
            grad = layer.backward(grad)


def evaluate(params, x, t):
    fc = [Dense(params["W%d" % i], params["b%d" % i]) for i in (1, 2, 3)]
    net = Sequential([fc[0], Sigmoid(), fc[1], Sigmoid(), fc[2]])
    criterion = SoftmaxCrossEntropy()
    loss = criterion.forward(net.forward(x), t)
    net.backward(criterion.backward())
    grads = {}
    for i, layer in enumerate(fc, 1):
        grads["W%d" % i] = layer.dW
        grads["b%d" % i] = layer.db
    return loss, grads


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
    EXPECT = {'loss': False, 'grads': ['W1', 'W2', 'b1', 'b2']}

    for seed, widths, N in CASES:
        p, x, t = problem(seed, widths, N)
        loss, grads = evaluate(copy(p), x.copy(), t.copy())
        assert off(loss, plain_loss(p, x, t)) == EXPECT["loss"], (loss, plain_loss(p, x, t))
        assert differing(grads, plain_grads(p, x, t)) == EXPECT["grads"], differing(grads, plain_grads(p, x, t))
    print("self-check ok")
