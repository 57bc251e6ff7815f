import numpy as np


def add_ones(a):
    return np.hstack([np.ones((a.shape[0], 1)), a])


def g(z):
    return 1.0 / (1.0 + np.exp(-z))


class ThetaNet:
    """Theta[l] has one row per input plus a first row for the constant."""

    def __init__(self, thetas):
        self.thetas = thetas

    def cost_function(self, X, Y):
        inputs = []
        a = X
        for theta in self.thetas:
            a = add_ones(a)
            inputs.append(a)
            a = g(a @ theta)
        J = 0.5 * np.sum((Y - a) ** 2)

        grads = [None] * len(self.thetas)
        error = -(Y - a) * a * (1 - a)
        for l in range(len(self.thetas) - 1, -1, -1):
            grads[l] = inputs[l].T @ error
            if l > 0:
                back = error @ self.thetas[l].T
                error = (back * inputs[l] * (1 - inputs[l]))[:, 1:]
        return J, grads


NETWORK = {'inputs': 3,
 'layers': [{'units': 4, 'activation': 'sigmoid'},
            {'units': 3, 'activation': 'sigmoid'},
            {'units': 2, 'activation': 'sigmoid'}],
 'loss': 'squared_error',
 'loss_formula': '0.5*sum((y-t)**2)',
 'bias': True,
 'l2': None,
 'optimizer': None}


def evaluate(params, x, t):
    L = len(params) // 2
    net = ThetaNet([np.vstack([params["b%d" % l], params["W%d" % l]]) for l in range(1, L + 1)])
    J, grads = net.cost_function(x, t)
    out = {}
    for l, G in enumerate(grads, 1):
        out["b%d" % l], out["W%d" % l] = G[0], G[1:]
    return {"loss": float(J), "gradients": out}
