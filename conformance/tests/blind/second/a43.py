import numpy as np

def tanh(z):
    return np.tanh(z)

def d_tanh(a):
    return 1 - a ** 2

def forward_pass(X, params):
    Z1 = params['W1'] @ X + params['b1']
    A1 = tanh(Z1)
    Z2 = params['W2'] @ A1 + params['b2']
    A2 = tanh(Z2)
    Z3 = params['W3'] @ A2
    A3 = 1 / (1 + np.exp(-Z3))
    return {'A0': X, 'Z1': Z1, 'A1': A1, 'Z2': Z2, 'A2': A2, 'Z3': Z3, 'A3': A3}

def cost_fn(A3, Y):
    m = Y.shape[1]
    return -(np.dot(Y, np.log(A3).T) + np.dot(1 - Y, np.log(1 - A3).T)).item() / m

def backward_pass(params, cache, Y):
    m = Y.shape[1]
    dZ3 = cache['A3'] - Y
    dW3 = 1 / m * dZ3 @ cache['A2'].T
    db3 = 1 / m * np.sum(dZ3, axis=1, keepdims=True)
    dA2 = params['W3'].T @ dZ3
    dZ2 = dA2 * d_tanh(cache['Z2'])
    dW2 = 1 / m * dZ2 @ cache['A1'].T
    db2 = 1 / m * np.sum(dZ2, axis=1, keepdims=True)
    dA1 = params['W2'].T @ dZ2
    dZ1 = dA1 * d_tanh(cache['A1'])
    dW1 = 1 / m * dZ1 @ X_of(cache).T
    db1 = 1 / m * np.sum(dZ1, axis=1, keepdims=True)
    return {'W1': dW1, 'b1': db1, 'W2': dW2, 'b2': db2, 'W3': dW3, 'b3': db3}

def X_of(cache):
    return cache['A0']

def evaluate(params, x, t):
    p = {k: (v.T if k.startswith('W') else v.reshape(-1, 1)) for k, v in params.items()}
    cache = forward_pass(x.T, p)
    g = backward_pass(p, cache, t.T)
    return {"loss": float(cost_fn(cache['A3'], t.T)),
            "gradients": {k: (v.T if k.startswith('W') else v.ravel()) for k, v in g.items()}}

NETWORK = {"inputs": 4,
           "layers": [{"units": 5, "activation": "tanh"}, {"units": 3, "activation": "tanh"},
                      {"units": 1, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy", "loss_formula": "-sum(t*log(y) + (1-t)*log(1-y)) / N",
           "bias": True, "l2": None, "optimizer": None}
