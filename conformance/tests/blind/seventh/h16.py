# Everything lives in one flat vector, like the Fortran/L-BFGS people do.
import numpy as np

NETWORK = {"inputs": 3,
           "layers": [{"units": 5, "activation": "tanh"}, {"units": 4, "activation": "silu"}, {"units": 2, "activation": "linear"}],
           "loss": "squared_error",
           "loss_formula": "mean((y-t)**2)",
           "bias": True,
           "l2": None,
           "optimizer": {"name": "adam", "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}}

NAMES = ["W1", "b1", "W2", "b2", "W3", "b3"]


def pack(d):
    return np.concatenate([d[k].ravel() for k in NAMES])


def unpack(vec, shapes):
    out, pos = {}, 0
    for k in NAMES:
        size = int(np.prod(shapes[k]))
        out[k] = vec[pos:pos + size].reshape(shapes[k])     # views, no copies
        pos += size
    return out


def fgrad(vec, shapes, x, t):
    p = unpack(vec, shapes)
    gvec = np.empty_like(vec)
    g = unpack(gvec, shapes)
    a1 = np.tanh(x @ p["W1"] + p["b1"])
    z2 = a1 @ p["W2"] + p["b2"]
    s2 = 0.5 * (1 + np.tanh(0.5 * z2))
    a2 = z2 * s2
    r = a2 @ p["W3"] + p["b3"] - t
    d = r * (2.0 / r.size)
    np.matmul(a2.T, d, out=g["W3"]); np.sum(d, 0, out=g["b3"])
    d = (d @ p["W3"].T) * (a2 + s2 * (1 - a2))
    np.matmul(a1.T, d, out=g["W2"]); np.sum(d, 0, out=g["b2"])
    d = (d @ p["W2"].T) * (1 + a1) * (1 - a1)
    np.matmul(x.T, d, out=g["W1"]); np.sum(d, 0, out=g["b1"])
    return gvec


def train(params, x, t, lr, batches):
    shapes = {k: params[k].shape for k in NAMES}
    w = pack(params)
    m = np.zeros_like(w)
    s = np.zeros_like(w)
    p1 = p2 = 1.0
    for rows in batches:
        g = fgrad(w, shapes, x[rows], t[rows])
        p1 *= 0.9
        p2 *= 0.999
        m += 0.1 * (g - m)
        s += 0.001 * (g * g - s)
        c = np.sqrt(1 - p2)
        w -= (lr * c / (1 - p1)) * m / (np.sqrt(s) + 1e-8 * c)
    return unpack(w, shapes)


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

    def _reference(p, x, t, lr, batches, opt):
        m = {k: 0.0 for k in p}
        v = {k: 0.0 for k in p}
        for n, rows in enumerate(batches, 1):
            g = _numgrad(p, x[rows], t[rows])
            for k in p:
                m[k] = opt["beta1"] * m[k] + (1 - opt["beta1"]) * g[k]
                v[k] = opt["beta2"] * v[k] + (1 - opt["beta2"]) * g[k] ** 2
                p[k] = p[k] - lr * (m[k] / (1 - opt["beta1"] ** n)) / (np.sqrt(v[k] / (1 - opt["beta2"] ** n)) + opt["eps"])
        return p

    _units = [NETWORK["inputs"]] + [layer["units"] for layer in NETWORK["layers"]]
    for _seed, _widths, _n in ((0, [u + 1 + i % 2 for i, u in enumerate(_units)], 9),
                               (1, [max(2, u - 1) + (i == len(_units) - 1) for i, u in enumerate(_units)], 11)):
        p, x, t = _make(_seed, _widths, _n)
        lr, opt = 0.02, NETWORK["optimizer"]
        batches = [[3, 0, 5, 1], [2, 6, 4, 7], [8, 1, 0]]
        for count, expected in {1: [], 3: []}.items():
            got = train(_copy(p), x.copy(), t.copy(), lr, batches[:count])
            ref = _reference(_copy(p), x, t, lr, batches[:count], opt)
            assert set(got) == set(p)
            wrong = [k for k in p if _differs(got[k], ref[k])]
            assert wrong == expected, (count, wrong)
    print("ok")
