import numpy as np


class TwoLayerNet(object):
    """ N x D input, H hidden units, C classes; softmax loss and L2 regularization. """

    def __init__(self, input_size, hidden_size, output_size, std=1e-4):
        self.params = {}
        self.params['W1'] = std * np.random.randn(input_size, hidden_size)
        self.params['b1'] = np.zeros(hidden_size)
        self.params['W2'] = std * np.random.randn(hidden_size, output_size)
        self.params['b2'] = np.zeros(output_size)

    def loss(self, X, y=None, reg=0.0):
        W1, b1 = self.params['W1'], self.params['b1']
        W2, b2 = self.params['W2'], self.params['b2']
        N, D = X.shape

        hidden = np.maximum(0, X.dot(W1) + b1)
        scores = hidden.dot(W2) + b2
        if y is None:
            return scores

        shift = scores - np.max(scores, axis=1, keepdims=True)
        probs = np.exp(shift) / np.sum(np.exp(shift), axis=1, keepdims=True)
        loss = -np.sum(np.log(probs[range(N), y])) / N
        loss += 0.5 * reg * (np.sum(W1 * W1) + np.sum(W2 * W2))

        grads = {}
        dscores = probs.copy()
        dscores[range(N), y] -= 1
        dscores /= N
        grads['W2'] = hidden.T.dot(dscores) + reg * W2
        grads['b2'] = np.sum(dscores, axis=0)
        dhidden = dscores.dot(W2.T)
        dhidden[hidden <= 0] = 0
        grads['W1'] = X.T.dot(dhidden) + 2 * reg * W1
        grads['b1'] = np.sum(dhidden, axis=0)
        return loss, grads


REG = 0.05


def evaluate(params, x, t):
    net = TwoLayerNet(params['W1'].shape[0], params['b1'].size, params['b2'].size)
    net.params = {k: v.copy() for k, v in params.items()}
    return net.loss(x, t.argmax(axis=1), REG)


NETWORK = {"inputs": 4, "layers": [{"units": 10, "activation": "relu"}, {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": {"lambda": 0.05, "formula": "0.5 * lambda * sum(W**2)"}, "optimizer": None}
