import numpy as np


class Layer:
    def __init__(self):
        self.input = None
        self.output = None

    def forward(self, input):
        raise NotImplementedError

    def backward(self, output_gradient, learning_rate):
        raise NotImplementedError


class Dense(Layer):
    def __init__(self, weights, bias):
        self.weights = weights
        self.bias = bias

    def forward(self, input):
        self.input = input
        return np.dot(self.input, self.weights) + self.bias

    def backward(self, output_gradient, learning_rate):
        weights_gradient = np.dot(self.input.T, output_gradient)
        self.weights -= learning_rate * weights_gradient
        self.bias -= learning_rate * np.sum(output_gradient, axis=0)
        return np.dot(output_gradient, self.weights.T)


class Activation(Layer):
    def __init__(self, activation, activation_prime):
        self.activation = activation
        self.activation_prime = activation_prime

    def forward(self, input):
        self.input = input
        return self.activation(self.input)

    def backward(self, output_gradient, learning_rate):
        return np.multiply(output_gradient, self.activation_prime(self.input))


class Tanh(Activation):
    def __init__(self):
        super().__init__(np.tanh, lambda x: 1 - np.tanh(x) ** 2)


def mse(y_true, y_pred):
    return np.mean(np.power(y_true - y_pred, 2))


def mse_prime(y_true, y_pred):
    return 2 * (y_pred - y_true) / np.size(y_true)


def train_once(network, x, y, learning_rate):
    output = x
    for layer in network:
        output = layer.forward(output)
    error = mse(y, output)
    grad = mse_prime(y, output)
    for layer in reversed(network):
        grad = layer.backward(grad, learning_rate)
    return error


def step(params, x, t, lr):
    network = []
    for i in range(1, len(params) // 2 + 1):
        network += [Dense(params["W%d" % i].copy(), params["b%d" % i].copy()), Tanh()]
    train_once(network, x, t, lr)
    out = {}
    for i, layer in enumerate(network[::2], 1):
        out["W%d" % i], out["b%d" % i] = layer.weights, layer.bias
    return out


NETWORK = {"inputs": 2, "layers": [{"units": 5, "activation": "tanh"}, {"units": 3, "activation": "tanh"},
                                   {"units": 2, "activation": "tanh"}],
           "loss": "squared_error", "loss_formula": "mean((y-t)**2)",
           "bias": True, "l2": None, "optimizer": None}
