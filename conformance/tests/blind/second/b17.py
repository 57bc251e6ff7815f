import numpy as np


class QuadraticCost(object):
    @staticmethod
    def fn(a, y):
        return 0.5 * np.linalg.norm(a - y) ** 2

    @staticmethod
    def delta(z, a, y):
        return (a - y) * sigmoid_prime(z)


class CrossEntropyCost(object):
    @staticmethod
    def fn(a, y):
        return np.sum(np.nan_to_num(-y * np.log(a) - (1 - y) * np.log(1 - a)))

    @staticmethod
    def delta(z, a, y):
        return (a - y)


class Network(object):
    def __init__(self, sizes, cost=CrossEntropyCost):
        self.num_layers = len(sizes)
        self.sizes = sizes
        self.default_weight_initializer()
        self.cost = cost

    def default_weight_initializer(self):
        self.biases = [np.random.randn(y, 1) for y in self.sizes[1:]]
        self.weights = [np.random.randn(y, x) / np.sqrt(x) for x, y in zip(self.sizes[:-1], self.sizes[1:])]

    def feedforward(self, a):
        for b, w in zip(self.biases, self.weights):
            a = sigmoid(np.dot(w, a) + b)
        return a

    def total_cost(self, data, lmbda):
        cost = 0.0
        for x, y in data:
            a = self.feedforward(x)
            cost += self.cost.fn(a, y) / len(data)
        cost += 0.5 * (lmbda / len(data)) * sum(np.linalg.norm(w) ** 2 for w in self.weights)
        return cost

    def gradient(self, data, lmbda):
        n = len(data)
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        for x, y in data:
            dnb, dnw = self.backprop(x, y)
            nabla_b = [nb + d for nb, d in zip(nabla_b, dnb)]
            nabla_w = [nw + d for nw, d in zip(nabla_w, dnw)]
        return [nb / n for nb in nabla_b], [nw / n + lmbda / n * w for nw, w in zip(nabla_w, self.weights)]

    def backprop(self, x, y):
        nabla_b = [None] * len(self.biases)
        nabla_w = [None] * len(self.weights)
        activation = x
        activations = [x]
        zs = []
        for b, w in zip(self.biases, self.weights):
            z = np.dot(w, activation) + b
            zs.append(z)
            activation = sigmoid(z)
            activations.append(activation)
        delta = self.cost.delta(zs[-1], activations[-1], y)
        nabla_b[-1] = delta
        nabla_w[-1] = np.dot(delta, activations[-2].T)
        for l in range(2, self.num_layers):
            delta = np.dot(self.weights[-l + 1].T, delta) * sigmoid_prime(zs[-l])
            nabla_b[-l] = delta
            nabla_w[-l] = np.dot(delta, activations[-l - 1].T)
        return nabla_b, nabla_w


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z):
    return sigmoid(z) * (1 - sigmoid(z))


NETWORK = {'inputs': 3,
 'layers': [{'units': 5, 'activation': 'sigmoid'}, {'units': 2, 'activation': 'sigmoid'}],
 'loss': 'binary_cross_entropy',
 'loss_formula': '-sum(t*log(y) + (1-t)*log(1-y))/N + l2/(2*N)*sumW2',
 'bias': True,
 'l2': 0.3,
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
    nb, nw = net.gradient(data, NETWORK["l2"])
    g = {}
    for i in range(len(nw)):
        g["W%d" % (i + 1)] = nw[i].T
        g["b%d" % (i + 1)] = nb[i].ravel()
    return {"loss": float(net.total_cost(data, NETWORK["l2"])), "gradients": g}
