from math import exp


def activate(weights, inputs):
    activation = weights[-1]
    for i in range(len(weights) - 1):
        activation += weights[i] * inputs[i]
    return activation


def transfer(activation):
    return 1.0 / (1.0 + exp(-activation))


def transfer_derivative(output):
    return output * (1.0 - output)


def forward_propagate(network, row):
    inputs = row
    for layer in network:
        new_inputs = []
        for neuron in layer:
            neuron['output'] = transfer(activate(neuron['weights'], inputs))
            new_inputs.append(neuron['output'])
        inputs = new_inputs
    return inputs


def backward_propagate_error(network, expected):
    for i in reversed(range(len(network))):
        layer = network[i]
        errors = []
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
    inputs = row
    for layer in network:
        for neuron in layer:
            for j in range(len(inputs)):
                neuron['grad'][j] += neuron['delta'] * inputs[j]
            neuron['grad'][-1] += neuron['delta']
        inputs = [neuron['output'] for neuron in layer]


def gradients(network, rows, targets):
    loss = 0.0
    for layer in network:
        for neuron in layer:
            neuron['grad'] = [0.0] * len(neuron['weights'])
    for row, expected in zip(rows, targets):
        outputs = forward_propagate(network, row)
        loss += sum((e - o) ** 2 for e, o in zip(expected, outputs)) / 2
        backward_propagate_error(network, expected)
        accumulate(network, row)
    return loss


def evaluate(params, x, t):
    n = len(params) // 2
    network = []
    for i in range(1, n + 1):
        W, b = params["W%d" % i], params["b%d" % i]
        network.append([{'weights': W[:, j].tolist() + [float(b[j])]} for j in range(len(b))])
    loss = gradients(network, x.tolist(), t.tolist())
    grads = {}
    for i, layer in enumerate(network, 1):
        gW, gb = params["W%d" % i] * 0, params["b%d" % i] * 0
        for j, neuron in enumerate(layer):
            gW[:, j], gb[j] = neuron['grad'][:-1], neuron['grad'][-1]
        grads["W%d" % i], grads["b%d" % i] = gW, gb
    return {"loss": loss, "gradients": grads}


NETWORK = {"inputs": 2, "layers": [{"units": 3, "activation": "sigmoid"}, {"units": 2, "activation": "sigmoid"}],
           "loss": "squared_error", "loss_formula": "0.5 * sum((y - t)**2)",
           "bias": True, "l2": None, "optimizer": None}
