"""Adam for a multi-label network, state in two dictionaries."""
import numpy as np

NETWORK = {"inputs": 4,
           "layers": [{"units": 5, "activation": "softplus"},
                      {"units": 3, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy",
           "loss_formula": "-sum(t*log(y) + (1-t)*log(1-y)) / (N*C)",
           "bias": True, "l2": None,
           "optimizer": {"name": "adam", "beta1": 0.9, "beta2": 0.999, "eps": 1e-8,
                         "formula": "p - lr*mhat/(sqrt(vhat)+eps)"}}


def initialize_adam(parameters):
    v, s = {}, {}
    for key in parameters:
        v[key] = np.zeros(parameters[key].shape)
        s[key] = np.zeros(parameters[key].shape)
    return v, s


def backward(parameters, X, Y):
    Z1 = X @ parameters["W1"] + parameters["b1"]
    A1 = np.log(1 + np.exp(Z1))
    A2 = 1 / (1 + np.exp(-(A1 @ parameters["W2"] + parameters["b2"])))
    dZ2 = (A2 - Y) / Y.size
    dZ1 = (dZ2 @ parameters["W2"].T) * (1 / (1 + np.exp(-Z1)))
    return {"W2": A1.T @ dZ2, "b2": dZ2.sum(axis=0), "W1": X.T @ dZ1, "b1": dZ1.sum(axis=0)}


def update_parameters_with_adam(parameters, grads, v, s, t, learning_rate,
                                beta1=0.9, beta2=0.999, epsilon=1e-8):
    for key in parameters:
        v[key] = beta1 * v[key] + (1 - beta1) * grads[key]
        v[key] = v[key] / (1 - beta1 ** t)
        s[key] = beta2 * s[key] + (1 - beta2) * grads[key] ** 2
        s[key] = s[key] / (1 - beta2 ** t)
        parameters[key] = parameters[key] - learning_rate * v[key] / (np.sqrt(s[key]) + epsilon)
    return parameters, v, s


def train(params, x, t, lr, batches):
    parameters = dict(params)
    v, s = initialize_adam(parameters)
    counter = 0
    for minibatch in batches:
        grads = backward(parameters, x[minibatch], t[minibatch])
        counter += 1
        parameters, v, s = update_parameters_with_adam(parameters, grads, v, s, counter, lr)
    return parameters


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = np.logaddexp(z, 0.0)
        z = h @ p["W2"] + p["b2"]
        h = 1.0 / (1.0 + np.exp(-z))
        y, (N, C) = h, t.shape
        return -np.sum(t*np.log(y) + (1-t)*np.log(1-y)) / (N*C)

    def right_grads(p, x, t, h=1e-5):
        out = {}
        for k, v in p.items():
            g = np.zeros(v.shape)
            for i in np.ndindex(*v.shape):
                q = {a: b.copy() for a, b in p.items()}
                q[k][i] += h
                up = right_loss(q, x, t)
                q[k][i] -= 2 * h
                g[i] = (up - right_loss(q, x, t)) / (2 * h)
            out[k] = g
        return out

    def right_train(p, x, t, lr, batches):
        p = {k: v.copy() for k, v in p.items()}
        m = {k: np.zeros(v.shape) for k, v in p.items()}
        s = {k: np.zeros(v.shape) for k, v in p.items()}
        for n, rows in enumerate(batches, 1):
            g = right_grads(p, x[rows], t[rows])
            for k in p:
                m[k] = 0.9 * m[k] + (1 - 0.9) * g[k]
                s[k] = 0.999 * s[k] + (1 - 0.999) * g[k] ** 2
                mhat, shat = m[k] / (1 - 0.9 ** n), s[k] / (1 - 0.999 ** n)
                p[k] = p[k] - lr * mhat / (np.sqrt(shat) + 1e-08)
        return p

    def worst(got, want):
        assert set(got) == set(want)
        assert all(np.shape(got[k]) == np.shape(want[k]) for k in want)
        return max(np.abs(got[k] - want[k]).max() / max(np.abs(want[k]).max(), 1e-8) for k in want)

    rng = np.random.default_rng(130)
    for *widths, n in [(2, 3, 2, 6), (4, 5, 3, 8)]:
        p = {}
        for i, (a, b) in enumerate(zip(widths, widths[1:]), 1):
            p["W%d" % i] = rng.normal(size=(a, b)) * 0.8
            p["b%d" % i] = rng.normal(size=b) * 0.3
        x = rng.normal(size=(n, widths[0]))
        t = (rng.random(size=(n, widths[-1])) < 0.5).astype(float)
        batches = [[0, 2, 1], [3, 4], [1, 4, 0, 2], [2], [3, 0]]
        error = worst(train(p, x, t, 0.1, batches), right_train(p, x, t, 0.1, batches))
        assert error > 1e-4, error
        print(widths, n, "worst relative difference", error)
