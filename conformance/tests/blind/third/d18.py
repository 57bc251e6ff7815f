import numpy as np


class FCLayer:
    def __init__(self, weights, bias):
        self.weights = weights.copy()
        self.bias = bias.reshape(1, -1).copy()

    def forward_propagation(self, input_data):
        self.input = input_data
        self.output = np.dot(self.input, self.weights) + self.bias
        return self.output

    def backward_propagation(self, output_error, learning_rate):
        weights_error = np.dot(self.input.T, output_error)
        self.weights -= learning_rate * weights_error
        self.bias -= learning_rate * output_error.sum(axis=0, keepdims=True)
        input_error = np.dot(output_error, self.weights.T)
        return input_error


class ActivationLayer:
    def __init__(self, activation, activation_prime):
        self.activation = activation
        self.activation_prime = activation_prime

    def forward_propagation(self, input_data):
        self.input = input_data
        return self.activation(input_data)

    def backward_propagation(self, output_error, learning_rate):
        return self.activation_prime(self.input) * output_error


def tanh(x):
    return np.tanh(x)


def tanh_prime(x):
    return 1 - np.tanh(x) ** 2


def mse_prime(y_true, y_pred):
    return 2 * (y_pred - y_true) / y_true.size


class Network:
    def __init__(self):
        self.layers = []

    def add(self, layer):
        self.layers.append(layer)

    def fit_once(self, x, y, learning_rate):
        output = x
        for layer in self.layers:
            output = layer.forward_propagation(output)
        error = mse_prime(y, output)
        for layer in reversed(self.layers):
            error = layer.backward_propagation(error, learning_rate)


def step(params, x, t, lr):
    n = len(params) // 2
    net = Network()
    for i in range(1, n + 1):
        net.add(FCLayer(params["W%d" % i], params["b%d" % i]))
        net.add(ActivationLayer(tanh, tanh_prime))
    net.fit_once(x, t, lr)
    fc = net.layers[::2]
    out = {"W%d" % (i + 1): l.weights for i, l in enumerate(fc)}
    out.update({"b%d" % (i + 1): l.bias[0] for i, l in enumerate(fc)})
    return out


NETWORK = {"inputs": 2, "layers": [{"units": 3, "activation": "tanh"}, {"units": 4, "activation": "tanh"},
                                   {"units": 1, "activation": "tanh"}],
           "loss": "squared_error", "loss_formula": "mean((y-t)**2)",
           "bias": True, "l2": None, "optimizer": None}
