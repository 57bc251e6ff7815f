"""One gradient-descent step of a three-layer network, (units, samples) inside."""
import numpy as np

NETWORK = {"inputs": 4,
           "layers": [{"units": 5, "activation": "relu"},
                      {"units": 3, "activation": "tanh"},
                      {"units": 2, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy",
           "loss_formula": "-sum(t*log(y) + (1-t)*log(1-y)) / N",
           "bias": True, "l2": None, "optimizer": None}


def to_columns(params):
    return {k: (v.T if k[0] == "W" else v[:, None]) for k, v in params.items()}


def forward_propagation(X, P):
    Z1 = np.dot(P["W1"], X) + P["b1"]
    A1 = np.maximum(Z1, 0)
    Z2 = np.dot(P["W2"], A1) + P["b2"]
    A2 = np.tanh(Z2)
    Z3 = np.dot(P["W3"], A2) + P["b3"]
    A3 = 1 / (1 + np.exp(-Z3))
    return Z1, A1, Z2, A2, Z3, A3


def backward_propagation(X, Y, P, cache):
    m = X.shape[1]
    Z1, A1, Z2, A2, Z3, A3 = cache
    dZ3 = A3 - Y
    dW3 = 1. / m * np.dot(dZ3, A2.T)
    db3 = 1. / m * np.sum(dZ3, keepdims=True)
    dZ2 = np.dot(P["W3"].T, dZ3) * (1 - np.power(A2, 2))
    dW2 = 1. / m * np.dot(dZ2, A1.T)
    db2 = 1. / m * np.sum(dZ2, keepdims=True)
    dZ1 = np.dot(P["W2"].T, dZ2) * np.int64(A1 > 0)
    dW1 = 1. / m * np.dot(dZ1, X.T)
    db1 = 1. / m * np.sum(dZ1, keepdims=True)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2, "W3": dW3, "b3": db3}


def step(params, x, t, lr):
    P = to_columns(params)
    cache = forward_propagation(x.T, P)
    grads = backward_propagation(x.T, t.T, P, cache)
    new = {}
    for k in P:
        updated = P[k] - lr * grads[k]
        new[k] = updated.T if k[0] == "W" else updated[:, 0]
    return new


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = np.maximum(z, 0.0)
        z = h @ p["W2"] + p["b2"]
        h = np.tanh(z)
        z = h @ p["W3"] + p["b3"]
        h = 1.0 / (1.0 + np.exp(-z))
        y, (N, C) = h, t.shape
        return -np.sum(t*np.log(y) + (1-t)*np.log(1-y)) / N

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

    rng = np.random.default_rng(137)
    for *widths, n in [(5, 5, 5, 3, 8), (2, 4, 6, 3, 9), (5, 6, 6, 2, 5)]:
        p = {}
        for i, (a, b) in enumerate(zip(widths, widths[1:]), 1):
            p["W%d" % i] = rng.normal(size=(a, b)) * 0.8
            p["b%d" % i] = rng.normal(size=b) * 0.3
        x = rng.normal(size=(n, widths[0]))
        t = (rng.random(size=(n, widths[-1])) < 0.5).astype(float)
        g = right_grads(p, x, t)
        error = worst(step(p, x, t, 0.3), {k: p[k] - 0.3 * g[k] for k in p})
        assert error > 1e-4, error
        print(widths, n, "worst relative difference", error)
