import numpy as np


class ThreeLayerNet(object):
    def __init__(self, params, reg):
        self.params, self.reg = params, reg

    def loss(self, X, Y):
        W1, b1 = self.params['W1'], self.params['b1']
        W2, b2 = self.params['W2'], self.params['b2']
        W3, b3 = self.params['W3'], self.params['b3']
        N = X.shape[0]

        h1 = np.maximum(0, X.dot(W1) + b1)
        h2 = np.maximum(0, h1.dot(W2) + b2)
        scores = h2.dot(W3) + b3
        scores = scores - scores.max(axis=1, keepdims=True)
        probs = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)

        data_loss = -np.log(probs[Y.astype(bool)]).sum() / N
        reg_loss = 0.5 * self.reg * np.sum(W1 * W1) + 0.5 * self.reg * np.sum(W2 * W2) \
            + 0.5 * self.reg * np.sum(W2 * W2)
        loss = data_loss + reg_loss

        dscores = (probs - Y) / N
        grads = {}
        grads['W3'] = h2.T.dot(dscores) + self.reg * W3
        grads['b3'] = np.sum(dscores, axis=0)
        dh2 = dscores.dot(W3.T)
        dh2[h2 <= 0] = 0
        grads['W2'] = h1.T.dot(dh2) + self.reg * W2
        grads['b2'] = np.sum(dh2, axis=0)
        dh1 = dh2.dot(W2.T)
        dh1[h1 <= 0] = 0
        grads['W1'] = X.T.dot(dh1) + self.reg * W1
        grads['b1'] = np.sum(dh1, axis=0)
        return loss, grads


def evaluate(params, x, t):
    loss, grads = ThreeLayerNet(params, NETWORK["l2"]).loss(x, t)
    return {"loss": float(loss), "gradients": grads}


NETWORK = {"inputs": 3,
           "layers": [{"units": 5, "activation": "relu"}, {"units": 4, "activation": "relu"},
                      {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy",
           "loss_formula": "-sum(t*log(y)) / N + 0.5 * l2 * (sum(W1**2) + sum(W2**2) + sum(W3**2))",
           "bias": True, "l2": 0.05, "optimizer": None}
