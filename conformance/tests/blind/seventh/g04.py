# Deep Neural Network - Step by Step (programming assignment, week 4)
import numpy as np

NETWORK = {"inputs": 5,
           "layers": [{"units": 6, "activation": "relu"}, {"units": 4, "activation": "relu"},
                      {"units": 2, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy",
           "loss_formula": "-sum(t*log(y)+(1-t)*log(1-y))/N",
           "bias": True, "l2": None, "optimizer": None}


def linear_forward(A, W, b):
    Z = np.dot(W, A) + b
    return Z, (A, W, b)


def linear_activation_forward(A_prev, W, b, activation):
    Z, linear_cache = linear_forward(A_prev, W, b)
    if activation == "sigmoid":
        A = 1 / (1 + np.exp(-Z))
    elif activation == "relu":
        A = np.maximum(0, Z)
    return A, (linear_cache, Z)


def L_model_forward(X, parameters):
    caches = []
    A = X
    L = len(parameters) // 2
    for l in range(1, L):
        A, cache = linear_activation_forward(A, parameters["W" + str(l)], parameters["b" + str(l)], "relu")
        caches.append(cache)
    AL, cache = linear_activation_forward(A, parameters["W" + str(L)], parameters["b" + str(L)], "sigmoid")
    caches.append(cache)
    return AL, caches


def compute_cost(AL, Y):
    m = Y.shape[1]
    cost = -1 / m * np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL))
    return np.squeeze(cost)


def linear_backward(dZ, cache):
    A_prev, W, b = cache
    m = A_prev.shape[1]
    dW = 1 / m * np.dot(dZ, A_prev.T)
    db = 1 / m * np.sum(dZ, keepdims=True)
    dA_prev = np.dot(W.T, dZ)
    return dA_prev, dW, db


def linear_activation_backward(dA, cache, activation):
    linear_cache, Z = cache
    if activation == "relu":
        dZ = np.array(dA, copy=True)
        dZ[Z <= 0] = 0
    elif activation == "sigmoid":
        s = 1 / (1 + np.exp(-Z))
        dZ = dA * s * (1 - s)
    return linear_backward(dZ, linear_cache)


def L_model_backward(AL, Y, caches):
    grads = {}
    L = len(caches)
    dAL = -(np.divide(Y, AL) - np.divide(1 - Y, 1 - AL))
    dA, grads["dW" + str(L)], grads["db" + str(L)] = linear_activation_backward(dAL, caches[L - 1], "sigmoid")
    for l in reversed(range(L - 1)):
        dA, grads["dW" + str(l + 1)], grads["db" + str(l + 1)] = \
            linear_activation_backward(dA, caches[l], "relu")
    return grads


def evaluate(params, x, t):
    L = len(params) // 2
    parameters = {}
    for l in range(1, L + 1):
        parameters["W" + str(l)] = params["W" + str(l)].T
        parameters["b" + str(l)] = params["b" + str(l)].reshape(-1, 1)
    AL, caches = L_model_forward(x.T, parameters)
    g = L_model_backward(AL, t.T, caches)
    grads = {}
    for l in range(1, L + 1):
        grads["W" + str(l)] = g["dW" + str(l)].T
        # same shape as the bias
        grads["b" + str(l)] = (np.zeros_like(parameters["b" + str(l)]) + g["db" + str(l)]).ravel()
    return float(compute_cost(AL, t.T)), grads


if __name__ == "__main__":
    # ---- self-check: plain forward pass, central differences, plain update rules ----
    expected = {"b1", "b2", "b3"}

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
    for seed, widths, n in ((1, own, 7), (2, [5, 3, 6, 4][:n_layers + 1], 8), (3, [2, 7, 4, 3][:n_layers + 1], 5)):
        p, x, t = problem(seed, widths, n)
        loss, grads = evaluate(copy(p), x.copy(), t.copy())
        found = {"loss"} if differs(loss, right_loss(p, x, t)) else set()
        ref = right_grads(p, x, t)
        assert set(grads) == set(p)
        found |= {k for k in p if differs(grads[k], ref[k])}
        assert found == expected, (widths, sorted(found))
    print("ok: differs from the right numbers in", sorted(expected) or "nothing")
