"""Column-wise deep classifier with lists of Z and A."""
import numpy as np

NETWORK = {"inputs": 4,
           "layers": [{"units": 6, "activation": "leaky_relu", "slope": 0.01},
                      {"units": 5, "activation": "leaky_relu", "slope": 0.01},
                      {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy",
           "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": None}

SLOPE = 0.01


def act(Z):
    return np.where(Z > 0, Z, SLOPE * Z)


def act_prime(Z):
    return np.where(Z > 0, 1.0, SLOPE)


def evaluate(params, x, t):
    X, T = x.T, t.T
    m = X.shape[1]
    L = len(params) // 2
    Ws = [params["W%d" % (i + 1)].T for i in range(L)]
    bs = [params["b%d" % (i + 1)].reshape(-1, 1) for i in range(L)]

    Zs = [X]
    A = X
    for i in range(L):
        Z = Ws[i] @ A + bs[i]
        Zs.append(Z)
        A = act(Z)
    E = np.exp(Zs[-1] - Zs[-1].max(axis=0))
    Y = E / E.sum(axis=0)
    cost = -np.sum(T * np.log(Y)) / m

    grads = {}
    dZ = (Y - T) / m
    for i in range(L - 1, -1, -1):
        grads["W%d" % (i + 1)] = (dZ @ Zs[i].T).T
        grads["b%d" % (i + 1)] = np.sum(dZ, axis=1)
        if i:
            dZ = (Ws[i].T @ dZ) * act_prime(Zs[i])
    return cost, grads


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = np.where(z > 0, z, 0.01 * z)
        z = h @ p["W2"] + p["b2"]
        h = np.where(z > 0, z, 0.01 * z)
        z = h @ p["W3"] + p["b3"]
        h = np.exp(z - z.max(axis=1, keepdims=True)); h = h / h.sum(axis=1, keepdims=True)
        y, (N, C) = h, t.shape
        return -np.sum(t*np.log(y)) / N

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

    rng = np.random.default_rng(128)
    for *widths, n in [(5, 5, 3, 2, 8), (2, 4, 5, 4, 7), (4, 5, 6, 3, 7)]:
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
