import numpy as np


def softmax(scores):
    exp_scores = np.exp(scores)
    return exp_scores / np.sum(exp_scores, axis=1, keepdims=True)


def softmax_regression(X, y, W, b, reg):
    num_examples = X.shape[0]
    probs = softmax(np.dot(X, W) + b)

    correct_logprobs = -np.log(probs[range(num_examples), y] + 1e-12)
    data_loss = np.sum(correct_logprobs) / num_examples
    reg_loss = 0.5 * reg * np.sum(W * W)
    loss = data_loss + reg_loss

    dscores = probs
    dscores[range(num_examples), y] -= 1
    dscores /= num_examples

    dW = np.dot(X.T, dscores)
    db = np.sum(dscores, axis=0, keepdims=True)
    dW += reg * W
    return loss, dW, db


NETWORK = {'inputs': 4,
 'layers': [{'units': 3, 'activation': 'softmax'}],
 'loss': 'cross_entropy',
 'loss_formula': '-sum(t*log(y))/N + 0.5*l2*sumW2',
 'bias': True,
 'l2': 0.1,
 'optimizer': None}


def evaluate(params, x, t):
    loss, dW, db = softmax_regression(x, t.argmax(axis=1), params["W1"], params["b1"][None, :], NETWORK["l2"])
    return {"loss": float(loss), "gradients": {"W1": dW, "b1": db[0]}}
