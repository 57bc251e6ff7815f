import numpy as np

REG = 0.1


def predict(theta, x):
    z1 = x @ theta["W1"] + theta["b1"]
    a1 = np.tanh(z1)
    z2 = a1 @ theta["W2"] + theta["b2"]
    a2 = np.tanh(z2)
    y = a2 @ theta["W3"] + theta["b3"]
    return dict(x=x, z1=z1, a1=a1, z2=z2, a2=a2, y=y)


def objective(theta, c, t):
    fit = np.sum((c["y"] - t) ** 2) / (2 * len(t))
    return fit + REG / 2 * sum((theta[k] ** 2).sum() for k in ("W1", "W2", "W3"))


def gradients(theta, c, t):
    e3 = (c["y"] - t) / len(t)
    e2 = e3 @ theta["W3"].T * (1 - c["a2"] ** 2)
    e1 = e2 @ theta["W2"].T * (1 - c["a1"] ** 2)
    g = {
        "W3": c["a2"].T @ e3, "b3": e3.sum(axis=0),
        "W2": c["z1"].T @ e2, "b2": e2.sum(axis=0),
        "W1": c["x"].T @ e1, "b1": e1.sum(axis=0),
    }
    for k in g:
        g[k] = g[k] + REG * theta[k]
    return g


def evaluate(params, x, t):
    c = predict(params, x)
    return objective(params, c, t), gradients(params, c, t)


NETWORK = {"inputs": 3, "layers": [{"units": 5, "activation": "tanh"}, {"units": 4, "activation": "tanh"},
                                   {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "sum((y-t)**2) / (2*N)",
           "bias": True, "l2": {"lambda": 0.1, "formula": "lambda/2 * sum(W**2)"}, "optimizer": None}
