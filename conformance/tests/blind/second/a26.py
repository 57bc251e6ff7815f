import numpy as np


class Network(object):

    def __init__(self, sizes):
        self.num_layers = len(sizes)
        self.sizes = sizes
        self.biases = [np.random.randn(y, 1) for y in sizes[1:]]
        self.weights = [np.random.randn(y, x) for x, y in zip(sizes[:-1], sizes[1:])]

    def feedforward(self, a):
        for b, w in zip(self.biases, self.weights):
            a = sigmoid(np.dot(w, a) + b)
        return a

    def backprop(self, x, y):
        """Return (nabla_b, nabla_w), the gradient of the cost C_x."""
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        activation = x
        activations = [x]
        zs = []
        for b, w in zip(self.biases, self.weights):
            z = np.dot(w, activation) + b
            zs.append(z)
            activation = sigmoid(z)
            activations.append(activation)
        delta = self.cost_derivative(activations[-1], y) * sigmoid_prime(activations[-1])
        nabla_b[-1] = delta
        nabla_w[-1] = np.dot(delta, activations[-2].transpose())
        for l in range(2, self.num_layers):
            sp = sigmoid_prime(activations[-l])
            delta = np.dot(self.weights[-l + 1].transpose(), delta) * sp
            nabla_b[-l] = delta
            nabla_w[-l] = np.dot(delta, activations[-l - 1].transpose())
        return nabla_b, nabla_w

    def cost_derivative(self, output_activations, y):
        return output_activations - y

    def total_cost(self, data):
        return sum(0.5 * np.linalg.norm(self.feedforward(x) - y) ** 2 for x, y in data) / len(data)


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z):
    return sigmoid(z) * (1 - sigmoid(z))


def evaluate(params, x, t):
    n = len(params) // 2
    net = Network([x.shape[1]] + [params["W%d" % i].shape[1] for i in range(1, n + 1)])
    net.weights = [params["W%d" % i].T for i in range(1, n + 1)]
    net.biases = [params["b%d" % i].reshape(-1, 1) for i in range(1, n + 1)]
    data = [(a.reshape(-1, 1), b.reshape(-1, 1)) for a, b in zip(x, t)]
    parts = [net.backprop(a, b) for a, b in data]
    grads = {}
    for i in range(n):
        grads["W%d" % (i + 1)] = sum(w[i] for _, w in parts).T / len(data)
        grads["b%d" % (i + 1)] = sum(b[i] for b, _ in parts).ravel() / len(data)
    return {"loss": net.total_cost(data), "gradients": grads}


NETWORK = {"inputs": 3, "layers": [{"units": 5, "activation": "sigmoid"}, {"units": 2, "activation": "sigmoid"}],
           "loss": "squared_error", "loss_formula": "0.5 * sum((y - t)**2) / N",
           "bias": True, "l2": None, "optimizer": None}
