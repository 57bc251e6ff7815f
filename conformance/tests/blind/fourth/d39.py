"""Stateless library: pure functions, pytrees of tuples, hidden values are recomputed in the backward pass.
Sums over the samples throughout; the division by N sits in the step size."""
import numpy as np

DECAY = 0.02
BETA = 0.8
SLOPE = 0.1


def tree(f, *trees):
    if isinstance(trees[0], tuple):
        return tuple(tree(f, *parts) for parts in zip(*trees))
    return f(*trees)


def leaky(z):
    return np.maximum(z, SLOPE * z)


def dense(p, x):
    return x @ p[0] + p[1]


def predict(model, x):
    if len(model) == 1:
        return dense(model[0], x)
    return predict(model[1:], leaky(dense(model[0], x)))


def pull(model, x, out_cotangent):
    """returns (gradients, cotangent of x)"""
    if len(model) == 1:
        g = out_cotangent(dense(model[0], x))
        return ((x.T @ g, g.sum(0)),), g @ model[0][0].T
    z = dense(model[0], x)
    rest, g = pull(model[1:], leaky(z), out_cotangent)
    g = g - (1 - SLOPE) * g * (z <= 0)
    return ((x.T @ g, g.sum(0)),) + rest, g @ model[0][0].T


def update(model, vel, x, t, lr):
    n = len(x)
    grads, _ = pull(model, x, lambda y: y - t)
    grads = tuple((gw + n * DECAY * p[0], gb) for (gw, gb), p in zip(grads, model))
    vel = tree(lambda v, g: BETA * v - (lr / n) * g, vel, grads)
    return tree(np.add, model, vel), vel


def train(params, x, t, lr, batches):
    depth = len(params) // 2
    model = tuple((params["W%d" % i], params["b%d" % i]) for i in range(1, depth + 1))
    vel = tree(np.zeros_like, model)
    for rows in batches:
        model, vel = update(model, vel, x[rows], t[rows], lr)
    out = {}
    for i, (W, b) in enumerate(model, 1):
        out["W%d" % i], out["b%d" % i] = W, b
    return out


NETWORK = {"inputs": 3, "layers": [{"units": 5, "activation": "leaky_relu", "slope": 0.1},
                                   {"units": 4, "activation": "leaky_relu", "slope": 0.1},
                                   {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "0.5*sum((y-t)**2) / N",
           "bias": True, "l2": {"lambda": 0.02, "formula": "0.5 * lambda * sum(W**2)"},
           "optimizer": {"name": "momentum", "beta": 0.8, "formula": "v = beta*v + g; p -= lr*v"}}
