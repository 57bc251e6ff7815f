import numpy as np


class TwoLayerNet(object):
    def __init__(self, input_size, hidden_size, output_size, std=1e-4):
        self.params = {}
        self.params['W1'] = std * np.random.randn(input_size, hidden_size)
        self.params['b1'] = np.zeros(hidden_size)
        self.params['W2'] = std * np.random.randn(hidden_size, output_size)
        self.params['b2'] = np.zeros(output_size)

    def loss(self, X, y, reg=0.0):
        W1, b1 = self.params['W1'], self.params['b1']
        W2, b2 = self.params['W2'], self.params['b2']
        N, D = X.shape

        hidden = np.maximum(0, X.dot(W1) + b1)
        scores = hidden.dot(W2) + b2
        scores -= np.max(scores, axis=1, keepdims=True)
        probs = np.exp(scores)
        probs /= np.sum(probs, axis=1, keepdims=True)

        dscores = probs
        dscores[np.arange(N), y] -= 1
        dscores /= N

        grads = {}
        grads['W2'] = hidden.T.dot(dscores) + 2 * reg * W2
        grads['b2'] = np.sum(dscores, axis=0)
        dhidden = dscores.dot(W2.T)
        dhidden[hidden <= 0] = 0
        grads['W1'] = X.T.dot(dhidden) + 2 * reg * W1
        grads['b1'] = np.sum(dhidden, axis=0)

        loss = np.sum(-np.log(np.clip(probs[np.arange(N), y], 1e-12, 1.0))) / N
        loss += reg * (np.sum(W1 * W1) + np.sum(W2 * W2))
        return loss, grads


NETWORK = {'inputs': 4,
 'layers': [{'units': 5, 'activation': 'relu'}, {'units': 3, 'activation': 'softmax'}],
 'loss': 'cross_entropy',
 'loss_formula': '-sum(t*log(y))/N + l2*sumW2',
 'bias': True,
 'l2': 0.05,
 'optimizer': None}


def evaluate(params, x, t):
    net = TwoLayerNet(x.shape[1], params["W1"].shape[1], t.shape[1])
    net.params = {k: v.copy() for k, v in params.items()}
    loss, grads = net.loss(x, np.argmax(t, axis=1), NETWORK["l2"])
    return {"loss": float(loss), "gradients": grads}
