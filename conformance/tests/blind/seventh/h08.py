# transformer MLP block in numpy, taken out of picoGPT-like code to check my C++ kernels
import numpy as np

NETWORK = {"inputs": 4,
           "layers": [{"units": 8, "activation": "gelu"}, {"units": 5, "activation": "gelu"}, {"units": 2, "activation": "linear"}],
           "loss": "squared_error",
           "loss_formula": "sum((y-t)**2) / N",
           "bias": True,
           "l2": None,
           "optimizer": None}

K0 = np.sqrt(2.0 / np.pi)
K1 = 0.044715


def gelu(z):
    return 0.5 * z * (1.0 + np.tanh(K0 * (z + K1 * z ** 3)))


def gelu_grad(z):
    th = np.tanh(K0 * (z + K1 * z ** 3))
    sech2 = 1.0 - th ** 2
    return 0.5 * (1.0 + th) + 0.5 * z * sech2 * K0 * (1.0 + K1 * z ** 2)


def evaluate(params, x, t):
    n_layers = len(params) // 2
    acts, pre = [x], []
    for l in range(1, n_layers + 1):
        z = np.einsum("ni,io->no", acts[-1], params[f"W{l}"]) + params[f"b{l}"]
        pre.append(z)
        acts.append(gelu(z) if l < n_layers else z)

    diff = acts[-1] - t
    loss = np.einsum("no,no->", diff, diff) / len(x)

    grads = {}
    d = 2.0 * diff / len(x)
    for l in range(n_layers, 0, -1):
        if l < n_layers:
            d = d * gelu_grad(pre[l - 1])
        grads[f"W{l}"] = np.einsum("ni,no->io", acts[l - 1], d)
        grads[f"b{l}"] = np.einsum("no->o", d)
        d = np.einsum("no,io->ni", d, params[f"W{l}"])
    return loss, grads


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
