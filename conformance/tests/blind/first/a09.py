import numpy as np


def act(z):
    return np.tanh(z)


def forward(ws, x):
    hs = [x]
    for w in ws[:-1]:
        hs.append(act(hs[-1].dot(w)))
    hs.append(hs[-1].dot(ws[-1]))
    return hs


def backward(ws, hs, t):
    grads = []
    delta = (hs[-1] - t) * (2.0 / len(t))
    for k in range(len(ws) - 1, -1, -1):
        grads.append(hs[k].T.dot(delta))
        if k > 0:
            delta = delta.dot(ws[k]) * (1 - hs[k] ** 2)
    return grads[::-1]


def evaluate(params, x, t):
    ws = [params["W%d" % (i + 1)] for i in range(len(params))]
    hs = forward(ws, x)
    loss = ((hs[-1] - t) ** 2).sum() / len(t)
    return {"loss": float(loss), "gradients": {"W%d" % (i + 1): g for i, g in enumerate(backward(ws, hs, t))}}


NETWORK = {"inputs": 4,
           "layers": [{"units": 4, "activation": "tanh"}, {"units": 4, "activation": "tanh"},
                      {"units": 4, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "sum((y - t)**2) / N",
           "bias": False, "l2": None, "optimizer": None}
