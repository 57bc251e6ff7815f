from math import exp


def activate(weights, inputs):
    return sum(w * v for w, v in zip(weights, inputs)) + weights[-1]


def transfer(a):
    return 1.0 / (1.0 + exp(-a))


def forward_propagate(network, row):
    inputs = row
    for layer in network:
        outputs = []
        for neuron in layer:
            neuron['output'] = transfer(activate(neuron['weights'], inputs))
            outputs.append(neuron['output'])
        inputs = outputs
    return inputs


def backward_propagate_error(network, expected):
    for i in reversed(range(len(network))):
        layer, errors = network[i], []
        if i != len(network) - 1:
            for j in range(len(layer)):
                errors.append(sum(n['weights'][j] * n['delta'] for n in network[i + 1]))
        else:
            for j, neuron in enumerate(layer):
                errors.append(neuron['output'] - expected[j])
        for j, neuron in enumerate(layer):
            neuron['delta'] = errors[j] * neuron['output'] * (1.0 - neuron['output'])


def update_weights(network, row, l_rate):
    for i in range(len(network)):
        inputs = row
        if i != 0:
            inputs = [neuron['output'] for neuron in network[i - 1]]
        for neuron in network[i]:
            for j in range(len(inputs) - 1):
                neuron['weights'][j] -= l_rate * neuron['delta'] * inputs[j]
            neuron['weights'][-1] -= l_rate * neuron['delta']


def train_network(network, rows, targets, l_rate):
    for row, expected in zip(rows, targets):
        forward_propagate(network, row)
        backward_propagate_error(network, expected)
        update_weights(network, row, l_rate)


def train(params, x, t, lr, batches):
    import numpy as np
    n = len(params) // 2
    network = [[{'weights': list(params["W%d" % i][:, j]) + [params["b%d" % i][j]]}
                for j in range(params["W%d" % i].shape[1])] for i in range(1, n + 1)]
    for rows in batches:
        train_network(network, x[rows].tolist(), t[rows].tolist(), lr)
    out = {}
    for i, layer in enumerate(network, 1):
        out["W%d" % i] = np.array([neuron['weights'][:-1] for neuron in layer]).T
        out["b%d" % i] = np.array([neuron['weights'][-1] for neuron in layer])
    return out


NETWORK = {"inputs": 3, "layers": [{"units": 4, "activation": "sigmoid"}, {"units": 2, "activation": "sigmoid"}],
           "loss": "squared_error", "loss_formula": "0.5 * sum((y - t)**2)",
           "bias": True, "l2": None, "optimizer": {"name": "sgd", "batch": 1, "rule": "p -= lr*g after each sample"}}
