import numpy as np


def prepare(X, Y, parameters):
    """The network works with one sample per column."""
    if X.shape[0] != parameters['W1'].shape[1]:
        X = X.T
    Y = Y.T
    return X, Y


def forward(X, parameters):
    Z1 = np.matmul(parameters['W1'], X) + parameters['b1']
    A1 = np.tanh(Z1)
    Z2 = np.matmul(parameters['W2'], A1) + parameters['b2']
    return A1, Z2


def cost_and_gradients(X, Y, parameters):
    X, Y = prepare(X, Y, parameters)
    m = X.shape[1]
    A1, Z2 = forward(X, parameters)
    diff = Z2 - Y
    cost = np.sum(diff ** 2) / (2 * m)

    gradients = {}
    gradients['W2'] = np.matmul(diff, A1.T) / m
    gradients['b2'] = np.mean(diff, axis=1, keepdims=True)
    dZ1 = np.matmul(parameters['W2'].T, diff) * (1 - A1 ** 2)
    gradients['W1'] = np.matmul(dZ1, X.T) / m
    gradients['b1'] = np.mean(dZ1, axis=1, keepdims=True)
    return cost, gradients


NETWORK = {'inputs': 4,
 'layers': [{'units': 5, 'activation': 'tanh'}, {'units': 2, 'activation': 'linear'}],
 'loss': 'squared_error',
 'loss_formula': 'sum((y-t)**2)/(2*N)',
 'bias': True,
 'l2': None,
 'optimizer': None}


def _own(params):
    return {k: (v.T.copy() if k[0] == "W" else v.reshape(-1, 1).copy()) for k, v in params.items()}


def _back(own):
    return {k: (v.T.copy() if k[0] == "W" else np.array(v).reshape(-1)) for k, v in own.items()}


def evaluate(params, x, t):
    cost, g = cost_and_gradients(x, t, _own(params))
    return {"loss": float(cost), "gradients": _back(g)}
