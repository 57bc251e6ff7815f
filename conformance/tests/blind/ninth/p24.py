"""Multi-label net with two hidden layers. Ported from my JavaScript demo."""
import numpy as np

NETWORK = {"inputs": 3,
           "layers": [{"units": 5, "activation": "tanh"},
                      {"units": 4, "activation": "tanh"},
                      {"units": 2, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy",
           "loss_formula": "-sum(t*log(y)+(1-t)*log(1-y)) / N",
           "bias": True, "l2": None, "optimizer": None}


class Layer:
    def __init__(self, weights, biases, fn, dfn):
        self.weights = weights
        self.biases = biases
        self.fn = fn
        self.dfn = dfn

    def feedForward(self, inputs):
        self.inputs = inputs
        self.outputs = self.fn(inputs.dot(self.weights) + self.biases)
        return self.outputs

    def propagateBack(self, errors, isOutput=False):
        deltas = errors if isOutput else errors * self.dfn(self.outputs)
        self.gradWeights = self.inputs.T.dot(deltas)
        self.gradBiases = deltas.sum(0)
        return deltas.dot(self.weights.T)


def logistic(v):
    return 1.0 / (1.0 + np.exp(-v))


def evaluate(params, x, t):
    layers = []
    for i in (1, 2):
        layers.append(Layer(params["W%d" % i], params["b%d" % i], np.tanh, lambda o: 1 - o * o))
    layers.append(Layer(params["W3"], params["b3"], logistic, lambda o: o * (1 - o)))

    out = x
    for layer in layers:
        out = layer.feedForward(out)

    n = x.shape[0]
    loss = -np.sum(t * np.log(out)) / n

    # sigmoid and cross entropy simplify to (out - t)
    err = (out - t) / n
    for k, layer in enumerate(reversed(layers)):
        err = layer.propagateBack(err, isOutput=(k == 0))

    grads = {}
    for i, layer in enumerate(layers, 1):
        grads["W%d" % i] = layer.gradWeights
        grads["b%d" % i] = layer.gradBiases
    return loss, grads


if __name__ == "__main__":
    EXPECTED = {'loss': True, 'different': []}

    def ref_activation(layer, z):
        name = layer["activation"]
        if name == "linear":
            return z
        if name == "relu":
            return np.where(z > 0, z, 0.0)
        if name == "leaky_relu":
            return np.where(z > 0, z, layer["slope"] * z)
        if name == "elu":
            return np.where(z > 0, z, layer["alpha"] * (np.exp(np.minimum(z, 0)) - 1))
        if name == "sigmoid":
            return 1 / (1 + np.exp(-z))
        if name == "tanh":
            return np.tanh(z)
        if name == "softplus":
            return np.log1p(np.exp(z))
        if name == "silu":
            return z / (1 + np.exp(-z))
        if name == "gelu":
            return 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z ** 3)))
        if name == "softmax":
            e = np.exp(z - z.max(axis=1, keepdims=True))
            return e / e.sum(axis=1, keepdims=True)
        raise ValueError(name)

    def ref_loss(p, x, t):
        y = x
        for i, layer in enumerate(NETWORK["layers"], 1):
            z = y @ p[f"W{i}"]
            if NETWORK["bias"]:
                z = z + p[f"b{i}"]
            y = ref_activation(layer, z)
        env = {"y": y, "t": t, "N": t.shape[0], "C": t.shape[1],
               "sum": np.sum, "mean": np.mean, "log": np.log}
        value = eval(NETWORK["loss_formula"], env)
        if NETWORK["l2"]:
            env = {"lam": NETWORK["l2"]["lambda"], "N": t.shape[0],
                   "sumW2": sum((v ** 2).sum() for k, v in p.items() if k[0] == "W")}
            value = value + eval(NETWORK["l2"]["formula"].replace("lambda", "lam"), env)
        return value

    def ref_grads(p, x, t, h=1e-5):
        out = {}
        for k in p:
            g = np.zeros_like(p[k])
            for idx in np.ndindex(*p[k].shape):
                q = {n: v.copy() for n, v in p.items()}
                q[k][idx] += h
                up = ref_loss(q, x, t)
                q[k][idx] -= 2 * h
                g[idx] = (up - ref_loss(q, x, t)) / (2 * h)
            out[k] = g
        return out

    def ref_train(p, x, t, lr, batches):
        p = {k: v.copy() for k, v in p.items()}
        opt = NETWORK["optimizer"] or {"name": "sgd"}
        m = {k: np.zeros_like(v) for k, v in p.items()}
        s = {k: np.zeros_like(v) for k, v in p.items()}
        for n, rows in enumerate(batches, 1):
            g = ref_grads(p, x[rows], t[rows])
            for k in p:
                if opt["name"] == "sgd":
                    p[k] = p[k] - lr * g[k]
                elif opt["name"] == "momentum":
                    if "(1-beta)" in opt["rule"]:
                        m[k] = opt["beta"] * m[k] + (1 - opt["beta"]) * g[k]
                        p[k] = p[k] - lr * m[k]
                    else:
                        m[k] = opt["beta"] * m[k] + lr * g[k]
                        p[k] = p[k] - m[k]
                elif opt["name"] == "rmsprop":
                    s[k] = opt["rho"] * s[k] + (1 - opt["rho"]) * g[k] ** 2
                    p[k] = p[k] - lr * g[k] / (np.sqrt(s[k]) + opt["eps"])
                elif opt["name"] == "adam":
                    m[k] = opt["beta1"] * m[k] + (1 - opt["beta1"]) * g[k]
                    s[k] = opt["beta2"] * s[k] + (1 - opt["beta2"]) * g[k] ** 2
                    mh, sh = m[k] / (1 - opt["beta1"] ** n), s[k] / (1 - opt["beta2"] ** n)
                    p[k] = p[k] - lr * mh / (np.sqrt(sh) + opt["eps"])
        return p

    def differs(a, b):
        a, b = np.asarray(a, float), np.asarray(b, float)
        assert a.shape == b.shape, (a.shape, b.shape)
        return not np.max(np.abs(a - b)) <= 1e-5 * max(1.0, np.max(np.abs(b)))

    def copy(p):
        return {k: v.copy() for k, v in p.items()}

    for seed, grow, N in ((1, 1, 7), (2, 2, 9)):
        rng = np.random.default_rng(seed)
        sizes = [NETWORK["inputs"] + grow] + [l["units"] + grow for l in NETWORK["layers"]]
        params = {}
        for i in range(1, len(sizes)):
            params[f"W{i}"] = rng.normal(size=(sizes[i - 1], sizes[i])) * 0.8
            if NETWORK["bias"]:
                params[f"b{i}"] = rng.normal(size=sizes[i]) * 0.5
        x = rng.normal(size=(N, sizes[0]))
        if NETWORK["loss"] == "cross_entropy":
            t = np.eye(sizes[-1])[rng.integers(0, sizes[-1], N)]
        elif NETWORK["loss"] == "binary_cross_entropy":
            t = rng.integers(0, 2, (N, sizes[-1])).astype(float)
        else:
            t = rng.normal(size=(N, sizes[-1]))
        if "evaluate" in globals():
            loss, grads = evaluate(copy(params), x.copy(), t.copy())
            want = ref_grads(params, x, t)
            assert set(grads) == set(want)
            assert differs(loss, ref_loss(params, x, t)) == EXPECTED["loss"], (loss, ref_loss(params, x, t))
            wrong = sorted(k for k in want if differs(grads[k], want[k]))
            assert wrong == sorted(EXPECTED["different"]), wrong
        elif "step" in globals():
            lr = 0.3
            got = step(copy(params), x.copy(), t.copy(), lr)
            want = ref_train(params, x, t, lr, [list(range(N))])
            wrong = sorted(k for k in want if differs(got[k], want[k]))
            assert wrong == sorted(EXPECTED["different"]), wrong
        else:
            lr = 0.05
            batches = [[2, 0, 5], [1, 6, 3, 4], [6, 2], [0, 3, 4, 1, 5]]
            first = None
            for n in range(1, len(batches) + 1):
                got = train(copy(params), x.copy(), t.copy(), lr, [list(b) for b in batches[:n]])
                want = ref_train(params, x, t, lr, batches[:n])
                wrong = sorted(k for k in want if differs(got[k], want[k]))
                if wrong and first is None:
                    first = n
            assert first == EXPECTED["first_step"], first
            assert wrong == sorted(EXPECTED["different"]), wrong
    print("as expected:", EXPECTED)
