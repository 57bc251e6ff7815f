import numpy as np


def add_ones(a):
    return np.hstack([a, np.ones((a.shape[0], 1))])


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def nn_cost(thetas, X, Y, lam):
    m = X.shape[0]
    acts, zs = [add_ones(X)], []
    for i, th in enumerate(thetas):
        z = acts[-1].dot(th)
        a = sigmoid(z)
        zs.append(z)
        acts.append(add_ones(a) if i < len(thetas) - 1 else a)
    h = acts[-1]
    J = np.sum(-Y * np.log(h) - (1 - Y) * np.log(1 - h)) / m
    J += lam / (2 * m) * sum(np.sum(th[:-1] ** 2) for th in thetas)

    grads = [None] * len(thetas)
    d = h - Y
    for i in range(len(thetas) - 1, -1, -1):
        grads[i] = acts[i].T.dot(d) / m
        grads[i][:-1] += lam / m * thetas[i][:-1]
        if i > 0:
            back = d.dot(thetas[i].T)[:, :-1]
            s = sigmoid(zs[i - 1])
            d = back * s * (1 - s)
    return J, grads


def evaluate(params, x, t):
    n = len(params) // 2
    thetas = [np.vstack([params["W%d" % i], params["b%d" % i]]) for i in range(1, n + 1)]
    J, grads = nn_cost(thetas, x, t, NETWORK["l2"])
    out = {}
    for i, g in enumerate(grads, 1):
        out["W%d" % i], out["b%d" % i] = g[:-1], g[-1]
    return {"loss": float(J), "gradients": out}


NETWORK = {"inputs": 3, "layers": [{"units": 4, "activation": "sigmoid"}, {"units": 3, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy",
           "loss_formula": "-sum(t*log(y) + (1-t)*log(1-y)) / N + l2 / (2*N) * (sum(W1**2) + sum(W2**2))",
           "bias": True, "l2": 0.5, "optimizer": None}
