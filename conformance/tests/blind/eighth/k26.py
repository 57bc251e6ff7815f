# Week 4 assignment, my own L-layer version (columns are examples)
import numpy as np

NETWORK = {"inputs": 3,
           "layers": [{"units": 5, "activation": "relu"}, {"units": 4, "activation": "relu"},
                      {"units": 1, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy",
           "loss_formula": "-sum(t*log(y)+(1-t)*log(1-y)) / N",
           "bias": True, "l2": None, "optimizer": None}


def sigmoid(Z):
    A = 1 / (1 + np.exp(-Z))
    return A, Z


def relu(Z):
    A = np.maximum(0, Z)
    return A, Z


def linear_forward(A, W, b):
    Z = np.dot(W, A) + b
    cache = (A, W, b)
    return Z, cache


def linear_activation_forward(A_prev, W, b, activation):
    Z, linear_cache = linear_forward(A_prev, W, b)
    if activation == "sigmoid":
        A, activation_cache = sigmoid(Z)
    elif activation == "relu":
        A, activation_cache = relu(Z)
    return A, (linear_cache, activation_cache)


def L_model_forward(X, parameters):
    caches = []
    A = X
    L = len(parameters) // 2
    for l in range(1, L):
        A_prev = A
        A, cache = linear_activation_forward(A_prev, parameters['W' + str(l)], parameters['b' + str(l)], "relu")
        caches.append(cache)
    AL, cache = linear_activation_forward(A, parameters['W' + str(L)], parameters['b' + str(L)], "sigmoid")
    caches.append(cache)
    return AL, caches


def compute_cost(AL, Y):
    m = Y.shape[1]
    cost = -1 / m * np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL))
    return np.squeeze(cost)


def linear_backward(dZ, cache):
    A_prev, W, b = cache
    m = A_prev.shape[1]
    dW = 1. / m * np.dot(dZ, A_prev.T)
    db = 1. / m * np.sum(dZ, axis=1, keepdims=True)
    dA_prev = np.dot(W.T, dZ)
    return dA_prev, dW, db


def relu_backward(dA, cache):
    Z = cache
    dZ = np.array(dA, copy=True)
    dZ[Z <= 0] = 0
    return dZ


def L_model_backward(AL, Y, caches):
    grads = {}
    L = len(caches)
    m = AL.shape[1]
    # derivative of the cost with respect to ZL, avoids dividing by AL
    dZL = (AL - Y) / m
    dA, grads["dW" + str(L)], grads["db" + str(L)] = linear_backward(dZL, caches[L - 1][0])
    for l in reversed(range(L - 1)):
        linear_cache, activation_cache = caches[l]
        dZ = relu_backward(dA, activation_cache)
        dA, grads["dW" + str(l + 1)], grads["db" + str(l + 1)] = linear_backward(dZ, linear_cache)
    return grads


def evaluate(params, x, t):
    L = len(params) // 2
    parameters = {}
    for l in range(1, L + 1):
        parameters["W%d" % l] = params["W%d" % l].T
        parameters["b%d" % l] = params["b%d" % l].reshape(-1, 1)
    X, Y = x.T, t.T
    AL, caches = L_model_forward(X, parameters)
    cost = compute_cost(AL, Y)
    g = L_model_backward(AL, Y, caches)
    out = {}
    for l in range(1, L + 1):
        out["W%d" % l] = g["dW%d" % l].T
        out["b%d" % l] = g["db%d" % l].ravel()
    return float(cost), out


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
    EXPECT = {'loss': False, 'grads': ['W1', 'W2', 'W3', 'b1', 'b2', 'b3']}

    for seed, widths, N in CASES:
        p, x, t = problem(seed, widths, N)
        loss, grads = evaluate(copy(p), x.copy(), t.copy())
        assert off(loss, plain_loss(p, x, t)) == EXPECT["loss"], (loss, plain_loss(p, x, t))
        assert differing(grads, plain_grads(p, x, t)) == EXPECT["grads"], differing(grads, plain_grads(p, x, t))
    print("self-check ok")
