# Layers as closures (the way it's done in JAX's vjp): f(x) -> y, pullback
import numpy as np

NETWORK = {"inputs": 3,
           "layers": [{"units": 5, "activation": "leaky_relu", "slope": 0.01},
                      {"units": 6, "activation": "gelu"},
                      {"units": 4, "activation": "elu", "alpha": 1.0},
                      {"units": 2, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy",
           "loss_formula": "-sum(t*log(y)+(1-t)*log(1-y)) / (N*C)",
           "bias": True,
           "l2": None,
           "optimizer": None}


def dense(grads, i, W, b):
    def run(a):
        def pull(up):
            grads[f"W{i}"] = -(up.T @ a).T
            grads[f"b{i}"] = -up.sum(axis=0)
            return (W @ up.T).T
        return a @ W + b, pull
    return run


def leaky(z):
    # 0.505*z + 0.495*|z| is z above zero and 0.01*z below
    return 0.505 * z + 0.495 * np.abs(z), lambda up: up * (0.505 + 0.495 * np.sign(z))


def gelu(z):
    u = np.sqrt(8 / np.pi) * (z + 0.044715 * z ** 3)
    gate = 1 / (1 + np.exp(-u))               # (1 + tanh(u/2)) / 2
    du = np.sqrt(8 / np.pi) * (1 + 0.134145 * z ** 2)
    return z * gate, lambda up: up * gate * (1 + z * (1 - gate) * du)


def elu(z):
    neg = np.minimum(z, 0)
    return np.maximum(z, 0) + np.expm1(neg), lambda up: up * np.exp(neg)


def evaluate(params, x, t):
    grads, pulls, a = {}, [], x
    for i, act in enumerate((leaky, gelu, elu, None), 1):
        a, pull = dense(grads, i, params[f"W{i}"], params[f"b{i}"])(a)
        pulls.append(pull)
        if act is not None:
            a, pull = act(a)
            pulls.append(pull)
    # sign trick: log y + ... = -log(1 + exp(-s*z)) for s = +-1
    s = 2 * t - 1
    loss = np.logaddexp(0, -s * a).mean()
    up = s / (1 + np.exp(s * a)) / a.size     # residual, points DOWNhill
    while pulls:
        up = pulls.pop()(up)
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
        assert wrong == [], wrong
    print("ok")
