import numpy as np

sigmoid = lambda x: 1 / (1 + np.exp(-x))
dsigmoid = lambda y: y * (1 - y)
dtanh = lambda y: 1 - y * y


def one_epoch(X, y, w_h, b_h, w_o, b_o, lr):
    hidden_output = np.tanh(X @ w_h + b_h)
    predicted = sigmoid(hidden_output @ w_o + b_o)

    error = y - predicted
    d_predicted = error * dsigmoid(predicted)
    d_hidden = d_predicted.dot(w_o.T) * dtanh(hidden_output)

    rate = lr / X.shape[0]
    w_o += hidden_output.T.dot(d_predicted) * rate
    b_o += np.sum(d_predicted, axis=0, keepdims=True) * rate
    w_h += X.T.dot(d_hidden) * rate
    b_h += np.sum(d_hidden, axis=0, keepdims=True) * rate
    return w_h, b_h, w_o, b_o


NETWORK = {'inputs': 3,
 'layers': [{'units': 4, 'activation': 'tanh'}, {'units': 1, 'activation': 'sigmoid'}],
 'loss': 'squared_error',
 'loss_formula': '0.5*sum((y-t)**2)/N',
 'bias': True,
 'l2': None,
 'optimizer': {'name': 'sgd', 'formula': 'w = w - lr*g'}}


def step(params, x, t, lr):
    w_h, b_h, w_o, b_o = one_epoch(x, t, params["W1"].copy(), params["b1"][None, :].copy(), params["W2"].copy(), params["b2"][None, :].copy(), lr)
    return {"W1": w_h, "b1": b_h[0], "W2": w_o, "b2": b_o[0]}
