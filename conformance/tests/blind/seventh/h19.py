"""Direct translation of NeuralNet.java. Error is (target - output), so corrections are ADDED."""
import numpy as np

NETWORK = {"inputs": 3,
           "layers": [{"units": 5, "activation": "tanh"}, {"units": 4, "activation": "sigmoid"}, {"units": 2, "activation": "sigmoid"}],
           "loss": "squared_error",
           "loss_formula": "sum((y-t)**2) / N",
           "bias": True,
           "l2": None,
           "optimizer": None}


class LayerJ:
    def __init__(self, weights, bias, kind):
        self._weights = weights.copy()
        self._bias = bias.copy()
        self._kind = kind

    def fire(self, signal):
        self._input = signal
        net = signal.dot(self._weights) + self._bias
        self._output = np.tanh(net) if self._kind == "tanh" else 0.5 * (1 + np.tanh(net / 2))
        return self._output

    def slope(self):
        if self._kind == "tanh":
            return (1 - self._output) * (1 + self._output)
        return 0.25 - (self._output - 0.5) ** 2

    def blame(self, fromAbove):
        """Stores this layer's delta, returns the blame for the layer below."""
        self._delta = fromAbove * self.slope()
        return self._delta.dot(self._weights.T)

    def correct(self, rate):
        self._weights += rate * self._input.T.dot(self._delta)
        self._bias += rate * self._delta.sum(axis=0)


def step(params, x, t, lr):
    kinds = ["tanh", "sigmoid", "sigmoid"]
    net = [LayerJ(params[f"W{i+1}"], params[f"b{i+1}"], kind) for i, kind in enumerate(kinds)]
    signal = x
    for layer in net:
        signal = layer.fire(signal)
    blame = t - signal
    for layer in reversed(net):
        blame = layer.blame(blame)
    # derivative of the square gives the 2, the batch mean gives the 1/N
    for layer in net:
        layer.correct(2 * lr / len(x))
    out = {}
    for i, layer in enumerate(net, 1):
        out[f"W{i}"], out[f"b{i}"] = layer._weights, layer._bias
    return out


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
        lr = 0.3
        new = step(_copy(p), x.copy(), t.copy(), lr)
        ref = _numgrad(p, x, t)
        assert set(new) == set(p)
        wrong = [k for k in p if _differs(new[k], p[k] - lr * ref[k])]
        assert wrong == [], wrong
    print("ok")
