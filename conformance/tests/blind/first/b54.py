from math import exp

import numpy as np


def activate(weights, inputs):
    activation = weights[-1]
    for i in range(len(weights) - 1):
        activation += weights[i] * inputs[i]
    return activation


def transfer(activation):
    if activation < 0:
        e = exp(activation)
        return e / (1.0 + e)
    return 1.0 / (1.0 + exp(-activation))


def forward_propagate(network, row):
    inputs = row
    for layer in network:
        new_inputs = []
        for neuron in layer:
            neuron['output'] = transfer(activate(neuron['weights'], inputs))
            new_inputs.append(neuron['output'])
        inputs = new_inputs
    return inputs


def transfer_derivative(output):
    return output * (1.0 - output)


def backward_propagate_error(network, expected):
    for i in reversed(range(len(network))):
        layer = network[i]
        errors = list()
        if i != len(network) - 1:
            for j in range(len(layer)):
                error = 0.0
                for neuron in network[i + 1]:
                    error += neuron['weights'][j] * neuron['delta']
                errors.append(error)
        else:
            for j in range(len(layer)):
                errors.append(layer[j]['output'] - expected[j])
        for j in range(len(layer)):
            layer[j]['delta'] = errors[j] * transfer_derivative(layer[j]['output'])


def accumulate(network, row):
    for i in range(len(network)):
        inputs = row
        if i != 0:
            inputs = [neuron['output'] for neuron in network[i - 1]]
        for neuron in network[i]:
            for j in range(len(inputs)):
                neuron['grad'][j] += neuron['delta'] * inputs[j]
            neuron['grad'][-1] += neuron['delta']


def batch(network, rows, targets):
    for layer in network:
        for neuron in layer:
            neuron['grad'] = [0.0] * len(neuron['weights'])
    sum_error = 0.0
    for row, expected in zip(rows, targets):
        outputs = forward_propagate(network, row)
        sum_error += sum([0.5 * (expected[i] - outputs[i]) ** 2 for i in range(len(expected))])
        backward_propagate_error(network, expected)
        accumulate(network, row)
    return sum_error


NETWORK = {'inputs': 3,
 'layers': [{'units': 4, 'activation': 'sigmoid'}, {'units': 2, 'activation': 'sigmoid'}],
 'loss': 'squared_error',
 'loss_formula': '0.5*sum((y-t)**2)',
 'bias': True,
 'l2': None,
 'optimizer': None}


def evaluate(params, x, t):
    network = []
    for l in (1, 2):
        W, b = params["W%d" % l], params["b%d" % l]
        network.append([{'weights': W[:, j].tolist() + [float(b[j])]} for j in range(W.shape[1])])
    loss = batch(network, x.tolist(), t.tolist())
    g = {}
    for l, layer in enumerate(network, 1):
        G = np.array([n['grad'] for n in layer]).T
        g["W%d" % l], g["b%d" % l] = G[:-1], G[-1]
    return {"loss": loss, "gradients": g}
