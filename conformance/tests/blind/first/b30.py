import random

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

    def total_cost(self, data):
        cost = 0.0
        for x, y in data:
            cost += 0.5 * np.linalg.norm(self.feedforward(x) - y) ** 2
        return cost / len(data)

    def batch_gradient(self, mini_batch):
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        for x, y in mini_batch:
            delta_nabla_b, delta_nabla_w = self.backprop(x, y)
            nabla_b = [nb + dnb for nb, dnb in zip(nabla_b, delta_nabla_b)]
            nabla_w = [nw + dnw for nw, dnw in zip(nabla_w, delta_nabla_w)]
        n = len(mini_batch)
        return [nb / n for nb in nabla_b], [nw / n for nw in nabla_w]

    def backprop(self, x, y):
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
        delta = self.cost_derivative(activations[-1], y)
        nabla_b[-1] = delta
        nabla_w[-1] = np.dot(delta, activations[-2].transpose())
        for l in range(2, self.num_layers):
            sp = sigmoid_prime(zs[-l])
            delta = np.dot(self.weights[-l + 1].transpose(), delta) * sp
            nabla_b[-l] = delta
            nabla_w[-l] = np.dot(delta, activations[-l - 1].transpose())
        return nabla_b, nabla_w

    def cost_derivative(self, output_activations, y):
        return output_activations - y


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z):
    return sigmoid(z) * (1 - sigmoid(z))


NETWORK = {'inputs': 3,
 'layers': [{'units': 4, 'activation': 'sigmoid'}, {'units': 2, 'activation': 'sigmoid'}],
 'loss': 'squared_error',
 'loss_formula': '0.5*sum((y-t)**2)/N',
 'bias': True,
 'l2': None,
 'optimizer': None}


def _network(params):
    L = len([k for k in params if k[0] == "W"])
    net = Network([params["W1"].shape[0]] + [params["W%d" % l].shape[1] for l in range(1, L + 1)])
    net.weights = [params["W%d" % l].T.copy() for l in range(1, L + 1)]
    net.biases = [params["b%d" % l].reshape(-1, 1).copy() for l in range(1, L + 1)]
    return net


def _pairs(x, t):
    return [(a.reshape(-1, 1), b.reshape(-1, 1)) for a, b in zip(x, t)]


def evaluate(params, x, t):
    net = _network(params)
    data = _pairs(x, t)
    nb, nw = net.batch_gradient(data)
    g = {}
    for i in range(len(nw)):
        g["W%d" % (i + 1)] = nw[i].T
        g["b%d" % (i + 1)] = nb[i].ravel()
    return {"loss": float(net.total_cost(data)), "gradients": g}
