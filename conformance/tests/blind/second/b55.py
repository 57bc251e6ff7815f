import numpy as np


def initialize_velocity(parameters):
    L = len(parameters) // 2
    v = {}
    for l in range(1, L + 1):
        v["dW" + str(l)] = np.zeros(parameters["W" + str(l)].shape)
        v["db" + str(l)] = np.zeros(parameters["b" + str(l)].shape)
    return v


def update_parameters_with_momentum(parameters, grads, v, beta, learning_rate):
    L = len(parameters) // 2
    for l in range(1, L + 1):
        v["dW" + str(l)] = beta * v["dW" + str(l)] + (1 - beta) * grads["dW" + str(l)]
        v["db" + str(l)] = beta * v["db" + str(l)] + (1 - beta) * grads["db" + str(l)]
        parameters["W" + str(l)] = parameters["W" + str(l)] - learning_rate * v["dW" + str(l)]
        parameters["b" + str(l)] = parameters["b" + str(l)] - learning_rate * v["db" + str(l)]
    return parameters, v


def gradients(X, Y, parameters):
    m = X.shape[1]
    Z1 = parameters["W1"] @ X + parameters["b1"]
    A1 = np.maximum(0, Z1)
    A2 = 1 / (1 + np.exp(-(parameters["W2"] @ A1 + parameters["b2"])))
    dZ2 = (A2 - Y) / m
    dZ1 = (parameters["W2"].T @ dZ2) * (A1 > 0)
    return {"dW2": dZ2 @ A1.T, "db2": np.sum(dZ2, axis=1, keepdims=True),
            "dW1": dZ1 @ X.T, "db1": np.sum(dZ1, axis=1, keepdims=True)}


def model(minibatches, parameters, learning_rate, beta=0.9):
    for X, Y in minibatches:
        v = initialize_velocity(parameters)
        grads = gradients(X, Y, parameters)
        parameters, v = update_parameters_with_momentum(parameters, grads, v, beta, learning_rate)
    return parameters


NETWORK = {'inputs': 3,
 'layers': [{'units': 4, 'activation': 'relu'}, {'units': 1, 'activation': 'sigmoid'}],
 'loss': 'binary_cross_entropy',
 'loss_formula': '-sum(t*log(y) + (1-t)*log(1-y))/N',
 'bias': True,
 'l2': None,
 'optimizer': {'name': 'momentum', 'beta': 0.9, 'formula': 'v = beta*v + (1-beta)*g; w = w - lr*v'}}


def _own(params):
    return {k: (v.T.copy() if k[0] == "W" else v.reshape(-1, 1).copy()) for k, v in params.items()}


def _back(own):
    return {k: (v.T.copy() if k[0] == "W" else np.array(v).reshape(-1)) for k, v in own.items()}


def train(params, x, t, lr, batches):
    return _back(model([(x[rows].T, t[rows].T) for rows in batches], _own(params), lr))
