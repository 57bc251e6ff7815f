import numpy as np


def forward(w, X):
    cache = [X]
    for i in (1, 2):
        X = np.maximum(X @ w[f"W{i}"] + w[f"b{i}"], 0)
        cache.append(X)
    return X @ w["W3"] + w["b3"], cache


def gradients(w, X, Y):
    out, cache = forward(w, X)
    g, d = {}, 2 * (out - Y) / Y.size
    for i in (3, 2, 1):
        g[f"W{i}"] = cache[i - 1].T @ d
        g[f"b{i}"] = d.sum(axis=0)
        d = (d @ w[f"W{i}"].T) * (cache[i - 1] > 0)
    return g


def adam_step(w, g, state, lr, b1=0.9, b2=0.99, eps=1e-7):
    state["t"] += 1
    t = state["t"]
    new = {}
    for k in w:
        m, v = state["mv"].get(k, (0.0, 0.0))
        m += (1 - b1) * (g[k] - m)
        v += (1 - b2) * (g[k] * g[k] - v)
        state["mv"][k] = (m, v)
        new[k] = w[k] - lr * (m / (1 - b1 ** t)) / (np.sqrt(v / (1 - b2 ** t)) + eps)
    return new


def train(params, x, t, lr, batches):
    state, w = {"t": 0, "mv": {}}, params
    for rows in batches:
        w = adam_step(w, gradients(w, x[rows], t[rows]), state, lr)
    return w


NETWORK = {"inputs": 3,
           "layers": [{"units": 5, "activation": "relu"}, {"units": 4, "activation": "relu"},
                      {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "mean((y - t)**2)",
           "bias": True, "l2": None,
           "optimizer": {"name": "adam", "beta1": 0.9, "beta2": 0.99, "eps": 1e-7}}
