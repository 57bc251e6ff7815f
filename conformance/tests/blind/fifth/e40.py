"""Each layer returns its output and a pull-back; the loss works on the logits."""
from functools import reduce

import numpy as np

NETWORK = {"inputs": 4,
           "layers": [{"units": 5, "activation": "silu"},
                      {"units": 4, "activation": "gelu"},
                      {"units": 3, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy",
           "loss_formula": "-sum(t*log(y) + (1-t)*log(1-y)) / (N*C)",
           "bias": True, "l2": None, "optimizer": None}


def dense(k, params):
    W, b = params[f"W{k}"], params[f"b{k}"]

    def layer(x):
        return x @ W + b, lambda ct: (ct @ W.T, {f"W{k}": x.T @ ct, f"b{k}": ct.sum(0)})
    return layer


def silu(x):
    gate = (1 + np.tanh(x / 2)) / 2
    out = x * gate
    return out, lambda ct: (ct * (gate + out * (1 - gate)), {})


def gelu(x):
    # x * sigmoid(2u) is the same thing as x/2 * (1 + tanh(u))
    k = 2 * (2 / np.pi) ** 0.5
    gate = 1 / (1 + np.exp(-k * x * (1 + 0.044715 * x * x)))
    slope = k * (1 + 0.134145 * x * x)
    return x * gate, lambda ct: (ct * gate * (1 + x * (1 - gate) * slope), {})


def bce_with_logits(t):
    def head(z):
        value = np.mean(np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z))))
        return value, lambda ct: (ct * (0.5 * np.tanh(0.5 * z) + 0.5 - t) / t.size, {})
    return head


def evaluate(params, x, t):
    chain = [dense(1, params), silu, dense(2, params), gelu, dense(3, params), bce_with_logits(t)]

    def run(state, layer):
        out, pull = layer(state[0])
        return out, [pull] + state[1]
    loss, pulls = reduce(run, chain, (x, []))
    ct, grads = 1.0, {}
    for pull in pulls:
        ct, found = pull(ct)
        grads.update(found)
    return float(loss), grads


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = z / (1.0 + np.exp(-z))
        z = h @ p["W2"] + p["b2"]
        h = 0.5 * z * (1.0 + np.tanh(np.sqrt(2.0 / np.pi) * (z + 0.044715 * z ** 3)))
        z = h @ p["W3"] + p["b3"]
        h = 1.0 / (1.0 + np.exp(-z))
        y, (N, C) = h, t.shape
        return -np.sum(t*np.log(y) + (1-t)*np.log(1-y)) / (N*C)

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

    rng = np.random.default_rng(140)
    for *widths, n in [(2, 6, 4, 2, 9), (3, 4, 6, 4, 6), (2, 4, 6, 2, 7)]:
        p = {}
        for i, (a, b) in enumerate(zip(widths, widths[1:]), 1):
            p["W%d" % i] = rng.normal(size=(a, b)) * 0.8
            p["b%d" % i] = rng.normal(size=b) * 0.3
        x = rng.normal(size=(n, widths[0]))
        t = (rng.random(size=(n, widths[-1])) < 0.5).astype(float)
        loss, grads = evaluate(p, x, t)
        want = dict(right_grads(p, x, t), loss=right_loss(p, x, t))
        error = worst(dict(grads, loss=loss), want)
        assert error < 1e-5, error
        print(widths, n, "worst relative difference", error)
