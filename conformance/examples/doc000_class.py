"""Document 000's shape: a class that keeps its weights, `forward` and `backward`, which adds to them in place.

Nothing is returned but the outputs, so it is judged by its updates: the weights go in, one step is taken, the weights
come out. `backward` adds what goes downhill, so its steps are those of gradient descent, and no sign need be declared.
"""

import numpy as np

from nn_conformance import conforms


class SigmoidNet:
    """Inputs, hidden sigmoids, output sigmoids; no biases."""

    def __init__(self, inputs, hidden, outputs, rate=0.1):
        self.W1 = np.random.rand(inputs, hidden)
        self.W2 = np.random.rand(hidden, outputs)
        self.rate = rate

    @staticmethod
    def squash(z):
        return 1 / (1 + np.exp(-z))

    @staticmethod
    def slope(a):
        return a * (1 - a)

    def forward(self, X):
        self.hidden = self.squash(X.dot(self.W1))
        self.output = self.squash(self.hidden.dot(self.W2))
        return self.output

    def backward(self, X, y):
        delta = (y - self.output) * self.slope(self.output)
        below = delta.dot(self.W2.T) * self.slope(self.hidden)
        self.W2 += self.hidden.T.dot(delta) * self.rate
        self.W1 += X.T.dot(below) * self.rate

    def train(self, X, y, epochs):
        for _ in range(epochs):
            self.forward(X)
            self.backward(X, y)


@conforms("iris-sigmoid")
class Iris:
    """The class above, as it is: set the weights, take a step, read the weights."""

    def set_weights(self, params):
        self.net = SigmoidNet(*params["W1"].shape, params["W2"].shape[1])
        self.net.W1, self.net.W2 = params["W1"], params["W2"]

    def step(self, x, y, learning_rate):
        self.net.rate = learning_rate
        self.net.train(x, y, epochs=1)

    def get_weights(self):
        return {"W1": self.net.W1, "W2": self.net.W2}
