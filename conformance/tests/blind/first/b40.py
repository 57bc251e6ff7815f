import numpy as np


class Softmax:
    def forward(self, z):
        tmp = np.exp(z - np.max(z))
        self.output = tmp / np.sum(tmp)
        return self.output

    def backward(self, output_gradient):
        n = np.size(self.output)
        return np.dot((np.identity(n) - self.output.T) * self.output, output_gradient)


class Tanh:
    def forward(self, z):
        self.z = z
        return np.tanh(z)

    def backward(self, output_gradient):
        return np.multiply(output_gradient, 1 - np.tanh(self.z) ** 2)


class Dense:
    def __init__(self, weights, bias):
        self.weights = weights
        self.bias = bias
        self.weights_gradient = np.zeros_like(weights)
        self.bias_gradient = np.zeros_like(bias)

    def forward(self, input):
        self.input = input
        return np.dot(self.weights, self.input) + self.bias

    def backward(self, output_gradient):
        self.weights_gradient += np.dot(output_gradient, self.input.T)
        self.bias_gradient += output_gradient
        return np.dot(self.weights.T, output_gradient)


def run(network, X, Y):
    error = 0
    for x, y in zip(X, Y):
        output = x.reshape(-1, 1)
        y = y.reshape(-1, 1)
        for layer in network:
            output = layer.forward(output)
        error += np.sum(np.power(y - output, 2)) / len(X)
        grad = 2 * (output - y) / len(X)
        for layer in reversed(network):
            grad = layer.backward(grad)
    return error


NETWORK = {'inputs': 3,
 'layers': [{'units': 4, 'activation': 'tanh'}, {'units': 3, 'activation': 'softmax'}],
 'loss': 'squared_error',
 'loss_formula': 'sum((y-t)**2)/N',
 'bias': True,
 'l2': None,
 'optimizer': None}


def evaluate(params, x, t):
    d1 = Dense(params["W1"].T.copy(), params["b1"].reshape(-1, 1).copy())
    d2 = Dense(params["W2"].T.copy(), params["b2"].reshape(-1, 1).copy())
    loss = run([d1, Tanh(), d2, Softmax()], x, t)
    return {"loss": float(loss), "gradients": {"W1": d1.weights_gradient.T, "b1": d1.bias_gradient.ravel(),
                                              "W2": d2.weights_gradient.T, "b2": d2.bias_gradient.ravel()}}
