import numpy as np


class SGDMomentum:
    def __init__(self, parameters, lr, mu=0.9, weight_decay=0.0):
        self.parameters = parameters
        self.lr = lr
        self.mu = mu
        self.weight_decay = weight_decay
        self.velocity = [0.0 for _ in parameters]

    def step(self, grads):
        for i, param in enumerate(self.parameters):
            g = grads[i]
            if param.ndim > 1:
                g = g + self.weight_decay * param
            self.velocity[i] = self.mu * self.velocity[i] - self.lr * g
            param += self.velocity[i]


class Net:
    def __init__(self, parameters):
        self.parameters = parameters

    def grads(self, x, labels):
        W1, b1, W2, b2, W3, b3 = self.parameters
        h1 = np.tanh(x @ W1 + b1)
        h2 = np.tanh(h1 @ W2 + b2)
        s = h2 @ W3 + b3
        s = np.exp(s - s.max(axis=1, keepdims=True))
        g = s / s.sum(axis=1, keepdims=True)
        g[range(len(x)), labels] -= 1
        g /= len(x)
        out = [h2.T @ g, g.sum(axis=0)]
        g = g @ W3.T * (1 - h2 ** 2)
        out = [h1.T @ g, g.sum(axis=0)] + out
        g = g @ W2.T * (1 - h1 ** 2)
        return [x.T @ g, g.sum(axis=0)] + out


NETWORK = {'inputs': 3,
 'layers': [{'units': 4, 'activation': 'tanh'},
            {'units': 4, 'activation': 'tanh'},
            {'units': 3, 'activation': 'softmax'}],
 'loss': 'cross_entropy',
 'loss_formula': '-sum(t*log(y))/N + 0.5*l2*sumW2',
 'bias': True,
 'l2': 0.1,
 'optimizer': {'name': 'momentum', 'beta': 0.9, 'formula': 'v = beta*v - lr*g; w = w + v'}}


def train(params, x, t, lr, batches):
    names = ("W1", "b1", "W2", "b2", "W3", "b3")
    net = Net([params[k].copy() for k in names])
    opt = SGDMomentum(net.parameters, lr, weight_decay=NETWORK["l2"])
    labels = t.argmax(axis=1)
    for rows in batches:
        opt.step(net.grads(x[rows], labels[rows]))
    return dict(zip(names, net.parameters))
