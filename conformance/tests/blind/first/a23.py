import numpy as np


class NeuralNetwork:
    def __init__(self, n_input, n_hidden, n_output):
        self.weights1 = np.random.rand(n_input, n_hidden)
        self.weights2 = np.random.rand(n_hidden, n_output)

    def sigmoid(self, x):
        return 1.0 / (1 + np.exp(-x))

    def sigmoid_derivative(self, x):
        return x * (1.0 - x)

    def forward(self, X):
        self.layer1 = self.sigmoid(np.dot(X, self.weights1))
        self.output = self.sigmoid(np.dot(self.layer1, self.weights2))
        return self.output

    def backward(self, X, y, lr):
        output_error = y - self.output
        output_delta = output_error * self.sigmoid_derivative(self.output)
        self.weights2 += lr * self.layer1.T.dot(output_delta)
        hidden_error = output_delta.dot(self.weights2.T)
        hidden_delta = hidden_error * self.sigmoid_derivative(self.layer1)
        self.weights1 += lr * X.T.dot(hidden_delta)

    def train(self, X, y, lr):
        self.forward(X)
        self.backward(X, y, lr)


def step(params, x, t, lr):
    net = NeuralNetwork(x.shape[1], params["W1"].shape[1], t.shape[1])
    net.weights1, net.weights2 = params["W1"].copy(), params["W2"].copy()
    net.train(x, t, lr)
    return {"W1": net.weights1, "W2": net.weights2}


NETWORK = {"inputs": 3, "layers": [{"units": 4, "activation": "sigmoid"}, {"units": 1, "activation": "sigmoid"}],
           "loss": "squared_error", "loss_formula": "0.5 * sum((y - t)**2)",
           "bias": False, "l2": None, "optimizer": {"name": "sgd"}}
