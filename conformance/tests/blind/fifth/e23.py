"""Layers which learn while the error travels back through them."""
import numpy as np

NETWORK = {"inputs": 4,
           "layers": [{"units": 5, "activation": "tanh"},
                      {"units": 4, "activation": "tanh"},
                      {"units": 2, "activation": "linear"}],
           "loss": "squared_error",
           "loss_formula": "sum((y-t)**2) / N",
           "bias": True, "l2": None, "optimizer": None}


class FCLayer:
    def __init__(self, weights, bias):
        self.weights = weights.copy()
        self.bias = bias.copy()

    def forward_propagation(self, input_data):
        self.input = input_data
        return np.dot(input_data, self.weights) + self.bias

    def backward_propagation(self, output_error, learning_rate):
        weights_error = np.dot(self.input.T, output_error)
        self.weights -= learning_rate * weights_error
        self.bias -= learning_rate * output_error.sum(axis=0)
        input_error = np.dot(output_error, self.weights.T)
        return input_error


class TanhLayer:
    def forward_propagation(self, input_data):
        self.output = np.tanh(input_data)
        return self.output

    def backward_propagation(self, output_error, learning_rate):
        return (1 - self.output ** 2) * output_error


def mse_prime(y_true, y_pred):
    return 2 * (y_pred - y_true) / y_true.shape[0]


def step(params, x, t, lr):
    n = len(params) // 2
    layers = []
    for i in range(1, n + 1):
        layers.append(FCLayer(params["W%d" % i], params["b%d" % i]))
        if i != n:
            layers.append(TanhLayer())
    output = x
    for layer in layers:
        output = layer.forward_propagation(output)
    error = mse_prime(t, output)
    for layer in reversed(layers):
        error = layer.backward_propagation(error, lr)
    new = {}
    for i, layer in enumerate(layers[::2], start=1):
        new["W%d" % i], new["b%d" % i] = layer.weights, layer.bias
    return new


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = np.tanh(z)
        z = h @ p["W2"] + p["b2"]
        h = np.tanh(z)
        z = h @ p["W3"] + p["b3"]
        h = z
        y, (N, C) = h, t.shape
        return np.sum((y-t)**2) / N

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

    def worst(got, want):
        assert set(got) == set(want)
        assert all(np.shape(got[k]) == np.shape(want[k]) for k in want)
        return max(np.abs(got[k] - want[k]).max() / max(np.abs(want[k]).max(), 1e-8) for k in want)

    rng = np.random.default_rng(123)
    for *widths, n in [(2, 5, 4, 1, 6), (5, 6, 5, 2, 9), (4, 6, 5, 2, 6)]:
        p = {}
        for i, (a, b) in enumerate(zip(widths, widths[1:]), 1):
            p["W%d" % i] = rng.normal(size=(a, b)) * 0.8
            p["b%d" % i] = rng.normal(size=b) * 0.3
        x = rng.normal(size=(n, widths[0]))
        t = rng.normal(size=(n, widths[-1]))
        g = right_grads(p, x, t)
        error = worst(step(p, x, t, 0.3), {k: p[k] - 0.3 * g[k] for k in p})
        assert error > 1e-4, error
        print(widths, n, "worst relative difference", error)
