import numpy as np


class SoftmaxCrossEntropy:
    def forward(self, scores, targets):
        self.targets = targets
        self.probs = np.zeros(scores.shape)
        for i in range(scores.shape[0]):
            e = np.exp(scores[i] - scores[i].max())
            self.probs[i] = e / e.sum()
        return -np.sum(targets * np.log(self.probs)) / len(targets)

    def backward(self):
        grad = np.zeros_like(self.targets)
        for i in range(grad.shape[0]):
            grad[i] = self.probs[i] - self.targets[i]
        return grad / grad.shape[0]


class FullyConnected:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return np.matmul(x, self.W) + self.b

    def backward(self, grad):
        self.dW = np.matmul(self.x.T, grad)
        self.db = np.sum(grad, axis=0)
        return np.matmul(grad, self.W.T)


class ReLU:
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, grad):
        return grad * self.mask


def evaluate(params, x, t):
    L = len(params) // 2
    fcs = [FullyConnected(params["W%d" % i], params["b%d" % i]) for i in range(1, L + 1)]
    layers = []
    for i, fc in enumerate(fcs):
        layers.append(fc)
        if i < L - 1:
            layers.append(ReLU())
    out = x
    for layer in layers:
        out = layer.forward(out)
    crit = SoftmaxCrossEntropy()
    loss = crit.forward(out, t)
    grad = crit.backward()
    for layer in reversed(layers):
        grad = layer.backward(grad)
    g = {}
    for i, fc in enumerate(fcs, 1):
        g["W%d" % i], g["b%d" % i] = fc.dW, fc.db
    return loss, g


NETWORK = {"inputs": 4, "layers": [{"units": 7, "activation": "relu"}, {"units": 5, "activation": "relu"},
                                   {"units": 4, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": None}
