import numpy as np

tape = []


class Var:
    def __init__(self, v):
        self.v = np.array(v, dtype=np.float64)
        self.g = np.zeros_like(self.v)


def record(out, back):
    tape.append(lambda: back(out.g))
    return out


def affine(x, W, b):
    out = Var(x.v @ W.v + b.v)

    def back(g):
        x.g += g @ W.v.T
        W.g += x.v.T @ g
        b.g += g.sum(0)
    return record(out, back)


def sigmoid(x):
    s = 1 / (1 + np.exp(-x.v))

    def back(g):
        x.g += g * s * (1 - s)
    return record(Var(s), back)


def sub(a, b):
    def back(g):
        a.g += g
        b.g += g
    return record(Var(a.v - b.v), back)


def half_square_mean(e):
    n = len(e.v)

    def back(g):
        e.g += g * e.v / n
    return record(Var(0.5 * np.sum(e.v ** 2) / n), back)


def run(x, t, W1, b1, W2, b2):
    tape.clear()
    h = sigmoid(affine(x, W1, b1))
    y = affine(h, W2, b2)
    loss = half_square_mean(sub(t, y))
    loss.g[...] = 1.0
    for back in reversed(tape):
        back()
    return loss


def evaluate(params, x, t):
    v = {k: Var(a) for k, a in params.items()}
    loss = run(Var(x), Var(t), v["W1"], v["b1"], v["W2"], v["b2"])
    return {"loss": float(loss.v), "gradients": {k: a.g for k, a in v.items()}}


NETWORK = {"inputs": 3, "layers": [{"units": 4, "activation": "sigmoid"}, {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "0.5 * sum((y - t)**2) / N",
           "bias": True, "l2": None, "optimizer": None}
