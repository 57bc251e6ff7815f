"""Layers that learn while the error flows back through them."""
import numpy as np

NETWORK = {
    "inputs": 3,
    "layers": [{"units": 5, "activation": "tanh"}, {"units": 4, "activation": "tanh"},
               {"units": 2, "activation": "linear"}],
    "loss": "squared_error", "loss_formula": "sum((y-t)**2)/(2*N)",
    "bias": True, "l2": None, "optimizer": None,
}


class FCLayer:
    def __init__(self, weights, bias):
        self.weights = weights.copy()
        self.bias = bias.copy()

    def forward_propagation(self, input_data):
        self.input = input_data
        self.output = np.dot(self.input, self.weights) + self.bias
        return self.output

    def backward_propagation(self, output_error, learning_rate):
        weights_error = np.dot(self.input.T, output_error)
        self.weights -= learning_rate * weights_error
        self.bias -= learning_rate * output_error.sum(axis=0)
        return np.dot(output_error, self.weights.T)


class ActivationLayer:
    def __init__(self, activation, activation_prime):
        self.activation = activation
        self.activation_prime = activation_prime

    def forward_propagation(self, input_data):
        self.input = input_data
        return self.activation(self.input)

    def backward_propagation(self, output_error, learning_rate):
        return self.activation_prime(self.input) * output_error


def tanh_prime(z):
    return 1 - np.tanh(z) ** 2


class Network:
    def __init__(self):
        self.layers = []

    def add(self, layer):
        self.layers.append(layer)

    def fit_batch(self, x, t, learning_rate):
        output = x
        for layer in self.layers:
            output = layer.forward_propagation(output)
        error = (output - t) / len(x)
        for layer in reversed(self.layers):
            error = layer.backward_propagation(error, learning_rate)


def step(params, x, t, lr):
    net = Network()
    for i in (1, 2, 3):
        net.add(FCLayer(params["W%d" % i], params["b%d" % i]))
        if i < 3:
            net.add(ActivationLayer(np.tanh, tanh_prime))
    net.fit_batch(x, t, lr)
    new = {}
    for i, layer in enumerate(net.layers[::2], 1):
        new["W%d" % i], new["b%d" % i] = layer.weights, layer.bias
    return new


if __name__ == "__main__":
    # (number of samples, scale of the parameters) -> names that differ from the reference
    EXPECTED = {(6, 1.0): {'W1', 'W2', 'b1', 'b2'}, (1, 1.0): {'W1', 'W2', 'b1', 'b2'}}

    def ref_loss(p, x, t):
        y, N, C = x, len(x), t.shape[1]
        for i, spec in enumerate(NETWORK["layers"], 1):
            z = y @ p["W%d" % i] + p["b%d" % i]
            if spec["activation"] == "tanh":
                y = np.tanh(z)
            elif spec["activation"] == "linear":
                y = z
        value = np.sum((y-t)**2)/(2*N)
        return value

    def ref_grad(p, x, t, h=1e-5):
        g = {k: np.zeros_like(v) for k, v in p.items()}
        for k in p:
            for i in np.ndindex(p[k].shape):
                hi = {n: v.copy() for n, v in p.items()}
                lo = {n: v.copy() for n, v in p.items()}
                hi[k][i] += h
                lo[k][i] -= h
                g[k][i] = (ref_loss(hi, x, t) - ref_loss(lo, x, t)) / (2 * h)
        return g

    for key, names in EXPECTED.items():
        N, scale = key
        rng = np.random.default_rng(3)
        p, d = {}, NETWORK["inputs"]
        for i, spec in enumerate(NETWORK["layers"], 1):
            p["W%d" % i] = scale * rng.normal(size=(d, spec["units"]))
            p["b%d" % i] = scale * rng.normal(size=spec["units"])
            d = spec["units"]
        x = rng.normal(size=(N, NETWORK["inputs"]))
        t = rng.normal(size=(N, d))
        args = [{k: v.copy() for k, v in p.items()}, x.copy(), t.copy()]
        got = step(*args, 0.3)
        again = step({k: v.copy() for k, v in p.items()}, x.copy(), t.copy(), 0.3)
        g = ref_grad(p, x, t)
        right = {k: p[k] - 0.3 * g[k] for k in p}
        assert set(got) == set(right) and all(np.shape(got[k]) == np.shape(right[k]) for k in right)
        differ = {k for k in right if not np.allclose(got[k], right[k], rtol=1e-6, atol=1e-6)}
        differ |= {"again" for k in again if not np.array_equal(again[k], got[k])}
        differ |= {"params" for k in p if not np.array_equal(p[k], args[0][k])}
        differ |= {n for n, u, w in (("x", x, args[1]), ("t", t, args[2])) if not np.array_equal(u, w)}
        assert differ == names, (key, differ)
    print("confirmed", EXPECTED)
