import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_derivative(x):
    return sigmoid(x) * (1 - sigmoid(x))


class NeuralNetwork:
    def __init__(self, n_input, n_hidden, n_output):
        self.weights_input_hidden = np.random.uniform(-1, 1, (n_input, n_hidden))
        self.weights_hidden_output = np.random.uniform(-1, 1, (n_hidden, n_output))
        self.bias_hidden = np.zeros((1, n_hidden))
        self.bias_output = np.zeros((1, n_output))

    def forward(self, X):
        self.hidden = sigmoid(np.dot(X, self.weights_input_hidden) + self.bias_hidden)
        self.output = sigmoid(np.dot(self.hidden, self.weights_hidden_output) + self.bias_output)
        return self.output

    def loss(self, y):
        return np.mean(np.square(y - self.output))

    def backward(self, X, y):
        n = X.shape[0]
        d_output = 2 * (self.output - y) / n * sigmoid_derivative(self.output)
        error_hidden = d_output.dot(self.weights_hidden_output.T)
        d_hidden = error_hidden * sigmoid_derivative(self.hidden)

        self.grad_ho = self.hidden.T.dot(d_output)
        self.grad_bo = np.sum(d_output, axis=0, keepdims=True)
        self.grad_ih = X.T.dot(d_hidden)
        self.grad_bh = np.sum(d_hidden, axis=0, keepdims=True)

    def train(self, X, y, epochs, lr):
        for epoch in range(epochs):
            self.forward(X)
            self.backward(X, y)
            self.weights_hidden_output -= lr * self.grad_ho
            self.bias_output -= lr * self.grad_bo
            self.weights_input_hidden -= lr * self.grad_ih
            self.bias_hidden -= lr * self.grad_bh


NETWORK = {'inputs': 3,
 'layers': [{'units': 5, 'activation': 'sigmoid'}, {'units': 1, 'activation': 'sigmoid'}],
 'loss': 'squared_error',
 'loss_formula': 'sum((y-t)**2)/N',
 'bias': True,
 'l2': None,
 'optimizer': None}


def evaluate(params, x, t):
    nn = NeuralNetwork(params["W1"].shape[0], params["W1"].shape[1], params["W2"].shape[1])
    nn.weights_input_hidden, nn.bias_hidden = params["W1"].copy(), params["b1"][None, :].copy()
    nn.weights_hidden_output, nn.bias_output = params["W2"].copy(), params["b2"][None, :].copy()
    nn.forward(x)
    loss = nn.loss(t)
    nn.backward(x, t)
    return {"loss": float(loss), "gradients": {"W1": nn.grad_ih, "b1": nn.grad_bh[0], "W2": nn.grad_ho, "b2": nn.grad_bo[0]}}
