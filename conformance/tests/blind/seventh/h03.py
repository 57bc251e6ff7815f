# Port of my old bpnet.c (1998!) to Python. Kept the flat buffers on purpose.
import math
import numpy as np

NETWORK = {"inputs": 3,
           "layers": [{"units": 4, "activation": "sigmoid"}, {"units": 2, "activation": "sigmoid"}],
           "loss": "squared_error",
           "loss_formula": "sum((y-t)**2) / (2*N)",
           "bias": True,
           "l2": None,
           "optimizer": None}


def sigmoid(v):
    return 1.0 / (1.0 + math.exp(-v))


def sigmoid_prime(v):
    return v * (1.0 - v)


def evaluate(params, x, t):
    n_in, n_hid = params["W1"].shape
    n_out = params["W2"].shape[1]
    n_pat = len(x)
    w_ih = params["W1"].ravel()          # w_ih[i*n_hid + j]
    w_ho = params["W2"].ravel()          # w_ho[j*n_out + k]
    b_h, b_o = params["b1"], params["b2"]

    g_ih = [0.0] * (n_in * n_hid)
    g_ho = [0.0] * (n_hid * n_out)
    gb_h = [0.0] * n_hid
    gb_o = [0.0] * n_out
    net_h, hid, del_h = [0.0] * n_hid, [0.0] * n_hid, [0.0] * n_hid
    net_o, out, del_o = [0.0] * n_out, [0.0] * n_out, [0.0] * n_out
    err = 0.0

    for p in range(n_pat):
        for j in range(n_hid):
            net_h[j] = b_h[j]
            for i in range(n_in):
                net_h[j] += x[p][i] * w_ih[i * n_hid + j]
            hid[j] = sigmoid(net_h[j])
        for k in range(n_out):
            net_o[k] = b_o[k]
            for j in range(n_hid):
                net_o[k] += hid[j] * w_ho[j * n_out + k]
            out[k] = sigmoid(net_o[k])
            err += 0.5 * (t[p][k] - out[k]) * (t[p][k] - out[k])
            del_o[k] = (out[k] - t[p][k]) * sigmoid_prime(net_o[k])
        for j in range(n_hid):
            s = 0.0
            for k in range(n_out):
                s += del_o[k] * w_ho[j * n_out + k]
            del_h[j] = s * sigmoid_prime(net_h[j])
        for k in range(n_out):
            gb_o[k] += del_o[k]
            for j in range(n_hid):
                g_ho[j * n_out + k] += del_o[k] * hid[j]
        for j in range(n_hid):
            gb_h[j] += del_h[j]
            for i in range(n_in):
                g_ih[i * n_hid + j] += del_h[j] * x[p][i]

    grads = {"W1": np.array(g_ih).reshape(n_in, n_hid) / n_pat, "b1": np.array(gb_h) / n_pat,
             "W2": np.array(g_ho).reshape(n_hid, n_out) / n_pat, "b2": np.array(gb_o) / n_pat}
    return err / n_pat, grads


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
