import numpy as np


def forward(params, x):
    h = 1 / (1 + np.exp(-(x @ params["W1"] + params["b1"])))
    s = h @ params["W2"] + params["b2"]
    e = np.exp(s - s.max(axis=1, keepdims=True))
    return h, e / e.sum(axis=1, keepdims=True)


def backward(params, x, t):
    h, y = forward(params, x)
    d2 = (y - t) / len(x)
    d1 = d2 @ params["W2"].T * h * (1 - h)
    return {"W1": x.T @ d1, "b1": d1.sum(0), "W2": h.T @ d2, "b2": d2.sum(0)}


def momentum_update(params, grads, lr, beta=0.8, velocity={}):
    for name in params:
        v = velocity.get(name)
        if v is None:
            v = np.zeros_like(params[name])
        v = beta * v + grads[name]
        velocity[name] = v
        params[name] = params[name] - lr * v
    return params


def fit(params, x, t, lr, batches):
    for idx in batches:
        grads = backward(params, x[idx], t[idx])
        params = momentum_update(params, grads, lr)
    return params


def train(params, x, t, lr, batches):
    return fit(dict(params), x, t, lr, batches)


NETWORK = {"inputs": 3, "layers": [{"units": 5, "activation": "sigmoid"}, {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N", "bias": True, "l2": None,
           "optimizer": {"name": "momentum", "beta": 0.8, "formula": "v = beta*v + g; p -= lr*v"}}
