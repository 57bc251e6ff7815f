import numpy as np


class FullyConnected:
    def __init__(self, weights, bias):
        self.weights, self.bias = weights, bias

    def forward(self, inputs):
        self.inputs = inputs
        return np.dot(inputs, self.weights) + self.bias

    def backward(self, grad):
        self.grad_w = np.dot(self.inputs.T, grad)
        self.grad_b = np.sum(grad, axis=0)
        return np.dot(grad, self.weights.T)


class ActivationReLU:
    def forward(self, inputs):
        self.inputs = inputs
        return np.maximum(0, inputs)

    def backward(self, grad):
        grad = grad.copy()
        grad[self.inputs <= 0] = 0
        return grad


class CrossEntropy:
    def forward(self, logits, target):
        logits = logits - logits.max(axis=1, keepdims=True)
        self.p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        self.target = target
        return -np.mean(np.log(self.p[range(len(target)), target]))

    def backward(self):
        d = self.p.copy()
        d[range(len(d)), self.target] -= 1
        return d / len(d)


def build(params):
    relu = ActivationReLU()
    return [FullyConnected(params["W1"], params["b1"]), relu,
            FullyConnected(params["W2"], params["b2"]), relu,
            FullyConnected(params["W3"], params["b3"])]


def evaluate(params, x, t):
    layers = build(params)
    h = x
    for layer in layers:
        h = layer.forward(h)
    loss_fn = CrossEntropy()
    loss = loss_fn.forward(h, t.argmax(axis=1))
    grad = loss_fn.backward()
    for layer in reversed(layers):
        grad = layer.backward(grad)
    out = {}
    for i in (1, 2, 3):
        out["W%d" % i], out["b%d" % i] = layers[2 * i - 2].grad_w, layers[2 * i - 2].grad_b
    return {"loss": float(loss), "gradients": out}


NETWORK = {"inputs": 3,
           "layers": [{"units": 6, "activation": "relu"}, {"units": 6, "activation": "relu"},
                      {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": None}
