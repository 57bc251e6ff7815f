"""Classifier with weight decay in the cost."""
import numpy as np

NETWORK = {"inputs": 6,
           "layers": [{"units": 5, "activation": "tanh"},
                      {"units": 4, "activation": "tanh"},
                      {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy",
           "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": {"lambda": 0.7, "formula": "lambda/(2*N)*sumW2"}, "optimizer": None}

LAMBD = 0.7


def forward_prop(params, x, n_layers):
    cache = {"A0": x}
    for i in range(1, n_layers + 1):
        Z = cache["A%d" % (i - 1)] @ params["W%d" % i] + params["b%d" % i]
        if i == n_layers:
            Z = Z - np.max(Z, axis=1, keepdims=True)
            cache["A%d" % i] = np.exp(Z) / np.sum(np.exp(Z), axis=1, keepdims=True)
        else:
            cache["A%d" % i] = np.tanh(Z)
    return cache


def cost_with_regularization(params, probs, t, n_layers):
    m = t.shape[0]
    data_cost = -np.sum(t * np.log(probs)) / m
    reg_cost = 0
    for i in range(1, n_layers):
        reg_cost += np.sum(np.square(params["W%d" % i]))
    return data_cost + LAMBD / (2 * m) * reg_cost


def backward_prop(params, cache, t, n_layers):
    m = t.shape[0]
    grads = {}
    dZ = cache["A%d" % n_layers] - t
    for i in range(n_layers, 0, -1):
        A_prev = cache["A%d" % (i - 1)]
        grads["W%d" % i] = (A_prev.T @ dZ + LAMBD * params["W%d" % i]) / m
        grads["b%d" % i] = np.sum(dZ, axis=0) / m
        if i > 1:
            dZ = (dZ @ params["W%d" % i].T) * (1 - A_prev ** 2)
    return grads


def evaluate(params, x, t):
    n_layers = len(params) // 2
    cache = forward_prop(params, x, n_layers)
    cost = cost_with_regularization(params, cache["A%d" % n_layers], t, n_layers)
    return cost, backward_prop(params, cache, t, n_layers)


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = np.tanh(z)
        z = h @ p["W2"] + p["b2"]
        h = np.tanh(z)
        z = h @ p["W3"] + p["b3"]
        h = np.exp(z - z.max(axis=1, keepdims=True)); h = h / h.sum(axis=1, keepdims=True)
        y, (N, C) = h, t.shape
        sumW2 = sum((v ** 2).sum() for k, v in p.items() if k.startswith("W"))
        return -np.sum(t*np.log(y)) / N + 0.7/(2*N)*sumW2

    def right_grads(p, x, t, h=1e-5):
        out = {}
        for k, v in p.items():
            g = np.zeros(v.shape)
            for i in np.ndindex(*v.shape):
                q = {a: b.copy() for a, b in p.items()}
                q[k][i] += h
                up = right_loss(q, x, t)
                q[k][i] -= 2 * h
                g[i] = (up - right_loss(q, x, t)) / (2 * h)
            out[k] = g
        return out

    def worst(got, want):
        assert set(got) == set(want)
        assert all(np.shape(got[k]) == np.shape(want[k]) for k in want)
        return max(np.abs(got[k] - want[k]).max() / max(np.abs(want[k]).max(), 1e-8) for k in want)

    rng = np.random.default_rng(112)
    for *widths, n in [(5, 4, 6, 4, 8), (2, 5, 6, 4, 6), (4, 3, 4, 2, 7)]:
        p = {}
        for i, (a, b) in enumerate(zip(widths, widths[1:]), 1):
            p["W%d" % i] = rng.normal(size=(a, b)) * 0.8
            p["b%d" % i] = rng.normal(size=b) * 0.3
        x = rng.normal(size=(n, widths[0]))
        t = np.eye(widths[-1])[rng.integers(0, widths[-1], size=n)]
        loss, grads = evaluate(p, x, t)
        want = dict(right_grads(p, x, t), loss=right_loss(p, x, t))
        error = worst(dict(grads, loss=loss), want)
        assert error > 1e-4, error
        print(widths, n, "worst relative difference", error)
