import numpy as np


def leaky_relu(z, alpha=0.01):
    return np.where(z > 0, z, alpha * z)


def leaky_relu_grad(z, alpha=0.1):
    g = np.ones_like(z)
    g[z < 0] = alpha
    return g


def net_forward(X, weights):
    (W1, b1), (W2, b2), (W3, b3) = weights
    z1 = X @ W1 + b1
    h1 = leaky_relu(z1)
    z2 = h1 @ W2 + b2
    h2 = leaky_relu(z2)
    out = h2 @ W3 + b3
    return out, (z1, h1, z2, h2)


def net_loss(out, y):
    return 0.5 * np.sum((out - y) ** 2) / out.shape[0]


def net_backward(X, y, weights, out, cache):
    (W1, b1), (W2, b2), (W3, b3) = weights
    z1, h1, z2, h2 = cache
    delta3 = (out - y) / out.shape[0]
    delta2 = (delta3 @ W3.T) * leaky_relu_grad(z2)
    delta1 = (delta2 @ W2.T) * leaky_relu_grad(z1)
    return [(X.T @ delta1, delta1.sum(axis=0)),
            (h1.T @ delta2, delta2.sum(axis=0)),
            (h2.T @ delta3, delta3.sum(axis=0))]


NETWORK = {'inputs': 4,
 'layers': [{'units': 5, 'activation': 'leaky_relu', 'alpha': 0.01},
            {'units': 4, 'activation': 'leaky_relu', 'alpha': 0.01},
            {'units': 1, 'activation': 'linear'}],
 'loss': 'squared_error',
 'loss_formula': '0.5*sum((y-t)**2)/N',
 'bias': True,
 'l2': None,
 'optimizer': None}


def evaluate(params, x, t):
    ws = [(params["W%d" % l].copy(), params["b%d" % l].copy()) for l in (1, 2, 3)]
    out, cache = net_forward(x, ws)
    g = {}
    for l, (dW, db) in enumerate(net_backward(x, t, ws, out, cache), 1):
        g["W%d" % l], g["b%d" % l] = dW, db
    return {"loss": float(net_loss(out, t)), "gradients": g}
