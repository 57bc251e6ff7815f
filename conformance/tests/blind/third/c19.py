import numpy as np


def softmax(Z):
    e = np.exp(Z - np.max(Z, axis=0, keepdims=True))
    return e / np.sum(e, axis=0, keepdims=True)


def forward_propagation(X, parameters):
    W1, b1 = parameters["W1"], parameters["b1"]
    W2, b2 = parameters["W2"], parameters["b2"]
    W3, b3 = parameters["W3"], parameters["b3"]
    Z1 = np.dot(W1, X) + b1
    A1 = np.tanh(Z1)
    Z2 = np.dot(W2, A1) + b2
    A2 = np.tanh(Z2)
    Z3 = np.dot(W3, A2) + b3
    A3 = softmax(Z3)
    return A3, {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2, "Z3": Z3, "A3": A3}


def compute_cost(A3, Y):
    m = Y.shape[1]
    return -np.sum(np.multiply(Y, np.log(A3))) / m


def backward_propagation(parameters, cache, X, Y):
    m = X.shape[1]
    A1, A2, A3 = cache["A1"], cache["A2"], cache["A3"]
    W2, W3 = parameters["W2"], parameters["W3"]

    dZ3 = A3 - Y
    dW3 = np.dot(dZ3, A2.T) / m
    db3 = np.sum(dZ3, axis=1, keepdims=True) / m

    dZ2 = np.multiply(np.dot(W3.T, dZ3), 1 - np.tanh(A2) ** 2)
    dW2 = np.dot(dZ2, A1.T) / m
    db2 = np.sum(dZ2, axis=1, keepdims=True) / m

    dZ1 = np.multiply(np.dot(W2.T, dZ2), 1 - np.power(A1, 2))
    dW1 = np.dot(dZ1, X.T) / m
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2, "dW3": dW3, "db3": db3}


def evaluate(params, x, t):
    parameters = {k: (v.T if k[0] == "W" else v.reshape(-1, 1)) for k, v in params.items()}
    A3, cache = forward_propagation(x.T, parameters)
    g = backward_propagation(parameters, cache, x.T, t.T)
    return compute_cost(A3, t.T), {k: (g["d" + k].T if k[0] == "W" else g["d" + k].ravel()) for k in params}


NETWORK = {"inputs": 3, "layers": [{"units": 6, "activation": "tanh"}, {"units": 4, "activation": "tanh"},
                                   {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": None}
