import numpy as np


class Network:
    def __init__(self, weights, biases):
        self.weights, self.biases = weights, biases
        self.num_layers = len(weights) + 1

    def update_mini_batch(self, mini_batch, eta, lmbda, n):
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        for x, y in mini_batch:
            delta_nabla_b, delta_nabla_w = self.backprop(x, y)
            nabla_b = [nb + dnb for nb, dnb in zip(nabla_b, delta_nabla_b)]
            nabla_w = [nw + dnw for nw, dnw in zip(nabla_w, delta_nabla_w)]
        self.weights = [(1 - eta * lmbda) * w - (eta / len(mini_batch)) * nw
                        for w, nw in zip(self.weights, nabla_w)]
        self.biases = [b - (eta / len(mini_batch)) * nb for b, nb in zip(self.biases, nabla_b)]

    def backprop(self, x, y):
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        activations = [x]
        for b, w in zip(self.biases, self.weights):
            activations.append(sigmoid(np.dot(w, activations[-1]) + b))
        delta = activations[-1] - y
        nabla_b[-1], nabla_w[-1] = delta, np.dot(delta, activations[-2].T)
        for l in range(2, self.num_layers):
            a = activations[-l]
            delta = np.dot(self.weights[-l + 1].T, delta) * a * (1 - a)
            nabla_b[-l] = delta
            nabla_w[-l] = np.dot(delta, activations[-l - 1].T)
        return nabla_b, nabla_w


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def step(params, x, t, lr):
    L = len(params) // 2
    net = Network([params["W%d" % (l + 1)].T for l in range(L)], [params["b%d" % (l + 1)][:, None] for l in range(L)])
    net.update_mini_batch([(a[:, None], b[:, None]) for a, b in zip(x, t)], lr, NETWORK["l2"], len(x))
    out = {}
    for l in range(L):
        out["W%d" % (l + 1)], out["b%d" % (l + 1)] = net.weights[l].T, net.biases[l][:, 0]
    return out


NETWORK = {"inputs": 3, "layers": [{"units": 4, "activation": "sigmoid"}, {"units": 2, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy",
           "loss_formula": "-sum(t*log(y) + (1-t)*log(1-y)) / N + l2 / (2*N) * (sum(W1**2) + sum(W2**2))",
           "bias": True, "l2": 0.2, "optimizer": {"name": "sgd"}}
