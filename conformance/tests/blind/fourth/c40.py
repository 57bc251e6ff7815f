import numpy as np


def silu_(z):
    s = 1 / (1 + np.exp(-z))
    slope = s * (1 + z * (1 - s))
    z *= s
    return z, slope


def tanh_(z):
    np.tanh(z, out=z)
    return z, 1 - z * z


def relu_(z):
    slope = (z > 0).astype(z.dtype)
    z *= slope
    return z, slope


def identity_(z):
    return z, 1.0


def descend(layers, a, t, lr):
    """recursive: goes forward through layers[0], lets the rest learn, then learns itself;
    returns the gradient with respect to a"""
    if not layers:
        d = a - t
        d *= 2.0
        d /= len(t)
        return d
    layer = layers[0]
    z = a @ layer["W"]
    z += layer["b"]
    out, slope = layer["f"](z)
    d = descend(layers[1:], out, t, lr)
    d *= slope
    back = d @ layer["W"].T
    layer["W"] -= lr * (a.T @ d)
    layer["b"] -= lr * d.sum(axis=0)
    return back


def step(params, x, t, lr):
    fs = [silu_, tanh_, relu_, identity_]
    layers = [{"W": params["W%d" % i].copy(), "b": params["b%d" % i].copy(), "f": fs[i - 1]} for i in range(1, 5)]
    descend(layers, x, t, lr)
    out = {}
    for i, layer in enumerate(layers, 1):
        out["W%d" % i], out["b%d" % i] = layer["W"], layer["b"]
    return out


NETWORK = {"inputs": 3, "layers": [{"units": 6, "activation": "silu"}, {"units": 5, "activation": "tanh"},
                                   {"units": 5, "activation": "relu"}, {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "sum((y-t)**2) / N",
           "bias": True, "l2": None, "optimizer": None}
