import numpy as np


class Network(object):
    def __init__(self, sizes):
        self.num_layers = len(sizes)
        self.biases = [np.random.randn(y, 1) for y in sizes[1:]]
        self.weights = [np.random.randn(y, x) for x, y in zip(sizes[:-1], sizes[1:])]

    def SGD(self, mini_batches, eta, lmbda, n):
        mini_batch_size = len(mini_batches[0])
        for mini_batch in mini_batches:
            nabla_b = [np.zeros(b.shape) for b in self.biases]
            nabla_w = [np.zeros(w.shape) for w in self.weights]
            for x, y in mini_batch:
                delta_nabla_b, delta_nabla_w = self.backprop(x, y)
                nabla_b = [nb + dnb for nb, dnb in zip(nabla_b, delta_nabla_b)]
                nabla_w = [nw + dnw for nw, dnw in zip(nabla_w, delta_nabla_w)]
            self.weights = [(1 - eta * (lmbda / n)) * w - (eta / mini_batch_size) * nw
                            for w, nw in zip(self.weights, nabla_w)]
            self.biases = [b - (eta / mini_batch_size) * nb for b, nb in zip(self.biases, nabla_b)]

    def backprop(self, x, y):
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        activation, activations, zs = x, [x], []
        for b, w in zip(self.biases, self.weights):
            z = np.dot(w, activation) + b
            zs.append(z)
            activation = sigmoid(z)
            activations.append(activation)
        delta = activations[-1] - y
        nabla_b[-1] = delta
        nabla_w[-1] = np.dot(delta, activations[-2].transpose())
        for l in range(2, self.num_layers):
            delta = np.dot(self.weights[-l + 1].transpose(), delta) * sigmoid(zs[-l]) * (1 - sigmoid(zs[-l]))
            nabla_b[-l] = delta
            nabla_w[-l] = np.dot(delta, activations[-l - 1].transpose())
        return nabla_b, nabla_w


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


NETWORK = {'inputs': 3,
 'layers': [{'units': 4, 'activation': 'sigmoid'}, {'units': 2, 'activation': 'sigmoid'}],
 'loss': 'binary_cross_entropy',
 'loss_formula': '-sum(t*log(y) + (1-t)*log(1-y))/N + l2/(2*M)*sumW2',
 'bias': True,
 'l2': 0.8,
 'optimizer': {'name': 'sgd', 'formula': 'w = w - lr*g', 'note': 'N: rows of the mini-batch, M: all rows'}}


def _network(params):
    L = len([k for k in params if k[0] == "W"])
    net = Network([params["W1"].shape[0]] + [params["W%d" % l].shape[1] for l in range(1, L + 1)])
    net.weights = [params["W%d" % l].T.copy() for l in range(1, L + 1)]
    net.biases = [params["b%d" % l].reshape(-1, 1).copy() for l in range(1, L + 1)]
    return net


def _pairs(x, t):
    return [(a.reshape(-1, 1), b.reshape(-1, 1)) for a, b in zip(x, t)]


def train(params, x, t, lr, batches):
    net = _network(params)
    net.SGD([_pairs(x[rows], t[rows]) for rows in batches], lr, NETWORK["l2"], len(x))
    out = {}
    for i in range(len(net.weights)):
        out["W%d" % (i + 1)] = net.weights[i].T.copy()
        out["b%d" % (i + 1)] = net.biases[i].ravel()
    return out
