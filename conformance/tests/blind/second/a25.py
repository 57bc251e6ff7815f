import numpy as np


class CrossEntropyCost(object):

    @staticmethod
    def fn(a, y):
        return np.sum(np.nan_to_num(-y * np.log(a) - (1 - y) * np.log(1 - a)))

    @staticmethod
    def delta(z, a, y):
        return (a - y)


class Network2(object):
    def __init__(self, weights, biases, cost=CrossEntropyCost):
        self.weights, self.biases, self.cost = weights, biases, cost
        self.num_layers = len(weights) + 1

    def feedforward(self, a):
        for b, w in zip(self.biases, self.weights):
            a = sigmoid(w.dot(a) + b)
        return a

    def backprop(self, x, y):
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        activation, activations, zs = x, [x], []
        for b, w in zip(self.biases, self.weights):
            z = np.dot(w, activation) + b
            zs.append(z)
            activation = sigmoid(z)
            activations.append(activation)
        delta = self.cost.delta(zs[-1], activations[-1], y)
        nabla_b[-1] = delta
        nabla_w[-1] = np.dot(delta, activations[-2].T)
        for l in range(2, self.num_layers):
            delta = np.dot(self.weights[-l].T, delta) * sigmoid_prime(zs[-l])
            nabla_b[-l] = delta
            nabla_w[-l] = np.dot(delta, activations[-l - 1].T)
        return (nabla_b, nabla_w)

    def gradient(self, data):
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        for x, y in data:
            delta_nabla_b, delta_nabla_w = self.backprop(x, y)
            nabla_b = [nb + dnb for nb, dnb in zip(nabla_b, delta_nabla_b)]
            nabla_w = [nw + dnw for nw, dnw in zip(nabla_w, delta_nabla_w)]
        n = len(data)
        return [b / n for b in nabla_b], [w / n for w in nabla_w]

    def total_cost(self, data):
        cost = 0.0
        for x, y in data:
            cost += self.cost.fn(self.feedforward(x), y) / len(data)
        return cost


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z):
    return sigmoid(z) * (1 - sigmoid(z))


def evaluate(params, x, t):
    L = len(params) // 2
    net = Network2([params["W%d" % (i + 1)].T for i in range(L)], [params["b%d" % (i + 1)][:, None] for i in range(L)])
    data = [(x[i][:, None], t[i][:, None]) for i in range(len(x))]
    gb, gw = net.gradient(data)
    grads = {}
    for i in range(L):
        grads["W%d" % (i + 1)], grads["b%d" % (i + 1)] = gw[i].T, gb[i][:, 0]
    return {"loss": float(net.total_cost(data)), "gradients": grads}


NETWORK = {"inputs": 3, "layers": [{"units": 3, "activation": "sigmoid"}, {"units": 3, "activation": "sigmoid"},
                                   {"units": 3, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy", "loss_formula": "-sum(t*log(y) + (1-t)*log(1-y)) / N",
           "bias": True, "l2": None, "optimizer": None}
