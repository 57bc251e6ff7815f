import numpy as np


def affine_forward(x, w, b):
    out = x.dot(w) + b
    cache = (x, w, b)
    return out, cache


def affine_backward(dout, cache):
    x, w, b = cache
    dx = dout.dot(w.T)
    dw = x.T.dot(dout)
    db = np.sum(dout, axis=0)
    return dx, dw, db


def relu_forward(x):
    return np.maximum(x, 0), x


def relu_backward(dout, cache):
    x = cache
    return dout * (x > 0)


def softmax_loss(x, y):
    N = x.shape[0]
    shifted_logits = x - np.max(x, axis=1, keepdims=True)
    Z = np.sum(np.exp(shifted_logits), axis=1, keepdims=True)
    log_probs = shifted_logits - np.log(Z)
    probs = np.exp(log_probs)
    loss = -np.sum(log_probs[np.arange(N), y]) / N
    dx = probs.copy()
    dx[np.arange(N), y] -= 1
    return loss, dx


class TwoLayerNet(object):
    def __init__(self, input_dim, hidden_dim, num_classes, weight_scale=1e-3):
        self.params = {
            'W1': weight_scale * np.random.randn(input_dim, hidden_dim),
            'b1': np.zeros(hidden_dim),
            'W2': weight_scale * np.random.randn(hidden_dim, num_classes),
            'b2': np.zeros(num_classes),
        }

    def loss(self, X, y=None):
        a1, cache1 = affine_forward(X, self.params['W1'], self.params['b1'])
        h1, cache_relu = relu_forward(a1)
        scores, cache2 = affine_forward(h1, self.params['W2'], self.params['b2'])
        if y is None:
            return scores
        grads = {}
        loss, dscores = softmax_loss(scores, y)
        dh1, grads['W2'], grads['b2'] = affine_backward(dscores, cache2)
        da1 = relu_backward(dh1, cache_relu)
        _, grads['W1'], grads['b1'] = affine_backward(da1, cache1)
        return loss, grads


NETWORK = {'inputs': 4,
 'layers': [{'units': 6, 'activation': 'relu'}, {'units': 3, 'activation': 'softmax'}],
 'loss': 'cross_entropy',
 'loss_formula': '-sum(t*log(y))/N',
 'bias': True,
 'l2': None,
 'optimizer': None}


def evaluate(params, x, t):
    model = TwoLayerNet(params["W1"].shape[0], params["W1"].shape[1], params["W2"].shape[1])
    model.params = {k: v.copy() for k, v in params.items()}
    loss, grads = model.loss(x, np.argmax(t, axis=1))
    return {"loss": float(loss), "gradients": grads}
