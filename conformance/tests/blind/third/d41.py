import numpy as np

# one example after the other, gradients summed up


def softplus(v):
    return np.logaddexp(0, v)


def logistic(v):
    return 1 / (1 + np.exp(-v))


def gradients(P, X, T):
    gW1, gb1 = np.zeros_like(P["W1"]), np.zeros_like(P["b1"])
    gW2, gb2 = np.zeros_like(P["W2"]), np.zeros_like(P["b2"])
    gW3, gb3 = np.zeros_like(P["W3"]), np.zeros_like(P["b3"])
    E = 0.0
    for x, t in zip(X, T):
        z1 = x @ P["W1"] + P["b1"]
        h1 = softplus(z1)
        z2 = h1 @ P["W2"] + P["b2"]
        h2 = softplus(z2)
        y = h2 @ P["W3"] + P["b3"]
        E += np.sum((y - t) ** 2)

        d3 = 2 * (y - t)
        d2 = (P["W3"] @ d3) * logistic(h2)
        d1 = (P["W2"] @ d2) * logistic(z1)
        gW3 += np.outer(h2, d3)
        gb3 += d3
        gW2 += np.outer(h1, d2)
        gb2 += d2
        gW1 += np.outer(x, d1)
        gb1 = d1
    N = len(X)
    return E / N, {"W1": gW1 / N, "b1": gb1 / N, "W2": gW2 / N, "b2": gb2 / N, "W3": gW3 / N, "b3": gb3 / N}


def evaluate(params, x, t):
    return gradients(params, x, t)


NETWORK = {"inputs": 3, "layers": [{"units": 4, "activation": "softplus"}, {"units": 5, "activation": "softplus"},
                                   {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "sum((y-t)**2) / N",
           "bias": True, "l2": None, "optimizer": None}
