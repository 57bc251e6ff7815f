"""Port of a small JavaScript network (nested arrays, camelCase and all)."""
import math
import numpy as np

NETWORK = {"inputs": 2,
           "layers": [{"units": 4, "activation": "tanh"}, {"units": 3, "activation": "tanh"}, {"units": 2, "activation": "tanh"}],
           "loss": "squared_error",
           "loss_formula": "sum((y-t)**2) / (2*N)",
           "bias": True,
           "l2": None,
           "optimizer": None}


class Network:
    def __init__(self, sizes, weights, biases):
        self.sizes = sizes
        self.outputLayer = len(sizes) - 1
        self.weights = weights      # weights[layer][node][input]
        self.biases = biases        # biases[layer][node]
        self.outputs = [[0.0] * s for s in sizes]
        self.deltas = [[0.0] * s for s in sizes]
        self.changes = [None] + [[[0.0] * sizes[l - 1] for _ in range(sizes[l])] for l in range(1, len(sizes))]
        self.biasChanges = [None] + [[0.0] * sizes[l] for l in range(1, len(sizes))]

    def runInput(self, inp):
        self.outputs[0] = list(inp)
        for layer in range(1, self.outputLayer + 1):
            for node in range(self.sizes[layer]):
                s = self.biases[layer][node]
                for k in range(self.sizes[layer - 1]):
                    s += self.weights[layer][node][k] * self.outputs[layer - 1][k]
                self.outputs[layer][node] = math.tanh(s)
        return self.outputs[self.outputLayer]

    def calculateDeltas(self, target):
        for layer in range(self.outputLayer, 0, -1):
            error = 0.0
            for node in range(self.sizes[layer]):
                output = self.outputs[layer][node]
                if layer == self.outputLayer:
                    error = output - target[node]
                else:
                    for k in range(self.sizes[layer + 1]):
                        error += self.deltas[layer + 1][k] * self.weights[layer + 1][k][node]
                self.deltas[layer][node] = error * (1 - output * output)

    def collectChanges(self):
        for layer in range(1, self.outputLayer + 1):
            incoming = self.outputs[layer - 1]
            for node in range(self.sizes[layer]):
                delta = self.deltas[layer][node]
                for k in range(len(incoming)):
                    self.changes[layer][node][k] += delta * incoming[k]
                self.biasChanges[layer][node] += delta


def evaluate(params, x, t):
    L = len(params) // 2
    sizes = [params["W1"].shape[0]] + [len(params[f"b{l}"]) for l in range(1, L + 1)]
    net = Network(sizes, [None] + [params[f"W{l}"].T.tolist() for l in range(1, L + 1)],
                  [None] + [params[f"b{l}"].tolist() for l in range(1, L + 1)])
    total = 0.0
    for inp, target in zip(x, t):
        out = net.runInput(inp)
        total += 0.5 * sum((o - w) ** 2 for o, w in zip(out, target))
        net.calculateDeltas(target)
        net.collectChanges()
    n = len(x)
    grads = {}
    for l in range(1, L + 1):
        grads[f"W{l}"] = np.array(net.changes[l]).T / n
        grads[f"b{l}"] = np.array(net.biasChanges[l]) / n
    return total / n, grads


if __name__ == "__main__":
    # ---- self-check: plain forward pass and central differences at other widths
    def _act(z, layer):
        kind = layer["activation"]
        if kind == "softmax":
            e = np.exp(z - z.max(axis=1, keepdims=True))
            return e / e.sum(axis=1, keepdims=True)
        return {"relu": lambda: np.maximum(z, 0),
                "leaky_relu": lambda: np.where(z > 0, z, layer.get("slope", 0) * z),
                "elu": lambda: np.where(z > 0, z, layer.get("alpha", 0) * (np.exp(np.minimum(z, 0)) - 1)),
                "sigmoid": lambda: 1 / (1 + np.exp(-z)),
                "tanh": lambda: np.tanh(z),
                "softplus": lambda: np.log(1 + np.exp(z)),
                "silu": lambda: z / (1 + np.exp(-z)),
                "gelu": lambda: 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z ** 3))),
                "linear": lambda: z}[kind]()

    def _loss(p, x, t):
        y = x
        for i, layer in enumerate(NETWORK["layers"], 1):
            y = _act(y @ p[f"W{i}"] + p[f"b{i}"], layer)
        env = {"y": y, "t": t, "N": len(x), "C": t.shape[1], "sum": np.sum, "mean": np.mean, "log": np.log}
        value = eval(NETWORK["loss_formula"], dict(env))
        if NETWORK["l2"]:
            env["lam"] = NETWORK["l2"]["lambda"]
            env["sumW2"] = sum((p[k] ** 2).sum() for k in p if k.startswith("W"))
            value = value + eval(NETWORK["l2"]["formula"].replace("lambda", "lam"), env)
        return float(value)

    def _numgrad(p, x, t, h=1e-5):
        out = {}
        for k in p:
            out[k] = np.zeros(p[k].shape)
            for i in np.ndindex(*p[k].shape):
                q = {n: v.copy() for n, v in p.items()}
                q[k][i] += h
                up = _loss(q, x, t)
                q[k][i] -= 2 * h
                out[k][i] = (up - _loss(q, x, t)) / (2 * h)
        return out

    def _make(seed, widths, n):
        r = np.random.default_rng(seed)
        p = {}
        for i in range(1, len(widths)):
            p[f"W{i}"] = r.normal(size=(widths[i - 1], widths[i])) * 0.7
            p[f"b{i}"] = r.normal(size=widths[i]) * 0.5
        x = r.normal(size=(n, widths[0]))
        if NETWORK["loss"] == "cross_entropy":
            t = np.eye(widths[-1])[r.integers(0, widths[-1], n)]
        elif NETWORK["loss"] == "binary_cross_entropy":
            t = r.integers(0, 2, (n, widths[-1])).astype(float)
        else:
            t = r.uniform(0, 1, (n, widths[-1]))
        return p, x, t

    def _differs(got, want):
        assert np.shape(got) == np.shape(want), (np.shape(got), np.shape(want))
        return bool(np.max(np.abs(np.asarray(got) - want)) > 1e-5 * max(1.0, np.max(np.abs(want))))

    def _copy(p):
        return {k: v.copy() for k, v in p.items()}

    _units = [NETWORK["inputs"]] + [layer["units"] for layer in NETWORK["layers"]]
    for _seed, _widths, _n in ((0, [u + 1 + i % 2 for i, u in enumerate(_units)], 9),
                               (1, [max(2, u - 1) + (i == len(_units) - 1) for i, u in enumerate(_units)], 11)):
        p, x, t = _make(_seed, _widths, _n)
        loss, grads = evaluate(_copy(p), x.copy(), t.copy())
        ref = _numgrad(p, x, t)
        assert set(grads) == set(p)
        assert _differs(loss, _loss(p, x, t)) == False, ("loss", loss, _loss(p, x, t))
        wrong = [k for k in p if _differs(grads[k], ref[k])]
        assert wrong == ['W1', 'b1', 'W2', 'b2'], wrong
    print("ok")
