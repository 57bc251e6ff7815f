# no matrix tricks, loops only, so that I understand each index
import math
import numpy as np

NETWORK = {"inputs": 2,
           "layers": [{"units": 3, "activation": "tanh"}, {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "sum((y-t)**2) / N",
           "bias": True, "l2": None, "optimizer": None}


def evaluate(params, x, t):
    W1, b1, W2, b2 = params["W1"], params["b1"], params["W2"], params["b2"]
    n_in, n_hid = W1.shape
    n_out = W2.shape[1]
    N = x.shape[0]

    gW1 = np.zeros((n_in, n_hid))
    gW2 = np.zeros((n_hid, n_out))
    gb1 = np.full(n_hid, 0)
    gb2 = np.zeros(n_out)
    loss = 0.0

    for s in range(N):
        hidden = []
        for j in range(n_hid):
            net = b1[j]
            for i in range(n_in):
                net += W1[i][j] * x[s][i]
            hidden.append(math.tanh(net))
        out = []
        for k in range(n_out):
            net = b2[k]
            for j in range(n_hid):
                net += W2[j][k] * hidden[j]
            out.append(net)

        d_out = []
        for k in range(n_out):
            err = out[k] - t[s][k]
            loss += err ** 2 / N
            d_out.append(2 * err / N)

        for k in range(n_out):
            gb2[k] = gb2[k] + d_out[k]
            for j in range(n_hid):
                gW2[j][k] = gW2[j][k] + d_out[k] * hidden[j]

        for j in range(n_hid):
            back = 0.0
            for k in range(n_out):
                back += d_out[k] * W2[j][k]
            d_hid = back * (1 - hidden[j] ** 2)
            gb1[j] = gb1[j] + d_hid
            for i in range(n_in):
                gW1[i][j] = gW1[i][j] + d_hid * x[s][i]

    return loss, {"W1": gW1, "b1": np.array(gb1, dtype=float), "W2": gW2, "b2": gb2}


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
    EXPECT = {'loss': False, 'grads': ['b1']}

    for seed, widths, N in CASES:
        p, x, t = problem(seed, widths, N)
        loss, grads = evaluate(copy(p), x.copy(), t.copy())
        assert off(loss, plain_loss(p, x, t)) == EXPECT["loss"], (loss, plain_loss(p, x, t))
        assert differing(grads, plain_grads(p, x, t)) == EXPECT["grads"], differing(grads, plain_grads(p, x, t))
    print("self-check ok")
