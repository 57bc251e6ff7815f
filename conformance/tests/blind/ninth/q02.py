import numpy as np

NETWORK = {"inputs": 4,
           "layers": [{"units": 6, "activation": "tanh"}, {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy",
           "loss_formula": "-sum(t*log(y))/N",
           "bias": True, "l2": None, "optimizer": None}


def softmax(s):
    s = s - s.max(axis=1, keepdims=True)
    e = np.exp(s)
    return e / e.sum(axis=1, keepdims=True)


class NeuralNetwork:
    def __init__(self, params, lr):
        self.W1, self.b1 = params["W1"].copy(), params["b1"].copy()
        self.W2, self.b2 = params["W2"].copy(), params["b2"].copy()
        self.lr = lr

    def forward(self, X):
        self.h = np.tanh(X @ self.W1 + self.b1)
        self.out = softmax(self.h @ self.W2 + self.b2)
        return self.out

    def backward(self, X, T):
        n = X.shape[0]

        # output layer
        delta2 = (self.out - T) / n
        dW2 = self.h.T @ delta2
        db2 = delta2.sum(axis=0)
        self.W2 -= self.lr * dW2
        self.b2 -= self.lr * db2

        # hidden layer
        delta1 = delta2 @ self.W2.T * (1 - self.h ** 2)
        dW1 = X.T @ delta1
        db1 = delta1.sum(axis=0)
        self.W1 -= self.lr * dW1
        self.b1 -= self.lr * db1

    def fit(self, X, T, epochs=1):
        for _ in range(epochs):
            self.forward(X)
            self.backward(X, T)
        return self


def step(params, x, t, lr):
    net = NeuralNetwork(params, lr).fit(x, t, epochs=1)
    return {"W1": net.W1, "b1": net.b1, "W2": net.W2, "b2": net.b2}


if __name__ == "__main__":
    # ---- self-check: plain forward pass, central differences, right update ----
    EXPECT = {"W1", "b1"}          # what must differ from the right numbers
    FIRST = None            # train only: first update after which something differs
    np.random.seed(102)
    rng = np.random.default_rng(102)
    layers = NETWORK["layers"]
    sizes = [NETWORK["inputs"] + 1] + [l["units"] + 1 + i % 2 for i, l in enumerate(layers)]
    N = 7

    def act(l, z):
        k = l["activation"]
        if k == "softmax":
            e = np.exp(z - z.max(axis=1, keepdims=True))
            return e / e.sum(axis=1, keepdims=True)
        return {"linear": lambda: z,
                "relu": lambda: np.where(z > 0, z, 0.0),
                "leaky_relu": lambda: np.where(z > 0, z, l.get("slope", 0.01) * z),
                "elu": lambda: np.where(z > 0, z, l.get("alpha", 1.0) * np.expm1(np.minimum(z, 0))),
                "sigmoid": lambda: 1 / (1 + np.exp(-z)),
                "tanh": lambda: np.tanh(z),
                "softplus": lambda: np.log1p(np.exp(z)),
                "silu": lambda: z / (1 + np.exp(-z)),
                "gelu": lambda: 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z ** 3)))}[k]()

    def right_loss(p, x, t):
        y = x
        for i, l in enumerate(layers, 1):
            y = act(l, y @ p[f"W{i}"] + p[f"b{i}"])
        env = {"y": y, "t": t, "N": len(x), "C": t.shape[1], "sum": np.sum, "mean": np.mean, "log": np.log}
        value = eval(NETWORK["loss_formula"], env)
        if NETWORK["l2"]:
            s = sum((p[k] ** 2).sum() for k in p if k[0] == "W")
            value += eval(NETWORK["l2"]["formula"].replace("lambda", "lam"),
                          {"lam": NETWORK["l2"]["lambda"], "N": len(x), "sumW2": s})
        return value

    def right_grads(p, x, t, h=1e-5):
        g = {k: np.zeros_like(v) for k, v in p.items()}
        for k in p:
            for j in np.ndindex(p[k].shape):
                old = p[k][j]
                p[k][j] = old + h
                up = right_loss(p, x, t)
                p[k][j] = old - h
                down = right_loss(p, x, t)
                p[k][j] = old
                g[k][j] = (up - down) / (2 * h)
        return g

    def copy(p):
        return {k: v.copy() for k, v in p.items()}

    P = {}
    for i in range(len(layers)):
        P[f"W{i + 1}"] = rng.normal(size=(sizes[i], sizes[i + 1])) * 0.8
        P[f"b{i + 1}"] = rng.normal(size=sizes[i + 1]) * 0.5
    X = rng.normal(size=(N, sizes[0]))
    if NETWORK["loss"] == "cross_entropy":
        T = np.eye(sizes[-1])[rng.integers(0, sizes[-1], N)]
    elif NETWORK["loss"] == "binary_cross_entropy":
        T = rng.integers(0, 2, (N, sizes[-1])).astype(float)
    else:
        T = rng.uniform(0, 1, (N, sizes[-1]))
    names = list(P)

    def differing(got, want):
        assert set(got) == set(want)
        assert all(np.shape(got[k]) == want[k].shape for k in want), "shapes"
        return {k for k in want if not np.abs(got[k] - want[k]).max() < 1e-5}

    bad, first = set(), None
    if "evaluate" in globals():
        loss, grads = evaluate(copy(P), X.copy(), T.copy())
        bad = differing(grads, right_grads(P, X, T))
        if not abs(loss - right_loss(P, X, T)) < 1e-5:
            bad.add("loss")
    elif "step" in globals():
        g = right_grads(P, X, T)
        bad = differing(step(copy(P), X.copy(), T.copy(), 0.1), {k: P[k] - 0.1 * g[k] for k in P})
    else:
        o, lr = NETWORK["optimizer"], 0.05
        batches = [[0, 1, 2], [3, 4, 5, 6], [2, 3], [6, 0, 4, 1], [4, 5, 6]]
        p, m, v = copy(P), {k: 0.0 for k in P}, {k: 0.0 for k in P}
        for n, rows in enumerate(batches, 1):
            for part in ([[r] for r in rows] if o.get("batch") == 1 else [rows]):
                g = right_grads(p, X[part], T[part])
                for k in p:
                    if o["name"] == "sgd":
                        p[k] = p[k] - lr * g[k]
                    elif o["name"] == "momentum" and "lr*g" in o["rule"]:
                        v[k] = o["beta"] * v[k] + lr * g[k]
                        p[k] = p[k] - v[k]
                    elif o["name"] == "momentum":
                        v[k] = o["beta"] * v[k] + (1 - o["beta"]) * g[k]
                        p[k] = p[k] - lr * v[k]
                    elif o["name"] == "rmsprop":
                        v[k] = o["rho"] * v[k] + (1 - o["rho"]) * g[k] ** 2
                        p[k] = p[k] - lr * g[k] / (np.sqrt(v[k]) + o["eps"])
                    else:
                        m[k] = o["beta1"] * m[k] + (1 - o["beta1"]) * g[k]
                        v[k] = o["beta2"] * v[k] + (1 - o["beta2"]) * g[k] ** 2
                        p[k] = p[k] - lr * (m[k] / (1 - o["beta1"] ** n)) / (
                            np.sqrt(v[k] / (1 - o["beta2"] ** n)) + o["eps"])
            bad = differing(train(copy(P), X.copy(), T.copy(), lr, batches[:n]), p)
            if bad and first is None:
                first = n
    assert bad == EXPECT, (bad, EXPECT)
    assert first == FIRST, (first, FIRST)
    print("ok:", sorted(bad) or "all agrees", first or "")
