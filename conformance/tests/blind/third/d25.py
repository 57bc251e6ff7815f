# Bias as an extra weight row (inputs get a constant 1).  The penalty leaves that row alone.
import numpy as np

LAM = 0.05


def with_one(a):
    return np.hstack([a, np.ones((len(a), 1))])


def elu(z):
    return np.where(z < 0, np.exp(np.minimum(z, 0)) - 1, z)


def elu_slope(a):
    """slope in terms of the output"""
    return np.where(a < 0, a + 1, 1)


def one_step(thetas, x, t, lr):
    N = len(x)
    acts = [with_one(x)]
    for th in thetas[:-1]:
        acts.append(with_one(elu(acts[-1] @ th)))
    s = acts[-1] @ thetas[-1]
    s = np.exp(s - s.max(axis=1, keepdims=True))
    delta = s / s.sum(axis=1, keepdims=True) - t

    new = []
    for th, a in zip(thetas[::-1], acts[::-1]):
        shrink = np.full_like(th, 1 - lr * LAM / N)
        shrink[-1] = 1.0
        new.append(shrink * th - (lr / N) * a.T @ delta)
        delta = (delta @ th.T * elu_slope(a))[:, :-1]
    return new[::-1]


def step(params, x, t, lr):
    n = len(params) // 2
    thetas = [np.vstack([params["W%d" % i], params["b%d" % i]]) for i in range(1, n + 1)]
    out = {}
    for i, th in enumerate(one_step(thetas, x, t, lr), 1):
        out["W%d" % i], out["b%d" % i] = th[:-1], th[-1]
    return out


NETWORK = {"inputs": 3, "layers": [{"units": 5, "activation": "elu"}, {"units": 4, "activation": "elu"},
                                   {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": {"lambda": 0.05, "formula": "lambda / (2*N) * sum(W**2)"}, "optimizer": None}
