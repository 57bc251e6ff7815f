import numpy as np

NETWORK = {"inputs": 2,
           "layers": [{"units": 6, "activation": "relu"}, {"units": 3, "activation": "relu"},
                      {"units": 1, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy",
           "loss_formula": "-sum(t*log(y)+(1-t)*log(1-y)) / N",
           "bias": True, "l2": {"lambda": 0.7, "formula": "lambda/(2*N)*sumW2"}, "optimizer": None}

lambd = 0.7


def forward_propagation(X, p):
    Z1 = np.dot(p["W1"], X) + p["b1"]
    A1 = np.maximum(Z1, 0)
    Z2 = np.dot(p["W2"], A1) + p["b2"]
    A2 = np.maximum(Z2, 0)
    Z3 = np.dot(p["W3"], A2) + p["b3"]
    A3 = 1 / (1 + np.exp(-Z3))
    return A3, (Z1, A1, Z2, A2, Z3, A3)


def compute_cost_with_regularization(A3, Y, p, lambd):
    m = Y.shape[1]
    logprobs = np.multiply(-np.log(A3), Y) + np.multiply(-np.log(1 - A3), 1 - Y)
    cross_entropy_cost = 1. / m * np.nansum(logprobs)
    L2_cost = lambd / (2 * m) * (np.sum(np.square(p["W1"])) + np.sum(np.square(p["W2"])) + np.sum(np.square(p["W3"])))
    return cross_entropy_cost + L2_cost


def backward_propagation_with_regularization(X, Y, p, cache, lambd):
    m = X.shape[1]
    (Z1, A1, Z2, A2, Z3, A3) = cache
    dZ3 = A3 - Y
    dW3 = 1. / m * np.dot(dZ3, A2.T) + lambd * p["W3"]
    db3 = 1. / m * np.sum(dZ3, axis=1, keepdims=True)

    dA2 = np.dot(p["W3"].T, dZ3)
    dZ2 = np.multiply(dA2, np.int64(A2 > 0))
    dW2 = 1. / m * np.dot(dZ2, A1.T) + lambd * p["W2"]
    db2 = 1. / m * np.sum(dZ2, axis=1, keepdims=True)

    dA1 = np.dot(p["W2"].T, dZ2)
    dZ1 = np.multiply(dA1, np.int64(A1 > 0))
    dW1 = 1. / m * np.dot(dZ1, X.T) + lambd * p["W1"]
    db1 = 1. / m * np.sum(dZ1, axis=1, keepdims=True)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2, "W3": dW3, "b3": db3}


def evaluate(params, x, t):
    p = {k: (v.T if k[0] == "W" else v[:, None]) for k, v in params.items()}
    A3, cache = forward_propagation(x.T, p)
    cost = compute_cost_with_regularization(A3, t.T, p, lambd)
    g = backward_propagation_with_regularization(x.T, t.T, p, cache, lambd)
    return cost, {k: (v.T if k[0] == "W" else v[:, 0]) for k, v in g.items()}


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
    EXPECT = {'loss': False, 'grads': ['W1', 'W2', 'W3']}

    for seed, widths, N in CASES:
        p, x, t = problem(seed, widths, N)
        loss, grads = evaluate(copy(p), x.copy(), t.copy())
        assert off(loss, plain_loss(p, x, t)) == EXPECT["loss"], (loss, plain_loss(p, x, t))
        assert differing(grads, plain_grads(p, x, t)) == EXPECT["grads"], differing(grads, plain_grads(p, x, t))
    print("self-check ok")
