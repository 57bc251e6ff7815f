"""Three-layer classifier, forward and backward written as functions with caches."""
import numpy as np

NETWORK = {"inputs": 4,
           "layers": [{"units": 6, "activation": "relu"},
                      {"units": 5, "activation": "relu"},
                      {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy",
           "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": None}


def linear_forward(A, W, b):
    Z = A.dot(W) + b
    return Z, (A, W)


def linear_backward(dZ, cache):
    A, W = cache
    dW = A.T.dot(dZ)
    db = dZ.sum(axis=0)
    dA = dZ.dot(W.T)
    return dA, dW, db


def relu_forward(Z):
    return np.maximum(Z, 0.0), Z


def relu_backward(dA, cache):
    Z = cache
    dZ = np.array(dA, copy=True)
    dZ[dZ <= 0] = 0
    return dZ


def softmax(Z):
    e = np.exp(Z - Z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def model_forward(params, X):
    L = len(params) // 2
    caches = []
    A = X
    for l in range(1, L):
        Z, lin = linear_forward(A, params["W" + str(l)], params["b" + str(l)])
        A, act = relu_forward(Z)
        caches.append((lin, act))
    Z, lin = linear_forward(A, params["W" + str(L)], params["b" + str(L)])
    caches.append((lin, None))
    return softmax(Z), caches


def model_backward(Y, T, caches):
    grads = {}
    L = len(caches)
    dZ = (Y - T) / T.shape[0]
    dA, grads["W" + str(L)], grads["b" + str(L)] = linear_backward(dZ, caches[-1][0])
    for l in range(L - 1, 0, -1):
        lin, act = caches[l - 1]
        dZ = relu_backward(dA, act)
        dA, grads["W" + str(l)], grads["b" + str(l)] = linear_backward(dZ, lin)
    return grads


def evaluate(params, x, t):
    y, caches = model_forward(params, x)
    loss = -np.sum(t * np.log(y)) / x.shape[0]
    return loss, model_backward(y, t, caches)


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = np.maximum(z, 0.0)
        z = h @ p["W2"] + p["b2"]
        h = np.maximum(z, 0.0)
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

    rng = np.random.default_rng(101)
    for *widths, n in [(5, 4, 3, 3, 5), (3, 6, 3, 3, 5), (2, 4, 5, 3, 6)]:
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
