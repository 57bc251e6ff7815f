import numpy as np

LAMBDA = 0.1


def feed(theta, x):
    """theta: list of (W, b) with W of shape (units, inputs); x: (inputs, N)"""
    acts = [x]
    for W, b in theta[:-1]:
        acts.append(1 / (1 + np.exp(-(W @ acts[-1] + b))))
    W, b = theta[-1]
    acts.append(W @ acts[-1] + b)
    return acts


def gradient_step(theta, x, t, eta):
    acts = feed(theta, x)
    delta = 2 * (acts[-1] - t)
    new_theta = []
    shrink = 1 - eta * LAMBDA
    for k in range(len(theta) - 1, -1, -1):
        W, b = theta[k]
        new_W = shrink * W - eta * (delta @ acts[k].T)
        new_b = b - eta * delta.sum(axis=1, keepdims=True)
        delta = (W.T @ delta) * acts[k] * (1 - acts[k])
        new_theta.insert(0, (new_W, new_b))
    return new_theta


def step(params, x, t, lr):
    theta = [(params["W%d" % i].T, params["b%d" % i][:, None]) for i in range(1, len(params) // 2 + 1)]
    theta = gradient_step(theta, x.T, t.T, lr)
    out = {}
    for i, (W, b) in enumerate(theta, 1):
        out["W%d" % i], out["b%d" % i] = W.T, b[:, 0]
    return out


NETWORK = {"inputs": 3, "layers": [{"units": 5, "activation": "sigmoid"}, {"units": 4, "activation": "sigmoid"},
                                   {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "sum((y-t)**2)",
           "bias": True, "l2": {"lambda": 0.1, "formula": "0.5 * lambda * sum(W**2)"}, "optimizer": None}
