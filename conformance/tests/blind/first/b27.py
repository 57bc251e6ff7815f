import numpy as np


class Dense:
    def __init__(self, weights, biases, weight_decay):
        self.weights = weights
        self.biases = biases
        self.weight_decay = weight_decay

    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + self.biases
        return self.output

    def penalty(self):
        return 0.5 * self.weight_decay * np.sum(self.weights * self.weights)

    def backward(self, dvalues):
        self.dweights = np.dot(self.inputs.T, dvalues)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        self.dweights += 2 * self.weight_decay * self.weights
        self.dbiases += self.weight_decay * self.biases
        self.dinputs = np.dot(dvalues, self.weights.T)
        return self.dinputs


class LeakyReLU:
    def __init__(self, slope=0.2):
        self.slope = slope

    def forward(self, inputs):
        self.inputs = inputs
        return np.maximum(inputs, self.slope * inputs)

    def backward(self, dvalues):
        dinputs = dvalues.copy()
        dinputs[self.inputs <= 0] *= self.slope
        return dinputs


class MeanSquaredError:
    def forward(self, y_pred, y_true):
        return np.mean(np.sum((y_true - y_pred) ** 2, axis=-1))

    def backward(self, y_pred, y_true):
        return -2 * (y_true - y_pred) / len(y_pred)


def loss_and_backward(layers, X, y):
    out = X
    for layer in layers:
        out = layer.forward(out)
    criterion = MeanSquaredError()
    loss = criterion.forward(out, y)
    loss += sum(layer.penalty() for layer in layers if hasattr(layer, "penalty"))
    d = criterion.backward(out, y)
    for layer in layers[::-1]:
        d = layer.backward(d)
    return loss


NETWORK = {'inputs': 4,
 'layers': [{'units': 4, 'activation': 'leaky_relu', 'alpha': 0.2}, {'units': 1, 'activation': 'linear'}],
 'loss': 'squared_error',
 'loss_formula': 'sum((y-t)**2)/N + 0.5*l2*sumW2',
 'bias': True,
 'l2': 0.3,
 'optimizer': None}


def evaluate(params, x, t):
    d1 = Dense(params["W1"].copy(), params["b1"].reshape(1, -1).copy(), NETWORK["l2"])
    d2 = Dense(params["W2"].copy(), params["b2"].reshape(1, -1).copy(), NETWORK["l2"])
    loss = loss_and_backward([d1, LeakyReLU(), d2], x, t)
    return {"loss": float(loss), "gradients": {"W1": d1.dweights, "b1": d1.dbiases[0], "W2": d2.dweights, "b2": d2.dbiases[0]}}
