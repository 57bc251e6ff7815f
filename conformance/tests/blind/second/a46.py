import numpy as np


def affine_forward(x, w, b):
    out = x.reshape(x.shape[0], -1).dot(w) + b
    return out, (x, w, b)


def affine_backward(dout, cache):
    x, w, b = cache
    dx = dout.dot(w.T).reshape(x.shape)
    dw = x.reshape(x.shape[0], -1).T.dot(dout)
    db = np.sum(dout, axis=0)
    return dx, dw, db


def relu_forward(x):
    return np.maximum(0, x), x


def relu_backward(dout, cache):
    return dout * (cache > 0)


def softmax_loss(x, y):
    shifted_logits = x - np.max(x, axis=1, keepdims=True)
    Z = np.sum(np.exp(shifted_logits), axis=1, keepdims=True)
    log_probs = shifted_logits - np.log(Z)
    N = x.shape[0]
    loss = -np.sum(log_probs[np.arange(N), y]) / N
    dx = np.exp(log_probs)
    dx[np.arange(N), y] -= 1
    dx /= N
    return loss, dx


class TwoLayerNet(object):
    def __init__(self, params, reg=0.0):
        self.params = params
        self.reg = reg

    def loss(self, X, y):
        W1, b1 = self.params["W1"], self.params["b1"]
        W2, b2 = self.params["W2"], self.params["b2"]
        a1, fc1_cache = affine_forward(X, W1, b1)
        h1, relu_cache = relu_forward(a1)
        scores, fc2_cache = affine_forward(h1, W2, b2)
        loss, dscores = softmax_loss(scores, y)
        loss += 0.5 * self.reg * (np.sum(W1 * W1) + np.sum(W2 * W2))
        grads = {}
        dh1, grads["W2"], grads["b2"] = affine_backward(dscores, fc2_cache)
        da1 = relu_backward(dh1, relu_cache)
        _, grads["W1"], grads["b1"] = affine_backward(da1, fc1_cache)
        grads["W2"] += self.reg * W2
        return loss, grads


def evaluate(params, x, t):
    loss, grads = TwoLayerNet(params, reg=NETWORK["l2"]).loss(x, np.argmax(t, axis=1))
    return {"loss": float(loss), "gradients": grads}


NETWORK = {"inputs": 4, "layers": [{"units": 5, "activation": "relu"}, {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N + 0.5 * l2 * (sum(W1**2) + sum(W2**2))",
           "bias": True, "l2": 0.1, "optimizer": None}
