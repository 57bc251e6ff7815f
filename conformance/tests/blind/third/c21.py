import numpy as np


class DenseLayer:
    def __init__(self, weights, biases):
        self.weights = weights
        self.biases = biases

    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + self.biases

    def backward(self, dvalues):
        self.dweights = np.dot(self.inputs.T, dvalues)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        self.dinputs = np.dot(dvalues, self.weights.T)


class ActivationSigmoid:
    def forward(self, inputs):
        self.output = 1 / (1 + np.exp(-inputs))

    def backward(self, dvalues):
        self.dinputs = dvalues * (1 - self.output) * self.output


class LossMeanSquared:
    def calculate(self, y_pred, y_true):
        return np.mean((y_true - y_pred) ** 2)

    def backward(self, y_pred, y_true):
        self.dinputs = -2 * (y_true - y_pred) / y_true.size


class OptimizerRMSprop:
    def __init__(self, learning_rate=0.001, epsilon=1e-8, rho=0.9):
        self.learning_rate = learning_rate
        self.epsilon = epsilon
        self.rho = rho

    def update_params(self, layer):
        if not hasattr(layer, 'weight_cache'):
            layer.weight_cache = np.zeros_like(layer.weights)
            layer.bias_cache = np.zeros_like(layer.biases)
        layer.weight_cache = self.rho * layer.weight_cache + (1 - self.rho) * layer.dweights ** 2
        layer.bias_cache = self.rho * layer.bias_cache + (1 - self.rho) * layer.dbiases ** 2
        layer.weights += -self.learning_rate * layer.dweights / (np.sqrt(layer.weight_cache) + self.epsilon)
        layer.biases += -self.learning_rate * layer.dbiases / (layer.bias_cache + self.epsilon)


def train(params, x, t, lr, batches):
    dense1 = DenseLayer(params["W1"].copy(), params["b1"].reshape(1, -1).copy())
    act1 = ActivationSigmoid()
    dense2 = DenseLayer(params["W2"].copy(), params["b2"].reshape(1, -1).copy())
    loss_fn = LossMeanSquared()
    optimizer = OptimizerRMSprop(learning_rate=lr)
    for rows in batches:
        dense1.forward(x[rows])
        act1.forward(dense1.output)
        dense2.forward(act1.output)
        loss_fn.backward(dense2.output, t[rows])
        dense2.backward(loss_fn.dinputs)
        act1.backward(dense2.dinputs)
        dense1.backward(act1.dinputs)
        optimizer.update_params(dense1)
        optimizer.update_params(dense2)
    return {"W1": dense1.weights, "b1": dense1.biases[0], "W2": dense2.weights, "b2": dense2.biases[0]}


NETWORK = {"inputs": 3, "layers": [{"units": 6, "activation": "sigmoid"}, {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "mean((y-t)**2)", "bias": True, "l2": None,
           "optimizer": {"name": "rmsprop", "rho": 0.9, "eps": 1e-8,
                         "formula": "s = rho*s + (1-rho)*g**2; p -= lr*g/(sqrt(s) + eps)"}}
