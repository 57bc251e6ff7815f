# class with fit(): mini-batch gradient descent with momentum
import numpy as np

NETWORK = {"inputs": 3,
           "layers": [{"units": 5, "activation": "sigmoid"}, {"units": 2, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy",
           "loss_formula": "-sum(t*log(y)+(1-t)*log(1-y))/N",
           "bias": True, "l2": None,
           "optimizer": {"name": "momentum", "beta": 0.9, "rule": "v = beta*v + (1-beta)*g; p -= lr*v"}}


def expit(z):
    return 1.0 / (1.0 + np.exp(-z))


class NeuralNetMLP:
    def __init__(self, params, eta, beta=0.9):
        self.w_h, self.b_h = params["W1"].copy(), params["b1"].copy()
        self.w_out, self.b_out = params["W2"].copy(), params["b2"].copy()
        self.eta, self.beta = eta, beta

    def _forward(self, X):
        a_h = expit(X @ self.w_h + self.b_h)
        return a_h, expit(a_h @ self.w_out + self.b_out)

    def fit(self, X, y, batches):
        n = X.shape[0]
        v_h = np.zeros_like(self.w_h)
        v_out = np.zeros_like(self.w_out)
        for batch_idx in batches:
            a_h, a_out = self._forward(X[batch_idx])

            # backpropagation
            delta_out = a_out - y[batch_idx]
            delta_h = (delta_out @ self.w_out.T) * a_h * (1.0 - a_h)
            grad_w_h = X[batch_idx].T @ delta_h / n
            grad_b_h = delta_h.sum(axis=0) / n
            grad_w_out = a_h.T @ delta_out / n
            grad_b_out = delta_out.sum(axis=0) / n

            # updates
            v_h = self.beta * v_h + (1 - self.beta) * grad_w_h
            v_out = self.beta * v_out + (1 - self.beta) * grad_w_out
            self.w_h -= self.eta * v_h
            self.b_h -= self.eta * grad_b_h
            self.w_out -= self.eta * v_out
            self.b_out -= self.eta * grad_b_out
        return self


def train(params, x, t, lr, batches):
    nn = NeuralNetMLP(params, lr).fit(x, t, batches)
    return {"W1": nn.w_h, "b1": nn.b_h, "W2": nn.w_out, "b2": nn.b_out}


if __name__ == "__main__":
    # ---- self-check: plain forward pass, central differences, plain update rules ----
    expected = {1: {"W1", "W2", "b1", "b2"}, 2: {"W1", "W2", "b1", "b2"}, 4: {"W1", "W2", "b1", "b2"}}

    def f(z, layer):
        a = layer["activation"]
        if a == "linear":
            return z
        if a == "relu":
            return np.where(z > 0, z, 0.0)
        if a == "leaky_relu":
            return np.where(z > 0, z, layer["slope"] * z)
        if a == "elu":
            return np.where(z > 0, z, layer["alpha"] * (np.exp(z) - 1))
        if a == "sigmoid":
            return 1 / (1 + np.exp(-z))
        if a == "tanh":
            return np.tanh(z)
        if a == "softplus":
            return np.log(1 + np.exp(z))
        if a == "silu":
            return z / (1 + np.exp(-z))
        if a == "gelu":
            return 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z ** 3)))
        if a == "softmax":
            e = np.exp(z - z.max(1, keepdims=True))
            return e / e.sum(1, keepdims=True)
        raise ValueError(a)

    def right_loss(p, x, t):
        y = x
        for l, layer in enumerate(NETWORK["layers"], 1):
            y = f(y @ p["W%d" % l] + p["b%d" % l], layer)
        N, C = t.shape
        names = {"y": y, "t": t, "N": N, "C": C, "sum": np.sum, "mean": np.mean, "log": np.log}
        loss = eval(NETWORK["loss_formula"], dict(names))
        if NETWORK["l2"]:
            w2 = sum(np.sum(v ** 2) for k, v in p.items() if k[0] == "W")
            loss += eval(NETWORK["l2"]["formula"].replace("lambda", "lam"),
                         {"lam": NETWORK["l2"]["lambda"], "N": N, "sumW2": w2})
        return float(loss)

    def right_grads(p, x, t, h=1e-5):
        g = {}
        for k in p:
            g[k] = np.zeros_like(p[k])
            for i in np.ndindex(p[k].shape):
                q = {n: v.copy() for n, v in p.items()}
                q[k][i] += h
                up = right_loss(q, x, t)
                q[k][i] -= 2 * h
                g[k][i] = (up - right_loss(q, x, t)) / (2 * h)
        return g

    def differs(a, b):
        a, b = np.asarray(a, float), np.asarray(b, float)
        assert a.shape == b.shape, (a.shape, b.shape)
        d = np.max(np.abs(a - b))
        assert d < 1e-6 or d > 1e-4 or np.isnan(d), d
        return not d < 1e-6

    def problem(seed, widths, n):
        r = np.random.default_rng(seed)
        p = {}
        for l in range(1, len(widths)):
            p["W%d" % l] = r.normal(size=(widths[l - 1], widths[l])) * 0.8
            p["b%d" % l] = r.normal(size=widths[l]) * 0.4
        x = r.normal(size=(n, widths[0]))
        c = widths[-1]
        if NETWORK["loss"] == "cross_entropy":
            t = np.eye(c)[r.integers(0, c, n)]
        elif NETWORK["loss"] == "binary_cross_entropy":
            t = r.integers(0, 2, (n, c)).astype(float)
        else:
            t = r.normal(size=(n, c))
        return p, x, t

    own = [NETWORK["inputs"]] + [layer["units"] for layer in NETWORK["layers"]]
    n_layers = len(NETWORK["layers"])
    copy = lambda p: {k: v.copy() for k, v in p.items()}

    def right_train(p, x, t, lr, batches):
        opt = NETWORK["optimizer"]
        p = copy(p)
        m = {k: np.zeros_like(v) for k, v in p.items()}
        v = {k: np.zeros_like(q) for k, q in p.items()}
        if opt.get("batch") == 1:
            batches = [[i] for b in batches for i in b]
        for count, rows in enumerate(batches, 1):
            g = right_grads(p, x[rows], t[rows])
            for k in p:
                if opt["name"] == "sgd":
                    p[k] = p[k] - lr * g[k]
                elif opt["name"] == "momentum" and "+ lr*g" in opt["rule"]:
                    v[k] = opt["beta"] * v[k] + lr * g[k]
                    p[k] = p[k] - v[k]
                elif opt["name"] == "momentum":
                    v[k] = opt["beta"] * v[k] + (1 - opt["beta"]) * g[k]
                    p[k] = p[k] - lr * v[k]
                elif opt["name"] == "rmsprop":
                    v[k] = opt["rho"] * v[k] + (1 - opt["rho"]) * g[k] ** 2
                    p[k] = p[k] - lr * g[k] / (np.sqrt(v[k]) + opt["eps"])
                elif opt["name"] == "adam":
                    m[k] = opt["beta1"] * m[k] + (1 - opt["beta1"]) * g[k]
                    v[k] = opt["beta2"] * v[k] + (1 - opt["beta2"]) * g[k] ** 2
                    mh = m[k] / (1 - opt["beta1"] ** count)
                    vh = v[k] / (1 - opt["beta2"] ** count)
                    p[k] = p[k] - lr * mh / (np.sqrt(vh) + opt["eps"])
        return p

    batches = [[3, 7, 1, 10], [0, 5, 2], [11, 4, 8, 9, 6], [7, 0, 11, 2]]
    for seed, widths in ((1, own), (2, [5, 3, 6, 4][:n_layers + 1]), (3, [2, 7, 4, 3][:n_layers + 1])):
        p, x, t = problem(seed, widths, 12)
        for k in (1, 2, 4):
            got = train(copy(p), x.copy(), t.copy(), 0.3, batches[:k])
            ref = right_train(p, x, t, 0.3, batches[:k])
            assert set(got) == set(p)
            found = {n for n in p if differs(got[n], ref[n])}
            assert found == expected[k], (widths, k, sorted(found))
    print("ok: after 1, 2, 4 batches differs in", [sorted(expected[k]) for k in (1, 2, 4)])
