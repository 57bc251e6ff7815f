"""Document 004's shape: a class in NumPy that updates its weights in a batch, beside an `nn.Module` of the same sizes.

The class names its parameters w1, b1, …, has a bias as a row (1, units), and its ReLU's derivative overwrites what the
forward pass stored. Softmax and loss are shifted by the largest logit, which changes nothing but that they do not overflow:
the document's own are the same functions, and on logits of ±1000 NaN, which `probe-extreme` would say. The module's
output is a softmax over the batch, into a loss that has its own, as in the document.
"""

import numpy as np

from nn_conformance import conforms


def cross_entropy_loss(logits, actual):
    z = logits - np.max(logits, axis=1, keepdims=True)
    return np.mean(np.sum(actual * (np.log(np.sum(np.exp(z), axis=1, keepdims=True)) - z), axis=1))


def relu(z):
    return np.maximum(z, 0)


def relu_slope(z):
    z[z <= 0] = 0
    z[z > 0] = 1
    return z


def softmax(z):
    e = np.exp(z - np.max(z, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


class NN:
    """ReLU, then softmax, under cross-entropy."""

    def __init__(self, inputs, hidden, outputs, lr=0.01):
        self.w1 = np.random.randn(inputs, hidden) / np.sqrt(inputs)
        self.w2 = np.random.randn(hidden, outputs) / np.sqrt(hidden)
        self.b1, self.b2 = np.zeros((1, hidden)), np.zeros((1, outputs))
        self.lr = lr

    def forward(self, x):
        self.x1 = np.dot(x, self.w1) + self.b1
        self.fc = relu(self.x1)
        self.x2 = np.dot(self.fc, self.w2) + self.b2
        self.out = softmax(self.x2)
        return self.out

    def backward(self, x, y):
        dx2 = (self.out - y) / self.out.shape[0]
        dx1 = np.dot(dx2, self.w2.T) * relu_slope(self.x1)
        self.w2 += -self.lr * np.dot(self.fc.T, dx2)
        self.w1 += -self.lr * np.dot(x.T, dx1)
        self.b2 += -self.lr * np.sum(dx2, axis=0, keepdims=True)
        self.b1 += -self.lr * np.sum(dx1, axis=0, keepdims=True)


@conforms("mnist-relu", bias="row", names={"W": "w{}"})
class Updates:
    """The class above, as it is."""

    def set_weights(self, params):
        self.net = NN(1, 1, 1)
        vars(self.net).update(params)

    def step(self, x, y, learning_rate):
        self.net.lr = learning_rate
        self.net.forward(x)
        loss = cross_entropy_loss(self.net.x2, y)
        self.net.backward(x, y)
        return loss

    def get_weights(self):
        return {name: getattr(self.net, name) for name in ("w1", "b1", "w2", "b2")}


def torch_module():
    """The module, of any sizes; a function, so that this file needs no PyTorch to be read."""
    from torch import nn

    class TorchNN(nn.Module):
        def __init__(self, sizes):
            super().__init__()
            inputs, hidden, outputs = sizes
            self.layer1, self.relu = nn.Linear(inputs, hidden), nn.ReLU()
            self.layer2, self.softmax = nn.Linear(hidden, outputs), nn.Softmax(dim=0)

        def forward(self, x):
            return self.softmax(self.layer2(self.relu(self.layer1(x))))

    return conforms("mnist-relu-torch")(TorchNN)
